"""Claims about several pictures in one question: what a model is given, who is given none, replay.

What a visitor sees of it is in tests/browser/test_conversation.py.
"""

import base64
import json
import threading

import numpy as np
import pytest

from robust_r1 import images
from robust_r1.ask.case import Case, Exchange
from robust_r1.ask.conversation import Conversation, Subject, resume
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import Outcome, ask
from robust_r1.ask.saved import to_json
from robust_r1.cli import main
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import MAX_PICTURES, GenerationSettings, Request, Turn, catalog, load_engine
from robust_r1.engine.conversation import write_prompt
from robust_r1.engine.processing import VISION_TOKENS
from robust_r1.engine.remote import connect
from robust_r1.engine.zerogpu import ZeroGpuEngine
from robust_r1.errors import InputError
from tests.support.endpoint_server import serve_endpoint
from tests.support.scripted_engine import ScriptedEngine

SHORT = GenerationSettings(max_new_tokens=24)
START = VISION_TOKENS[0]


@pytest.fixture(scope="module")
def engine(tiny_engine):
    return tiny_engine


@pytest.fixture(scope="module")
def server():
    with serve_endpoint() as server:
        yield server


@pytest.fixture
def others(make_picture):
    """Return three pictures of odd and different sizes, one far over a small pixel budget."""
    return [make_picture(40, 90, 1), make_picture(300, 200, 2), make_picture(33, 31, 3)]


@pytest.fixture
def files(picture, others, tmp_path):
    """Return the paths of the picture and of the three others."""
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path, image in zip(paths, [picture, *others], strict=True):
        images.save(image, path)
    return [str(path) for path in paths]


def text_of(events) -> str:
    return list(events)[-1].text


# -- In this process


@pytest.mark.parametrize("count", range(MAX_PICTURES))
def test_every_picture_is_shown_in_its_order_before_the_text_and_within_the_budget(
    engine, picture, others, monkeypatch, count
):
    seen, given = [], []
    prepare, processor = engine._inputs, engine._processor
    monkeypatch.setattr(engine, "_inputs", lambda batch: seen.append(prepare(batch)) or seen[-1])
    monkeypatch.setattr(
        engine, "_processor",
        type("Spy", (), {
            "__getattr__": lambda self, name: getattr(processor, name),
            "__call__": lambda self, **all: given.extend(all["images"]) or processor(**all),
        })(),
    )  # fmt: skip
    list(engine.stream(Request((picture, *others[:count]), "a?", (Turn("b?", "c"),)), SHORT))
    wanted = [engine.fit(one) for one in [picture, *others[:count]]]
    assert all(np.array_equal(one, want) for one, want in zip(given, wanted, strict=True))
    assert all(want.shape[0] * want.shape[1] <= engine.info.max_pixels for want in wanted)
    assert len(seen[0]["image_grid_thw"]) == 1 + count
    text = processor.tokenizer.decode(seen[0]["input_ids"][0])
    first, later = text.split("<|im_start|>user\n")[1:]
    assert first.count(START) == 1 + count and START not in later
    assert first.rfind(VISION_TOKENS[1]) < first.find(write_prompt(engine.info, "b?"))


def test_an_answer_depends_on_every_picture_and_on_their_order_and_repeats(engine, picture, others):
    def ask_about(*further) -> str:
        return text_of(engine.stream(Request((picture, *further), "a?"), SHORT))

    first, second, _ = others
    assert ask_about(first, second) == ask_about(first, second)
    texts = {ask_about(), ask_about(first), ask_about(first, second), ask_about(second, first)}
    assert len(texts) == 4


def test_too_many_pictures_are_refused_at_once_with_their_number(engine, picture, others):
    with pytest.raises(InputError, match="has 5 pictures; tiny takes at most 4, so leave 1 out"):
        engine.stream(Request((picture, *others, picture), "a?"), SHORT)


def test_a_model_that_was_trained_on_one_picture_refuses_more_and_says_so(picture):
    info = catalog.newest_bundled()
    assert info.pictures == 1
    with (
        load_engine(info.name, warm=False) as engine,
        pytest.raises(InputError, match="one picture at a time; leave the further picture out"),
    ):
        engine.stream(Request((picture, picture), "a?"), SHORT)


def test_bundled_models_take_one_picture_and_hub_models_and_endpoints_several(server):
    pictures = {info.name: info.pictures for info in catalog.models()}
    assert {pictures[info.name] for info in catalog.bundled()} == {1}
    assert {pictures[name] for name in ("robust-r1-rl", "qwen2.5-vl-3b")} == {MAX_PICTURES}
    assert connect(f"{server.address}/v1#good", {}).info.pictures == MAX_PICTURES
    assert connect(f"{server.address}/v1#tiny-sft", {}).info.pictures == 1


def test_a_lent_gpu_is_handed_the_further_pictures(picture, others):
    scripted = ScriptedEngine(pictures=4)
    lent = ZeroGpuEngine(scripted, lambda duration: lambda work: work)
    list(lent.stream(Request((picture, *others), "a?"), SHORT))
    assert all(map(np.array_equal, scripted.further[0], others))


