"""Eyes for any model: one chain of two models, whatever the answering one makes of the prompt."""

import threading
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.chain import parse
from robust_r1.engine import Answer, Request, TextDelta, load_engine
from robust_r1.engine.endpoint import Endpoint
from robust_r1.engine.eyes import LOOK, EyesEngine, with_eyes
from robust_r1.engine.joining import Rest, findings_section
from robust_r1.engine.remote import RemoteEngine
from robust_r1.errors import InputError, ModelError
from robust_r1.evaluation import benchmark, evaluate, headline
from tests.support.endpoint_server import serve_endpoint
from tests.support.scripted_engine import ScriptedEngine

FOUND = "<TYPE>scan lines(0.40)<TYPE_END>"
REST = (
    "<INFLUENCE>Lines cross it.<INFLUENCE_END><REASONING>A cat sits there.<REASONING_END>"
    "<CONCLUSION>It is a cat.<CONCLUSION_END><ANSWER>a cat<ANSWER_END>"
)
ASKED = "What is it?"


class Copying(ScriptedEngine):
    """Answer with the findings that it is given, and an answer of its own."""

    def _write(self, request, settings, stop):
        given = request.template.partition("from 0 to 1: ")[2].partition(". Answer")[0]
        self.texts = {"": f"<TYPE>{given}<TYPE_END>{REST}"}
        yield from super()._write(request, settings, stop)


@pytest.fixture
def eyes():
    return ScriptedEngine("eyes", texts={"": FOUND + REST})


def joined(eyes: ScriptedEngine, said: str, **more) -> tuple[EyesEngine, ScriptedEngine]:
    """Return a model that says one text with these eyes, and the model alone."""
    other = ScriptedEngine("other", texts={"": said}, **more)
    engine = with_eyes(other, eyes)
    assert isinstance(engine, EyesEngine)
    return engine, other


def asked(engine, picture, question=ASKED, **more) -> Answer:
    """Ask, streamed and in a batch: both say the same, and the stream's pieces make its answer."""
    request = Request.of(picture, question, **more)
    *pieces, answer = engine.stream(request)
    assert all(isinstance(piece, TextDelta) and piece.text for piece in pieces)
    assert "".join(piece.text for piece in pieces) == answer.text
    (batched,) = engine.generate([request])
    assert (batched.text, batched.finish, batched.sight) == (
        answer.text, answer.finish, answer.sight,
    )  # fmt: skip
    return answer


# -- One chain


def test_one_chain_of_both_comes_out_and_says_who_said_what(eyes, picture):
    engine, other = joined(eyes, REST)
    answer = asked(engine, picture)
    assert answer.text == FOUND + REST and answer.parsed.well_formed
    assert (answer.model, answer.eyes, answer.sight.remark) == ("other", "eyes", "")
    assert engine.info.credit == "perceived by eyes, answered by other"
    assert answer.tokens == engine.count_tokens(answer.text)


def test_the_findings_stand_in_the_prompt_and_are_streamed_before_the_other_is_asked(eyes, picture):
    engine, other = joined(eyes, REST)
    with closing(engine.stream(Request.of(picture, ASKED))) as events:
        assert next(events) == TextDelta(FOUND)
        assert not other.templates
        next(events)
    assert "scan lines(0.40)" in other.templates[0] and "<TYPE>" not in other.templates[0]
    assert all(f"<{name}>" in other.templates[0] for name in ("INFLUENCE", "ANSWER"))


def test_a_prompt_of_ones_own_has_the_findings_where_it_wants_them_or_before_it(eyes, picture):
    engine, other = joined(eyes, REST)
    asked(engine, picture, template="{question} Seen: {findings}!")
    asked(engine, picture, template="{question}")
    assert other.templates[0] == "{question} Seen: scan lines(0.40)!"
    assert other.templates[2].endswith("scan lines(0.40).\n{question}")


def test_the_eyes_are_asked_the_question_itself_unless_it_is_too_long_for_them(picture):
    eyes = ScriptedEngine("eyes", texts={ASKED: FOUND, LOOK: "<TYPE>none<TYPE_END>"})
    engine, _ = joined(eyes, REST)
    assert asked(engine, picture).parsed.chain.findings
    assert not asked(engine, picture, ASKED + " Say more." * 40).parsed.chain.findings


def test_a_full_size_model_that_answers_briefly_alone_has_room_for_a_chain(eyes):
    other = ScriptedEngine("other")
    other.info = replace(other.info, bundled=False, reasons=False)
    assert other.info.defaults.max_new_tokens < 2048
    info = with_eyes(other, eyes).info
    assert info.defaults.max_new_tokens == 2048 and info.reasons


# -- Models that do otherwise


