"""Claims about conversations: what a model is given of earlier turns, and who is given none."""

import json
import shutil

import pytest

from robust_r1 import images
from robust_r1.cli import main
from robust_r1.engine import MAX_TURNS, GenerationSettings, Request, Turn, catalog, load_engine
from robust_r1.engine.conversation import write_prompt
from robust_r1.engine.processing import IMAGE_TOKEN
from robust_r1.errors import InputError
from tests.support.paths import ROOT

SHORT = GenerationSettings(max_new_tokens=24)
FIRST = Turn(
    "How many dots are there?\n0. two\n1. three",
    "<TYPE>lens blur(0.35)<TYPE_END> é 中 &amp; {{x}} ${y}\n<ANSWER>1<ANSWER_END>",
)
SECOND = Turn("Which is largest?", "stopped <INFLUENCE>half a sent")
SFT = ROOT / "assets" / "models" / "tiny-sft"


@pytest.fixture(scope="module")
def engine(tiny_engine):
    return tiny_engine


@pytest.fixture(scope="module")
def bundled():
    """Return the bundled model under its own name."""
    with load_engine("tiny-sft") as engine:
        yield engine


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Return the same checkpoint as a folder of somebody's own."""
    folder = shutil.copytree(SFT, tmp_path_factory.mktemp("models") / "mine")
    with load_engine(str(folder)) as engine:
        yield engine


def text_of(events) -> str:
    return list(events)[-1].text


@pytest.fixture
def inputs_of(engine, monkeypatch):
    """Return a function that streams and gives the text and the pictures that the model got."""
    seen = []
    prepare = engine._inputs
    monkeypatch.setattr(engine, "_inputs", lambda batch: seen.append(prepare(batch)) or seen[-1])

    def ask(image, question, **more) -> tuple[str, int]:
        list(engine.stream(Request.of(image, question, **more), SHORT))
        tokens = engine._processor.tokenizer.decode(seen[-1]["input_ids"][0])
        return tokens, len(seen[-1]["image_grid_thw"])

    return ask


def test_a_follow_up_holds_the_earlier_turns_verbatim_in_their_order(engine, picture, inputs_of):
    given, pictures = inputs_of(picture, "And its color?", history=(FIRST, SECOND))
    first, second, third = (
        write_prompt(engine.info, question) + "<|im_end|>\n<|im_start|>assistant\n" + answer
        for question, answer in (
            (FIRST.question, FIRST.answer), (SECOND.question, SECOND.answer), ("And its color?", "")
        )
    )  # fmt: skip
    assert given.endswith(
        f"{first}<|im_end|>\n<|im_start|>user\n{second}<|im_end|>\n<|im_start|>user\n{third}"
    )
    assert pictures == 1


def test_the_picture_stands_in_the_first_turn_alone(picture, inputs_of):
    given, _ = inputs_of(picture, "And its color?", history=(FIRST,))
    first, *later = given.split("<|im_start|>user\n")[1:]
    assert IMAGE_TOKEN in first and not any(IMAGE_TOKEN in turn for turn in later)


@pytest.mark.parametrize("history", [(), []])
def test_an_empty_history_is_a_single_question(engine, picture, inputs_of, history):
    assert inputs_of(picture, "a?", history=history) == inputs_of(picture, "a?")
    alone = text_of(engine.stream(Request.of(picture, "a?"), SHORT))
    assert text_of(engine.stream(Request.of(picture, "a?", history=history), SHORT)) == alone
    assert engine.generate([Request.of(picture, "a?")], SHORT)[0].text == alone


def test_an_answer_depends_on_the_turns_before_it_and_repeats(engine, picture):
    def ask(*history: Turn) -> str:
        return text_of(engine.stream(Request.of(picture, "And its color?", history=history), SHORT))

    assert ask(FIRST) == ask(FIRST)
    assert len({ask(), ask(FIRST), ask(SECOND), ask(FIRST, SECOND)}) == 4