# -- Behind an endpoint


def test_a_request_holds_every_picture_before_the_question(server, picture, others):
    engine = connect(f"{server.address}/v1#good", {})
    server.asked.clear()
    list(engine.stream(Request((picture, *others), "a?", (Turn("b?", "c"),)), SHORT))
    first, *later = [message["content"] for message in server.asked[0][0]["messages"]]
    assert [part["type"] for part in first] == ["image_url"] * 4 + ["text"]
    assert all(part["type"] == "text" for content in later for part in content)
    for part, image in zip(first, [picture, *others], strict=False):
        sent = images.load(base64.b64decode(part["image_url"]["url"].partition(",")[2]))
        assert np.array_equal(sent, engine.fit(image))


# -- A case of the page and its file


def test_damage_is_done_to_the_first_picture_alone_and_the_file_replays_all(
    files, others, tmp_path, capsys, engine
):
    scripted = ScriptedEngine(pictures=4, pixels=engine.info.max_pixels)
    scripted.info = engine.info
    plan = DegradationPlan.parse("darkness=0.9", seed=3)
    further = tuple(Picture(path=path) for path in files[1:])
    case = Case(Picture(path=files[0]), plan, "a?", further=further, also_clean=True, seed=3)
    list(ask(scripted, case, threading.Event()))
    fitted = [engine.fit(image) for image in others]
    assert np.array_equal(scripted.asked[0], plan.apply(scripted.asked[1]))
    for shown in scripted.further:
        assert all(map(np.array_equal, shown, fitted))

    file = tmp_path / "answer.json"
    file.write_text(to_json(engine, Outcome(case)))
    record = json.loads(file.read_text())
    assert [(one["width"], one["height"], one["sha256"]) for one in record["further"]] == [
        (image.shape[1], image.shape[0], images.digest(image)) for image in fitted
    ]
    line = ["ask", "--replay", str(file), "--model", engine.info.source, "--json"]
    assert main([*line, "--max-new-tokens", "24"]) == 0
    result = json.loads(capsys.readouterr().out)
    again = engine.stream(Request((scripted.asked[0], *fitted), "a?"), SHORT)
    assert result["text"] == text_of(again)
    assert [one["sha256"] for one in result["further"]] == [images.digest(one) for one in fitted]

    assert main([*line[:4], "tiny-sft", "--json"]) == 2
    assert "looks at one picture at a time" in capsys.readouterr().err
    del record["further"][1]["image"]
    file.write_text(json.dumps(record))
    assert main(line) == 2
    assert "names one further picture without the pixels" in capsys.readouterr().err
    record["further"][0]["image"] = record["image"]
    file.write_text(json.dumps(record))
    assert main(line) == 2
    err = capsys.readouterr().err
    assert "further picture 1 is not the one that was asked about" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("further", "words"),
    [
        ('"a"', "list of objects"),
        ("[3]", "list of objects"),
        ('[{"image": 3}]', "must be a text"),
        ('[{"image": "data:image/png;base64,AA=="}]', "picture"),
        ('[{"image": "data:image/png;base64,AA==", "sha256": "0"}]', "further picture 1"),
    ],
)
def test_broken_further_pictures_of_a_saved_answer_are_one_sentence(
    tmp_path, files, capsys, further, words
):
    file = tmp_path / "answer.json"
    file.write_text(f'{{"question": "a", "further": {further}}}')
    assert main(["ask", files[0], "--replay", str(file)]) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1


def test_other_further_pictures_start_a_new_conversation():
    subject = Subject(Picture("coffee"), DegradationPlan(), "m", (Picture(path="/a.png"),))
    one = Conversation(subject, (Exchange("a?", "b"),))
    assert resume(one, subject) == one
    begun = resume(one, Subject(Picture("coffee"), DegradationPlan(), "m"))
    assert begun.exchanges == () and begun.begun_by == "list of further pictures"


# -- The command line


def test_ask_shows_a_model_the_further_pictures_it_is_given(engine, picture, others, files, capsys):
    line = ["ask", files[0], "--also", files[1], "--also", files[2], "a?", "--json"]
    assert main([*line, "--model", engine.info.source, "--max-new-tokens", "24"]) == 0
    result = json.loads(capsys.readouterr().out)
    again = engine.stream(Request((engine.fit(picture), *others[:2]), "a?"), SHORT)
    assert result["text"] == text_of(again) and len(result["further"]) == 2


def test_ask_says_in_one_line_what_is_wrong_with_a_further_picture(engine, files, tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("no picture")
    also = [word for _ in range(4) for word in ("--also", files[1])]
    for line, words in (
        (["--also", str(tmp_path / "text.jpg")], "text.jpg"),
        (["--also", str(tmp_path / "none.png")], "none.png"),
        ([*also, "--model", engine.info.source], "has 5 pictures"),
    ):
        assert main(["ask", files[0], "a?", *line]) == 2
        out, err = capsys.readouterr()
        assert words in err and out == "" and "Traceback" not in err