def test_words_without_a_section_are_the_answer_and_it_is_said(eyes, picture):
    answer = asked(joined(eyes, "It is a cat.")[0], picture)
    assert answer.text == f"{FOUND}<ANSWER>It is a cat.<ANSWER_END>"
    assert answer.sight.free and "wrote no sections" in answer.sight.remark
    assert answer.reply == "It is a cat."


def test_long_words_without_a_section_are_streamed_as_they_come(eyes, picture):
    engine, _ = joined(eyes, "On and on it goes. " * 40)
    with closing(engine.stream(Request.of(picture, ASKED))) as events:
        shown = [next(events) for _ in range(3)]
    assert shown[1].text.startswith("<ANSWER>On and on") and len(shown[1].text) < 250


def test_findings_of_its_own_are_left_out_and_told(eyes, picture):
    answer = asked(joined(eyes, f"<TYPE>lens blur(0.90)<TYPE_END>{REST}")[0], picture)
    assert answer.text == FOUND + REST
    assert "lens blur(0.90)" in answer.sight.remark and "eyes found counts" in answer.sight.remark


def test_findings_that_are_repeated_are_left_out_without_a_word(eyes, picture):
    answer = asked(with_eyes(Copying("copy"), eyes), picture)
    assert answer.text == FOUND + REST and answer.sight.remark == ""


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", ""),
        ("   \n", ""),
        ("Sure:\n" + REST, "Sure:\n" + REST),
        (REST.replace("<ANSWER_END>", "</ANSWER>"), REST),
        ("a cat<ANSWER_END>", "<ANSWER>a cat<ANSWER_END>"),
        ("<ANSWER>a cat", "<ANSWER>a cat"),
        ("<TYPE>fog(0.1)<ANSWER>a cat<ANSWER_END>", "<ANSWER>a cat<ANSWER_END>"),
        ("<TYPE>fog(0.1)<TYPE_END> A cat.", "<ANSWER>A cat.<ANSWER_END>"),
        ("a < b <", "<ANSWER>a < b <<ANSWER_END>"),
        ("long " * 60 + REST, "<ANSWER>" + "long " * 60 + "<ANSWER_END>" + REST),
    ],
)  # fmt: skip
def test_whatever_is_said_a_chain_with_the_eyes_findings_comes_out(eyes, picture, said, shown):
    answer = asked(joined(eyes, said)[0], picture)
    assert answer.text == FOUND + shown
    assert answer.parsed.chain.findings == parse(FOUND).chain.findings


def test_a_model_that_says_nothing_is_told_of(eyes, picture):
    assert asked(joined(eyes, "")[0], picture).sight.remark == "other said nothing."


