"""Claims about `ask` and `models`: what they print, what they replay, how they refuse."""

import base64
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robust_r1 import images
from robust_r1.chain import Chain, Finding, findings_of, parse, render
from robust_r1.cli import main
from robust_r1.commands.ask import ChainPrinter
from robust_r1.commands.tables import format_table
from robust_r1.degradations import PRESETS, DegradationPlan
from robust_r1.engine import catalog, load_engine, machine
from robust_r1.engine.memory import fitting


@pytest.fixture(scope="module")
def model(tiny_checkpoint) -> str:
    return str(tiny_checkpoint)


@pytest.fixture
def photo(tmp_path, picture) -> str:
    images.save(picture, tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


@pytest.fixture
def ask(model, capsys):
    """Return a function that asks with --json and returns the result."""

    def run(*words: object) -> dict:
        flags = ["--json", "--model", model, "--max-new-tokens", "16"]
        assert main(["ask", *map(str, words), *flags]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def refused(capsys, *words: object) -> str:
    try:
        status = main(["ask", *map(str, words)])
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1
    return err


# -- ask


def test_the_result_holds_the_case_the_chain_and_the_scores(ask, photo):
    words = ("--choices", "red; blue;", "--set", "lens_blur=0.4", "--set", "noise=0.2")
    result = ask(photo, "Which?", *words, "--seed", 7, "--truth", "red")
    assert (result["question"], result["choices"]) == ("Which?", ["red", "blue"])
    plan = DegradationPlan.parse("lens_blur=0.4,gaussian_noise=0.2", seed=7)
    assert DegradationPlan.from_json(json.dumps(result["plan"])) == plan
    assert [entry["name"] for entry in result["applied"]] == [f.name for f in findings_of(plan)]
    assert result["settings"] == {
        "max_new_tokens": 16,
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": 7,
    }
    assert result["well_formed"] is parse(result["text"]).well_formed
    assert result["scores"]["accuracy"] == 0 and result["scores"]["degradation"] is not None
    assert result["tokens"] <= 16 and 0 < result["first_text_seconds"] <= result["seconds"]


def test_the_model_sees_the_fitted_picture_with_the_damage(ask, photo, model):
    plan = DegradationPlan.parse("darkness=0.9,noise=0.5", seed=3)
    with load_engine(model) as engine:
        seen = plan.apply(engine.fit(images.load(photo)))
    saved = Path(photo).with_name("seen.png")
    images.save(seen, saved)
    asked = ask(photo, "a?", "--set", "darkness=0.9", "--set", "noise=0.5", "--seed", 3)
    assert asked["text"] == ask(saved, "a?")["text"] != ask(photo, "a?")["text"]


def test_the_question_may_follow_the_options(ask, photo, capsys):
    assert ask(photo, "--seed", 3, "Which?")["question"] == "Which?"
    assert "unrecognized arguments: Why?" in refused(capsys, photo, "Which?", "--seed", 3, "Why?")


def test_a_preset_is_its_plan(ask, photo):
    name = next(iter(PRESETS))
    result = ask(photo, "a?", "--preset", name)
    assert DegradationPlan.from_json(json.dumps(result["plan"])) == PRESETS[name]


def test_drawn_answers_repeat_by_seed(ask, photo):
    drawn = ("--temperature", 1.0, "--top-p", 0.9)
    texts = [ask(photo, "a?", *drawn, "--seed", seed)["text"] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_a_saved_answer_is_asked_again_as_it_was(ask, photo, tmp_path):
    first = ask(photo, "Which?", "--choices", "a;b", "--set", "darkness=0.6")
    png = images.encode_png(images.load(photo))
    record = {
        "kind": "robust-r1 answer",
        "image": "data:image/png;base64," + base64.b64encode(png).decode(),
        **{key: first[key] for key in ("question", "choices", "plan", "settings", "model")},
        "answer": None,
        "reply": {"text": "whatever"},
    }
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(record))
    again = ask("--replay", file)
    for key in ("text", "plan", "settings", "question", "choices"):
        assert again[key] == first[key]
    other = ask("--replay", file, photo, "Another question?")
    assert other["question"] == "Another question?" and other["plan"] == first["plan"]


def test_a_prompt_of_ones_own_is_asked_saved_and_replayed(ask, photo, tmp_path, capsys):
    own, other = ask(photo, "a?", "--prompt", "{question} {question}"), ask(photo, "a?")
    assert own["template"] == "{question} {question}" and other["template"] is None
    assert own["text"] == ask(photo, "a? a?", "--prompt", "{question}")["text"] != other["text"]
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(own))
    assert ask(photo, "--replay", file)["text"] == own["text"]
    assert "lacks {question}" in refused(capsys, photo, "a?", "--prompt", "a?")


def test_the_direct_prompt_is_the_bare_question_with_lettered_options_also_when_replayed(
    ask, photo, tmp_path
):
    direct = ask(photo, "Which?", "--choices", "a;b", "--prompt", "direct")
    bare = ask(photo, "Which?\nA. a\nB. b", "--prompt", "{question}")
    assert direct["text"] == bare["text"] != ask(photo, "Which?", "--choices", "a;b")["text"]
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(direct))
    assert ask(photo, "--replay", file)["text"] == direct["text"]
    template = tmp_path / "mine.txt"
    template.write_text("{question} {question}\n")
    assert ask(photo, "a?", "--prompt", template)["template"] == "{question} {question}"


