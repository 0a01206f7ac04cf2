"""Claims about what endpoints really send: each behaviour by a real server, streamed and whole."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from robust_r1 import images
from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.case import Case, Reply
from robust_r1.ask.json_values import reply_fields
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import ask_through
from robust_r1.cli import main
from robust_r1.engine import GenerationSettings, Request, Turn
from robust_r1.engine import transfer as transfer_module
from robust_r1.engine.endpoint import NoAnswer, parse_endpoint
from robust_r1.engine.remote import connect
from robust_r1.errors import ModelError
from robust_r1.metrics import find_answer
from robust_r1.thoughts import thought_in
from robust_r1.ui.widgets.chain import chain_cards, problems_list
from tests.support.endpoint_replies import CHAIN, HALF, RAW, SAID
from tests.support.endpoint_server import TEXT, serve_endpoint

SHORT = GenerationSettings(max_new_tokens=24)
WAYS = ("", "@whole")
THOUGHT = f"<think>A cup? Yes.</think>{CHAIN}"


@pytest.fixture(scope="module")
def server():
    with serve_endpoint() as server:
        yield server


@pytest.fixture(autouse=True)
def _quick(server, monkeypatch):
    monkeypatch.setattr(transfer_module, "RETRIES", ())
    server.asked.clear()
    yield
    assert [thread for thread in threading.enumerate() if thread.name == "endpoint"] == []


@pytest.fixture
def ask(server, picture):
    """Return a function that asks the model with this name and returns its texts and answer."""

    def run(model: str, path: str = "/v1", **more):
        engine = connect(f"{server.address}{path}#{model}", {})
        *deltas, answer = engine.stream(Request.of(picture, "What is it?", **more), SHORT)
        assert "".join(delta.text for delta in deltas) == answer.text
        (same,) = engine.generate([Request.of(picture, "What is it?", **more)], SHORT)
        assert (same.text, same.finish, same.fault) == (answer.text, answer.finish, answer.fault)
        return answer

    return run


@pytest.fixture
def refused(server, picture):
    """Return a function that asks a model and gives the one sentence that comes instead."""

    def run(model: str, kind=ModelError) -> str:
        engine = connect(f"{server.address}/v1#{model}", {})
        with pytest.raises(kind) as caught:
            list(engine.stream(Request.of(picture, "What is it?"), SHORT))
        said = str(caught.value)
        assert said.startswith("The endpoint http") and said.endswith(".") and "\n" not in said
        return said

    return run


# -- Answers


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", ["plain", "null", "parts"])
def test_an_answer_is_the_same_however_it_is_sent(ask, model, way):
    answer = ask(model + way)
    assert (answer.text, answer.finish, answer.tokens, answer.fault) == (CHAIN, "stop", 21, "")
    assert answer.parsed.well_formed


@pytest.mark.parametrize("model", [
    "crlf", "no-done", "no-reason", "usage-alone", "one-packet", "labelled-wrongly",
    "streamed-as-json", "whole-at-the-end",
])  # fmt: skip
def test_an_answer_is_read_from_whatever_bytes_hold_it(ask, model):
    answer = ask(model)
    assert (answer.text, answer.finish, answer.fault) == (CHAIN, "stop", "")


def test_a_character_over_two_pieces_is_one(ask):
    assert ask("utf8").text == "Café, 12 °C \N{GRINNING FACE}."


# -- Thoughts


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "model", ["reasoning", "reasoning_content", "both-fields", "parts-thinking"]
)
def test_a_thought_of_its_own_field_stands_before_the_answer_and_is_shown_as_one(ask, model, way):
    answer = ask(model + way)
    assert answer.text == THOUGHT and answer.parsed.well_formed
    reply = Reply(answer.text, answer.parsed, answer)
    assert reply_fields(reply, None)["thought"] == "A cup? Yes."
    assert reply_fields(reply, None)["answer"] == "cup"
    shown = chain_cards(reply)
    assert "Thought before the answer" in shown and "A cup? Yes." in shown
    assert "<details open" not in shown and "<details open" in chain_cards(
        replace(reply, text="<think>A cup? <b>Yes", answer=None)
    )
    assert "Thought" not in chain_cards(Reply(CHAIN, answer.parsed, answer))


@pytest.mark.parametrize("way", WAYS)
def test_a_chain_in_a_thought_is_parsed(ask, way):
    alone = ask(f"chain-thought{way}")
    assert alone.parsed.chain.findings[0].name == "lens blur"
    assert (alone.parsed.chain.answer, alone.finish, alone.fault) == ("cup", "stop", "")
    words = ask(f"chain-thought-then-words{way}")
    assert words.parsed.chain.findings[0].name == "lens blur"
    assert find_answer(words.text).text == "A cup."


@pytest.mark.parametrize("way", WAYS)
def test_a_closing_mark_alone_ends_a_thought(ask, way):
    answer = ask(f"closing-tag{way}")
    assert answer.parsed.well_formed and answer.parsed.chain.answer == "cup"
    assert thought_in(answer.text) == "I write <TYPE>x."


def test_a_follow_up_is_asked_without_what_was_thought(ask, server):
    ask("plain", history=(Turn("What is it?", THOUGHT), Turn("And?", "<think>Hm")))
    said = [one["content"][0]["text"] for one in server.asked[0][0]["messages"] if
            one["role"] == "assistant"]  # fmt: skip
    assert said == [CHAIN, "<think>Hm"]


@pytest.mark.parametrize("way", WAYS)
def test_a_thought_up_to_the_limit_is_kept_and_not_called_an_answer(ask, way):
    answer = ask(f"thought-too-long{way}")
    assert (answer.text, answer.finish, answer.fault) == ("<think>A cup? Or", "length", "")
    assert find_answer(answer.text).text == ""


# -- No answers


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("filter", "took the answer away with its content filter"),
        ("tool", "called a tool instead of answering"),
        ("refusal", "would not answer (I will not say.)"),
        ("empty", "answered nothing"),
        ("blank", "answered nothing"),
        ("nothing-in-time", "before it wrote a word"),
    ],
)
def test_no_answer_is_said_and_does_not_end_the_other_questions(
    server, refused, picture, model, words, way
):
    if model != "blank":  # its space is a text that had come
        assert words in refused(model + way, NoAnswer)
        assert len(server.asked) == 1
    engine = connect(f"{server.address}/v1#{model}{way}", {})
    answers = engine.generate([Request.of(picture, f"{number}?") for number in range(3)], SHORT)
    for answer in answers:
        assert (answer.text.strip(), answer.finish) == ("", "cut") and words in answer.fault


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("filter-later", "took the answer away"),
        ("filter-later@whole", "took the answer away"),
        ("tool-midway", "called a tool"),
        ("another-midway", "wrote one thing first and another at the end"),
        ("error-midway", "failed while it was writing (out of memory)"),
        ("error-field", "failed while it was writing (out of memory)"),
        ("error-bare", "failed while it was writing (out of memory)"),
        ("page-midway", "ended its answer half way"),
        ("cut-midway", "broke the connection off"),
    ],
)
def test_an_endpoint_that_changes_its_mind_leaves_what_had_come_and_says_so(
    server, picture, model, words
):
    engine = connect(f"{server.address}/v1#{model}", {})
    *_, answer = engine.stream(Request.of(picture, "What is it?"), SHORT)
    assert (answer.text, answer.finish) == (CHAIN[:HALF], "cut")
    assert words in answer.fault and answer.fault.endswith(".")
    shown = problems_list(Reply(answer.text, answer.parsed, answer))
    assert words.replace("(", "&#40;") in shown or words in shown


@pytest.mark.parametrize(("model", "times"), [("cut-midway", 2), ("plain", 1)])
def test_what_was_cut_off_is_asked_for_again(server, picture, model, times):
    engine, cache = connect(f"{server.address}/v1#{model}", {}), AnswerCache()
    case = Case(Picture(draw=lambda: picture), question="What is it?")
    for _ in range(2):
        assert ask_through(engine, case, cache=cache).reply.text
    assert len(server.asked) == times


def test_a_thought_without_an_answer_is_kept_and_said(ask):
    answer = ask("thought-only")
    assert (answer.text, answer.finish) == ("<think>A cup? Yes.", "cut")
    assert "thought, and wrote no answer" in answer.fault


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("error-body", "failed (out of memory)"),
        ("error-body-vllm", "failed (out of memory)"),
        ("error-event", "failed while it was writing (out of memory)"),
        ("cut-whole", "broke the connection off"),
        ("half-whole", "does not stream chat completions; check its address"),
        ("html", "does not stream chat completions; check its address"),
        ("nothing", "sent nothing"),
        ("null-forever", "answered nothing"),
        ("no-pictures", "takes no pictures with 'no-pictures' (image input is not supported"),
        ("no-pictures-400", "takes no pictures with 'no-pictures-400'"),
        ("busy-number", "has too many questions (slow down); ask again in 8 s."),
        ("unknown-model", "knows no model 'unknown-model' (model 'unknown-model' not found); it "
                          "serves good, cut: give one of these after #."),
        ("unknown-model-400", "(no such model); it serves good, cut: give one of these after #."),
    ],
)  # fmt: skip
def test_what_is_no_reply_is_one_sentence(refused, server, model, words):
    assert words in refused(model)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("message", "blind"),
    [
        ("Invalid content type. image_url is only supported by certain models.", True),
        ("this model is missing data required for image input", True),
        ("Model does not support images. Please use a model that does.", True),
        ("At most 1 image(s) may be provided in one prompt.", False),
        ("failed to decode image", False),
        ("This model's maximum context length is 4096 tokens.", False),
    ],
)
def test_a_model_without_sight_is_told_from_a_picture_that_is_refused(message, blind):
    endpoint = parse_endpoint("http://a/v1#b", {})
    for status in (400, 500):
        fault = str(endpoint.status_fault(status, {}, json.dumps({"error": message})))
        assert ("takes no pictures with 'b'" in fault) is blind and message.rstrip(".") in fault


def test_a_time_without_end_is_no_reason_to_fail():
    endpoint = parse_endpoint("http://a/v1#b", {})
    for text in ("inf", "nan", "1e300"):
        assert "ask again in " in str(endpoint.status_fault(429, {"retry-after": text}, ""))


def test_every_reply_of_the_table_is_asked_for_by_some_claim():
    told = Path(__file__).read_text("utf-8")
    assert [name for name in (*SAID, *RAW) if f'"{name}' not in told] == []


# -- Addresses


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("", "/v1"),
        ("/v1", "/v1"),
        ("/v1/", "/v1"),
        ("/v1/chat/completions", "/v1"),
        ("/api", "/api/v1"),
        ("/rootless", "/rootless"),
        ("/rootless/v1", "/rootless"),
    ],
)
def test_an_address_may_have_v1_or_not(ask, server, path, base):
    assert connect(f"{server.address}{path}#good", {}).info.name == f"{server.address}{base}#good"
    assert ask("good", path).text == TEXT


def test_an_address_that_lists_no_models_stays_as_it_is():
    assert parse_endpoint("http://a/x/chat/completions#m", {}).base == "http://a/x"


# -- Commands


def test_ask_tells_the_thought_apart(server, picture, tmp_path, capsys):
    images.save(picture, tmp_path / "a.png")
    words = ["ask", str(tmp_path / "a.png"), "a?", "--model", f"{server.address}/v1#reasoning"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["thought"] == "A cup? Yes." and told["chain"]["answer"] == "cup"
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("THOUGHT\nA cup? Yes.") and "</think>" not in shown
    assert shown.index("the thought ends here") < shown.index("TYPE\n")


def test_ask_says_why_there_is_no_answer(server, picture, tmp_path, capsys):
    images.save(picture, tmp_path / "a.png")
    words = ["ask", str(tmp_path / "a.png"), "a?", "--model", f"{server.address}/v1#filter"]
    assert main(words) == 2
    assert "content filter; change the question" in capsys.readouterr().err


def test_a_run_keeps_a_question_that_got_no_answer_and_goes_on(server, tmp_path, capsys):
    words = ["evaluate", "minibench", "--model", f"{server.address}/v1#filter", "--limit", "2"]
    assert main([*words, "--levels", "clean", "-o", str(tmp_path / "run")]) == 0
    assert "2 questions got no whole answer (a content filter" in capsys.readouterr().out
    lines = (tmp_path / "run" / "cases.jsonl").read_text("utf-8").splitlines()
    assert [(json.loads(line)["text"], json.loads(line)["finish"]) for line in lines] == [
        ("", "cut")
    ] * 2