@given(
    st.lists(
        st.sampled_from(
            ["<TYPE>", "<TYPE_END>", "fog(0.2)", "<ANSWER>", "<ANSWER_END>", "</ANSWER>", "<", "/"]
            + ["<INFLUENCE>", "<INFLUENCE_END>", " a cat ", "word " * 40]
        ),
        max_size=8,
    ),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_a_text_is_joined_alike_however_it_is_cut(parts, places):
    text = "".join(parts)
    cuts = sorted({0, len(text), *(place for place in places if place < len(text))})
    whole, cut = Rest(), Rest()
    pieces = [cut.feed(text[at:end]) for at, end in zip(cuts, cuts[1:], strict=False)]
    told = whole.feed(text) + whole.close(whole=True)
    assert "".join(pieces) + cut.close(whole=True) == told
    assert "<TYPE" not in told
    assert cut.remark("a", "b", FOUND) == whole.remark("a", "b", FOUND)


def test_eyes_that_begin_no_list_leave_none(picture):
    answer = asked(joined(ScriptedEngine("eyes", texts={"": "I see."}), REST)[0], picture)
    assert answer.text == REST and not answer.parsed.well_formed
    assert findings_section("<TYPE>a(1)<INFLUENCE>b") == "<TYPE>a(1)<TYPE_END>"


# -- Stop, failures, refusals


def test_stop_ends_it_at_any_moment_with_what_had_come(eyes, picture):
    engine, other = joined(eyes, "")
    stop = threading.Event()
    stop.set()
    assert [event.finish for event in engine.stream(Request.of(picture, ASKED), stop=stop)] == [
        "stopped"
    ]
    stop.clear()
    events = engine.stream(Request.of(picture, "Go on endlessly"), stop=stop)
    assert next(events).text.startswith("<TYPE>lens blur(0.50)")
    next(events)
    stop.set()
    *_, answer = events
    assert answer.finish == "stopped" and "On and on" in answer.text
    assert eyes.running == other.running == 0


def test_closing_the_stream_frees_both_models(eyes, picture):
    engine, other = joined(eyes, "")
    events = engine.stream(Request.of(picture, "Go on endlessly"))
    next(events), next(events)
    events.close()
    assert eyes.running == other.running == 0


def test_the_other_is_not_asked_where_the_findings_are_all_that_is_wanted(eyes, picture):
    engine, other = joined(eyes, REST)
    *_, answer = engine.stream(Request.of(picture, LOOK, until="<TYPE_END>"))
    assert answer.text == "<TYPE>scan lines(0.40)" and answer.finish == "stop"
    assert not other.asked


def test_a_failure_of_the_answering_model_keeps_the_findings(eyes, picture):
    with serve_endpoint() as server:
        engine = with_eyes(RemoteEngine(Endpoint(f"{server.address}/v1", "500")), eyes)
        *_, answer = engine.stream(Request.of(picture, ASKED))
        with pytest.raises(ModelError, match="500"):
            engine.generate([Request.of(picture, ASKED)])
    assert (answer.text, answer.finish) == (FOUND, "cut") and "500" in answer.fault


def test_an_endpoint_is_asked_many_questions_at_a_time_each_after_a_look(eyes, picture):
    questions = [f"{number}. What?" for number in range(5)]
    with serve_endpoint() as server:
        engine = with_eyes(RemoteEngine(Endpoint(f"{server.address}/v1", "good")), eyes)
        requests = (Request.of(picture, question) for question in questions)
        answers = dict(engine.answers(requests, at_once=2))
        told = [body["messages"][0]["content"][1]["text"] for body, _ in server.asked]
    assert sorted(answers) == [0, 1, 2, 3, 4]
    assert all(one.text.startswith(FOUND + "<INFLUENCE>") for one in answers.values())
    assert all("scan lines(0.40)" in text for text in told)
    assert sorted(text.partition("\n")[0] for text in told) == questions


def test_an_unfit_request_is_refused_before_anybody_looks(eyes, picture):
    engine, other = joined(eyes, REST)
    for request, words in (
        (Request.of(picture, " "), "empty"),
        (Request.of(picture, ASKED, template="no place"), "lacks"),
        (Request((picture, picture), ASKED), "one picture"),
    ):
        with pytest.raises(InputError, match=words):
            engine.stream(request)
        with pytest.raises(InputError, match=words):
            engine.generate([request])
    assert not eyes.asked and not other.asked


def test_eyes_must_be_another_model_that_names_damage(eyes):
    blind = ScriptedEngine("blind")
    blind.info = replace(blind.info, reasons=False)
    with pytest.raises(InputError, match="not trained to name damage"):
        with_eyes(eyes, blind)
    with pytest.raises(InputError, match="looks by itself"):
        with_eyes(eyes, ScriptedEngine("eyes"))
    assert with_eyes(eyes, None) is eyes


# -- Measured


@pytest.fixture(scope="module")
def looking():
    with load_engine("tiny-rl") as engine:
        yield engine


@pytest.fixture(scope="module")
def items():
    return benchmark("minibench")[2:96:6]


def test_a_model_that_copies_the_findings_has_the_eyes_own_type_f1(looking, items, tmp_path):
    own = evaluate(looking, "minibench", items, tmp_path / "own")
    copied = evaluate(with_eyes(Copying("copy"), looking), "minibench", items, tmp_path / "copied")
    assert [row.found for row in copied.rows] == [row.found for row in own.rows]
    assert headline(copied.rows)["type F1"] == headline(own.rows)["type F1"]
    assert 0 < headline(own.rows)["type F1"].value < 1
    assert {row.answer for row in copied.rows} == {"a cat"}


def test_a_run_keeps_who_looked_and_goes_on_with_the_same_eyes_alone(eyes, items, tmp_path):
    engine, other = joined(eyes, "It is a cat.")
    first = evaluate(engine, "minibench", items[:3], tmp_path)
    assert first.eyes == "eyes" and first.model == "other"
    assert all("no sections" in row.remark for row in first.rows)
    again = evaluate(engine, "minibench", items[:3], tmp_path)
    assert again.rows == first.rows and len(other.asked) == 3
    for wrong in (other, with_eyes(other, ScriptedEngine("others"))):
        with pytest.raises(InputError, match="eyes 'eyes', not"):
            evaluate(wrong, "minibench", items[:3], tmp_path)


def test_the_odds_of_options_are_the_answering_models(eyes, items):
    (item,) = [one for one in items if one.case.choices][:1]
    with load_engine("tiny-sft") as engine:
        both, labels = with_eyes(engine, eyes), item.case.labels
        request = Request.of(engine.fit(item.case.picture.load()), item.case.prompt)
        (answer,) = both.generate([request])
        ((*odds,),) = both.option_logprobs([request], [answer], [labels])
    likeliest = labels[odds.index(max(odds))]
    assert answer.parsed.chain.answer.strip() == likeliest