def test_the_chain_is_printed_as_headings_and_the_figures_below(capsys, photo, model):
    assert main(["ask", photo, "a?", "--model", model, "--max-new-tokens", "16"]) == 0
    out, err = capsys.readouterr()
    assert "applied:" in out and "degradation:" in out and "tokens in" in out
    assert "fp32" in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "no picture"),
        (("photo",), "no question"),
        (("photo", "  "), "no question"),
        (("missing.png", "a?"), "missing.png"),
        (("photo", "a?", "--set", "fog=0.5"), "fog"),
        (("photo", "a?", "--set", "darkness=2"), "darkness"),
        (("photo", "a?", "--preset", "nothing"), "nothing"),
        (("photo", "a?", "--temperature", "9"), "temperature"),
        (("photo", "a?", "--max-new-tokens", "0"), "max_new_tokens"),
        (("photo", "a?", "--seed", "-1"), "seed"),
        (("photo", "a?", "--model", "no-such-model"), "no-such-model"),
        (("photo", "a?", "--replay", "missing.json"), "missing.json"),
    ],
)
def test_bad_input_costs_one_line(capsys, photo, words, expected):
    given = [photo if word == "photo" else word for word in words]
    assert expected in refused(capsys, *given)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "{not json",
        '{"question": 3}',
        '{"question": "a", "choices": "b"}',
        '{"question": "a", "plan": {"steps": [{"id": "x"}]}}',
        '{"question": "a", "settings": {"beams": 4}}',
        '{"question": "a", "settings": {"seed": "x"}}',
        '{"question": "a", "settings": []}',
        '{"question": "a", "image": "http://somewhere/a.png"}',
        '{"question": "a", "image": "data:image/png;base64,???"}',
        '{"question": "a", "image": "data:image/png;base64,AAAA"}',
        '{"question": "a"}',
    ],
)
def test_a_file_that_is_no_saved_answer_costs_one_line(capsys, tmp_path, text):
    file = tmp_path / "answer.json"
    file.write_text(text)
    refused(capsys, "--replay", file)


def test_what_ask_printed_can_be_replayed_on_a_picture(ask, photo, tmp_path):
    first = ask(photo, "Which?", "--set", "darkness=0.6", "--truth", "red")
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(first))
    again = ask(photo, "--replay", file)
    assert {**again, "seconds": 0, "first_text_seconds": 0, "load_seconds": 0} == {
        **first,
        "seconds": 0,
        "first_text_seconds": 0,
        "load_seconds": 0,
    }


# -- Printing a chain


def print_chain(text: str, cuts=()) -> str:
    printer, printed, start = ChainPrinter(), "", 0
    for end in (*sorted(cuts), len(text)):
        printed += printer.feed(text[start:end])
        start = max(start, end)
    return printed + printer.close()


CHAIN = render(Chain((Finding("noise", 0.2),), "It hides < 3 dots.", "Red.", "Red.", "0"))


def test_a_chain_is_printed_as_headings():
    assert print_chain(CHAIN) == (
        "TYPE\ngaussian noise(0.20)\n\nINFLUENCE\nIt hides < 3 dots.\n\nREASONING\nRed.\n\n"
        "CONCLUSION\nRed.\n\nANSWER\n0"
    )


@given(st.sets(st.integers(0, len(CHAIN))))
def test_printing_does_not_depend_on_where_the_text_is_cut(cuts):
    assert print_chain(CHAIN, cuts) == print_chain(CHAIN)


def test_a_model_cannot_steer_the_terminal():
    assert "\x1b" not in print_chain("\x1b[2Jhello\x07\x9b")


# -- models


def test_models_lists_the_catalog(capsys):
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    for info in catalog.models():
        assert info.name in printed and info.about in printed


def test_models_as_json_says_where_and_what_fits(capsys):
    assert main(["models", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in result["models"]] == [info.name for info in catalog.models()]
    assert {row["where"] for row in result["models"]} <= {"bundled", "downloaded", "on the hub"}
    assert result["memory"] > 0
    for row in result["models"]:
        assert row["prompt"].startswith("QUESTION\n") and row["licence"] != "unknown"
        assert ("<TYPE>" in row["prompt"]) is row["reasons"]
        assert row["defaults"]["max_new_tokens"] >= 256 and row["memory"]["fp16"] > 0


def test_what_does_not_fit_is_said(capsys, monkeypatch):
    monkeypatch.setattr(machine, "accelerator", lambda: "cpu")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)

    def line(available, gpu):
        memory = machine.Memory(available, gpu)
        monkeypatch.setattr(machine, "read_memory", lambda: memory)
        assert main(["models"]) == 0
        lines = capsys.readouterr().out.splitlines()
        return next(each for each in lines if each.startswith("robust-r1-rl"))

    assert line(10**9, gpu=5 * 10**9).endswith(" 4bit")
    assert line(4 * 10**9, gpu=10**9).endswith("too large")
    assert line(6 * 10**9, gpu=0).endswith(" 8bit")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert line(6 * 10**9, gpu=0).endswith(" 4bit, 8bit")


@pytest.mark.parametrize(
    ("gpu", "instructions"), [(80_000_000_000, False), (0, True), (0, False)]
)
def test_4_bits_are_offered_where_a_model_gains_by_them(gpu, instructions, monkeypatch):
    monkeypatch.setattr(machine, "accelerator", lambda: "cpu")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    free = machine.Memory(80_000_000_000, gpu)
    for info in catalog.models():
        offered = "4bit" in fitting(info.memory, free)
        assert offered == (bool(gpu) or instructions), info.name


def test_a_table_aligns_numbers_right_and_texts_left():
    table = format_table(("a", "n"), [("x", "1.5"), ("long", "12")])
    assert table == "a       n\nx     1.5\nlong   12"