@pytest.mark.parametrize("token", ["<|image_pad|>", "<|im_end|>", "<|vision_start|>"])
def test_control_tokens_in_earlier_turns_are_text(picture, inputs_of, token):
    turn = Turn(f"What is {token}?", f"It is {token}, {token}.")
    given, pictures = inputs_of(picture, "a?", history=(turn,))
    assert f"It is < |{token[2:]}, < |{token[2:]}." in given and pictures == 1


def test_more_turns_than_fit_are_refused_with_their_number(engine, picture):
    events = engine.stream(Request.of(picture, "a?", history=(FIRST,) * MAX_TURNS), SHORT)
    assert list(events)
    with pytest.raises(InputError, match=f"{MAX_TURNS + 1} earlier turns; give the last"):
        engine.stream(Request.of(picture, "a?", history=(FIRST,) * (MAX_TURNS + 1)), SHORT)


def test_an_earlier_question_must_be_fit_too(engine, picture):
    with pytest.raises(InputError, match="empty"):
        engine.stream(Request.of(picture, "a?", history=(Turn(" ", "yes"),)), SHORT)


def test_a_bundled_model_refuses_a_history_at_once_and_says_why(bundled, picture):
    assert not bundled.info.converses
    with pytest.raises(InputError, match=r"Tiny SFT \(bundled\) answers one question at a time"):
        bundled.stream(Request.of(picture, "a?", history=(FIRST,)), SHORT)
    assert text_of(bundled.stream(Request.of(picture, "a?", history=()), SHORT))


def test_the_same_checkpoint_as_a_folder_holds_a_conversation(copied, bundled, picture):
    assert copied.info.converses
    first = text_of(copied.stream(Request.of(picture, "a?"), SHORT))
    assert first == text_of(bundled.stream(Request.of(picture, "a?"), SHORT))
    assert text_of(copied.stream(Request.of(picture, "b?", history=(Turn("a?", first),)), SHORT))


def test_bundled_models_stand_alone_and_all_others_converse():
    assert {info.bundled: info.converses for info in catalog.models()} == {
        True: False,
        False: True,
    }
    assert catalog.find("somebody/some-model").converses


# -- The command line


@pytest.fixture
def replay(picture, tmp_path, capsys):
    """Return a function that replays a follow-up with a model; gives status, output, errors."""
    images.save(picture, tmp_path / "photo.png")
    turns = [{"question": FIRST.question, "text": FIRST.answer}]
    record = {"question": "And its color?", "turns": turns}
    (tmp_path / "answer.json").write_text(json.dumps(record))
    line = ["ask", str(tmp_path / "photo.png"), "--replay", str(tmp_path / "answer.json")]

    def run(model: str, *words: str) -> tuple[int, str, str]:
        status = main([*line, "--model", model, "--max-new-tokens", "24", *words])
        return status, *capsys.readouterr()

    return run


def test_ask_replays_a_saved_follow_up_with_its_turns(engine, picture, replay):
    status, out, _ = replay(engine.info.source, "--json")
    result = json.loads(out)
    assert status == 0 and result["turns"] == [{"question": FIRST.question, "text": FIRST.answer}]
    again = engine.stream(Request.of(picture, "And its color?", history=(FIRST,)), SHORT)
    assert result["text"] == text_of(again)
    assert "one earlier turn" in replay(engine.info.source)[2]


def test_ask_can_leave_the_turns_of_a_saved_answer_out(engine, picture, replay):
    status, out, _ = replay(engine.info.source, "--json", "--alone")
    result = json.loads(out)
    assert status == 0 and result["turns"] == []
    assert result["text"] == text_of(engine.stream(Request.of(picture, "And its color?"), SHORT))


def test_ask_says_in_one_line_that_a_bundled_model_takes_no_turns(replay):
    status, out, err = replay("tiny-sft", "--json")
    assert (status, out) == (2, "") and "one question at a time" in err and err.count("\n") == 1
    assert replay("tiny-sft", "--json", "--alone")[0] == 0
