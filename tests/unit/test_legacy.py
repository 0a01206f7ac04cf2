"""Claims about what people kept from an earlier version, in tests/unit/legacy: all of it opens.

How each file was made is in tests/unit/legacy/README.md.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robust_r1.analysis import filters
from robust_r1.analysis.entries import WON, gather
from robust_r1.analysis.filters import Filter
from robust_r1.ask.saved import read_answer, read_case
from robust_r1.chain import Finding
from robust_r1.cli import main
from robust_r1.commands import ask
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import GenerationSettings, Request, Turn, catalog, load_engine
from robust_r1.engine.adapter import read_adapter
from robust_r1.engine.checkpoint import fingerprint
from robust_r1.evaluation import benchmark, evaluate, load_run
from robust_r1.evaluation.saved_answers import write_answers
from robust_r1.evaluation.stored_case import to_values
from robust_r1.report.pictures import case_of, picture_of
from robust_r1.store import Marks, Notebook
from tests.support.paths import ROOT
from tests.support.scripted_engine import ScriptedEngine
from train.common.history import history_of, minutes_of

LEGACY = ROOT / "tests" / "unit" / "legacy"
SAVED = LEGACY / "saved-answers"
GREEDY = GenerationSettings(320)
DRAWN = GenerationSettings(64, 0.5, 0.9, 3)
SCENE_PLAN = DegradationPlan.parse("lens_flare=0.50,gaussian_noise=0.40", seed=1)
OWN_PLAN = DegradationPlan.parse("lens_blur=0.35,scan_lines=0.20,graffiti=0.15", seed=2**32 - 1)


# -- runs


def test_a_run_keeps_its_head_and_every_answer():
    run = load_run(LEGACY / "run")
    assert (run.benchmark, run.model, run.precision) == ("scenes", "tiny-rl", "fp32")
    assert run.settings == GREEDY
    assert [row.id for row in run.rows] == [  # the second scene was drawn without damage
        "scene-000-clean", "scene-000-drawn", "scene-001-clean", "scene-002-clean",
        "scene-002-drawn",
    ]  # fmt: skip
    row = run.rows[1]
    assert (row.source, row.task, row.level) == ("scene-000", "mcq", "drawn")
    assert (row.question, row.truth, row.answer) == ("What color is the ring?", "0", "0")
    assert row.choices == ("white", "blue", "black", "red")
    assert row.found == (Finding("graffiti", 0.62),) and row.true == (Finding("graffiti", 0.5),)
    assert [(step.id, step.intensity, step.seed) for step in row.plan.steps] == [
        ("graffiti", 0.5, 3425792149)
    ]
    assert (row.tokens, row.seconds, row.finish) == (72, 0.2567, "stop")
    assert (row.well_formed, row.accuracy, row.degradation) == (True, 1.0, 0.88)
    assert row.text.startswith("<TYPE>graffiti(0.62)<TYPE_END><INFLUENCE>Strong graffiti draws")
    assert row.saved is None


def test_the_pictures_of_a_run_are_drawn_again_with_the_damage_it_had():
    run = load_run(LEGACY / "run")
    for entry in gather(run.benchmark, run.model, run.rows):
        case = case_of(entry)
        assert (case.question, case.choices, case.truth) == (
            entry.row.question, entry.row.choices, entry.row.truth,
        )  # fmt: skip
        assert np.array_equal(picture_of(entry), entry.row.plan.apply(case.picture.load()))


def test_a_run_is_reported(capsys):
    assert main(["report", str(LEGACY / "run"), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert found["model"] == "tiny-rl" and found["figures"]["well formed"]["n"] == 5
    assert found["figures"]["well formed"]["value"] == 1


def test_an_interrupted_run_is_continued_without_asking_again(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(LEGACY / "run-of-checkpoint", folder)
    whole = load_run(folder)
    lines = (folder / "cases.jsonl").read_text("utf-8").splitlines(keepends=True)
    (folder / "cases.jsonl").write_text("".join(lines[:-1]) + lines[-1][:40], "utf-8")
    asked = {row.id for row in whole.rows}
    items = [item for item in benchmark("scenes") if item.id in asked]
    with load_engine(str(LEGACY / "checkpoint")) as engine:
        done = evaluate(engine, "scenes", items, folder, whole.settings)
    assert done.rows[:-1] == whole.rows[:-1]
    last = whole.rows[-1]
    assert (done.rows[-1].id, done.rows[-1].plan) == (last.id, last.plan)
    assert (folder / "cases.jsonl").read_text("utf-8").startswith("".join(lines[:-1]))


# -- saved answers


def test_a_saved_answer_is_read_with_its_case_and_its_reply():
    saved = read_answer(LEGACY / "answer.json")
    case = saved.case
    assert (case.picture.example, case.seed, case.model) == ("scene-2100000003", 1, "tiny-rl")
    assert (case.question, case.truth) == ("What is at the center?", "nothing")
    assert case.choices == ("red ring", "black triangle", "white digit 1", "nothing")
    assert (case.plan, case.settings) == (SCENE_PLAN, GenerationSettings(512))
    assert (case.earlier, case.template, case.further, saved.clean) == ((), "", (), None)
    assert case.picture.load().shape == (192, 192, 3)
    assert saved.reply.text.startswith("<TYPE>lens flare(0.56), gaussian noise(0.43)<TYPE_END>")
    assert (saved.reply.tokens, saved.reply.seconds, saved.reply.finish) == (72, 1.096, "stop")


def test_a_saved_follow_up_keeps_its_turns_pictures_prompt_and_clean_answer():
    saved = read_answer(LEGACY / "answer-follow-up.json")
    case = saved.case
    assert (case.picture.example, case.seed, case.model) == ("", 2**32 - 1, "scripted")
    assert (case.question, case.choices, case.truth) == (
        "How many objects are there?", ("two", "three"), "three",
    )  # fmt: skip
    assert (case.plan, case.settings) == (OWN_PLAN, DRAWN)
    assert case.template == "Look twice. {question} Be brief."
    assert case.turns() == (Turn("Is it sharp?", "It is <not> sharp."),)
    assert case.turns(clean=True) == (Turn("Is it sharp?", "It is sharp."),)
    shapes = [picture.load().shape for picture in (case.picture, *case.further)]
    assert shapes == [(64, 64, 3), (32, 64, 3)]
    assert saved.reply.text.endswith("<ANSWER>three<ANSWER_END>")
    assert saved.clean.text.endswith("<ANSWER>two<ANSWER_END>")


def test_a_saved_answer_is_asked_again(capsys):
    case = read_case(LEGACY / "answer.json")
    words = ["ask", "--replay", str(LEGACY / "answer.json"), "--model", str(LEGACY / "checkpoint")]
    assert main([*words, "--max-new-tokens", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["question"], found["choices"]) == (case.question, list(case.choices))
    assert DegradationPlan.from_values(found["plan"]) == SCENE_PLAN
    assert (found["answer"], found["tokens"]) == ("nothing", 4)
    assert found["settings"] == vars(GenerationSettings(4))


def test_a_saved_follow_up_is_asked_again_with_all_that_the_model_was_given(monkeypatch, capsys):
    engine = ScriptedEngine(converses=True, pictures=2)
    monkeypatch.setattr(ask, "load_engine", lambda *args, **options: engine)
    assert main(["ask", "--replay", str(LEGACY / "answer-follow-up.json"), "--json"]) == 0
    found, case = json.loads(capsys.readouterr().out), read_case(LEGACY / "answer-follow-up.json")
    assert np.array_equal(engine.asked[0], OWN_PLAN.apply(case.picture.load()))
    assert np.array_equal(engine.further[0][0], case.further[0].load())
    assert engine.histories == [(Turn("Is it sharp?", "It is <not> sharp."),)]
    assert engine.templates == ["Look twice. {question} Be brief."]
    assert found["settings"] == vars(DRAWN) and found["question"] == "How many objects are there?"


def test_runs_of_saved_answers_keep_what_the_files_hold():
    (run,), (other,) = (
        [load_run(head.parent) for head in (SAVED / number).glob("*/run.json")] for number in "01"
    )
    assert (run.benchmark, run.model, other.model) == ("saved answers", "tiny-rl", "scripted")
    (row,), (damaged, clean) = run.rows, other.rows
    assert (row.level, row.task, row.truth, row.plan) == ("as set", "mcq", "nothing", SCENE_PLAN)
    case = row.saved
    assert (case.picture.example, case.seed, case.earlier) == ("scene-2100000003", 1, ())
    assert (row.degradation, row.accuracy, row.well_formed) == (1.91, 1.0, True)
    assert (damaged.level, clean.level, damaged.source) == ("as set", "clean", clean.source)
    assert (damaged.plan, clean.plan) == (OWN_PLAN, DegradationPlan())
    assert (damaged.accuracy, clean.accuracy, clean.well_formed) == (1.0, 0.0, False)
    kept = damaged.saved
    assert (kept.template, kept.settings) == ("Look twice. {question} Be brief.", DRAWN)
    assert kept.turns() == (Turn("Is it sharp?", "It is <not> sharp."),)
    assert clean.saved.turns() == (Turn("Is it sharp?", "It is sharp."),)
    assert kept.picture.load().shape == (64, 64, 3)
    assert [picture.load().shape for picture in kept.further] == [(32, 64, 3)]
    entry, _ = gather(other.benchmark, other.model, other.rows)
    assert entry.flip == WON
    assert np.array_equal(picture_of(entry), OWN_PLAN.apply(kept.picture.load()))


def test_the_files_become_the_same_runs_again(tmp_path):
    names = ("answer.json", "answer-follow-up.json")
    made = write_answers([read_answer(LEGACY / name) for name in names], tmp_path / "made")
    for folder in made:
        before, after = load_run(SAVED / folder.relative_to(tmp_path / "made")), load_run(folder)
        assert (before.model, before.settings) == (after.model, after.settings)
        for one, other in zip(before.rows, after.rows, strict=True):
            assert to_values(one.saved) == to_values(other.saved)
            assert replace(one, saved=None) == replace(other, saved=None)


# -- the notebook


def test_the_notebook_keeps_its_marks_and_filters_and_is_written_on(tmp_path):
    notebook = Notebook(Path(shutil.copy(LEGACY / "notebook.sqlite", tmp_path)))
    case, other = ("minibench/tiny-sft", "mcq-001-high"), ("photobench/tiny-rl", "photo-003-low")
    note = "The ring is hidden by graffiti, the question is fair."
    assert notebook.all_marks() == {
        case: Marks(("odd", "very dark"), note, 2), other: Marks(("odd",)),
    }  # fmt: skip
    assert notebook.tagged("odd") == {case, other} and notebook.tags() == ("odd", "very dark")
    saved = {name: filters.from_json(text) for name, text in notebook.filters().items()}
    assert saved == {
        "broken chains": Filter(malformed=True),
        "hard ones": Filter(
            ("tiny-sft",), (), ("mid", "high"), ("darkness",), "wrong", "right to wrong",
            text="ring", tag="odd",
        ),
    }  # fmt: skip
    assert notebook.write_note(*case, "Read again.", 2) == Marks(
        ("odd", "very dark"), "Read again.", 3
    )


# -- checkpoints and what training leaves


def test_a_checkpoint_loads_with_the_weights_it_had(picture):
    folder = LEGACY / "checkpoint"
    head = json.loads((LEGACY / "run-of-checkpoint" / "run.json").read_text("utf-8"))
    assert fingerprint(folder) == head["weights"]
    info = catalog.find(str(folder))
    assert (info.parameters, info.multiple) == (45_680, 32)
    answer = answer_of(folder, picture)
    assert (answer.tokens, answer.model, answer.finish) == (8, "checkpoint", "length")


def test_an_adapter_finds_its_base_and_changes_what_it_says(picture):
    adapter = read_adapter(LEGACY / "adapter")
    assert Path(adapter.base).resolve() == (LEGACY / "checkpoint").resolve()
    assert adapter.parameters == 544
    changed = answer_of(LEGACY / "adapter", picture)
    assert changed.text != answer_of(LEGACY / "checkpoint", picture).text and changed.text


@pytest.mark.parametrize(
    ("folder", "stages", "samples"),
    [
        ("training", ["encoder warm-up", "answers", "chains", "rewards"], [16, 16, 16, 24]),
        ("adapter", ["chains", "rewards"], [4, 4]),
    ],
)
def test_the_stages_that_a_model_went_through_are_read(folder, stages, samples):
    history = history_of(LEGACY / folder)
    assert [done.stage for done in history] == stages
    assert [done.samples for done in history] == samples
    assert {done.seed for done in history} == {20}
    assert history[-1].command.startswith("python -m train.")
    assert minutes_of(LEGACY / folder / "log.jsonl") == history[-1].minutes


def answer_of(folder: Path, picture):
    with load_engine(str(folder), "fp32") as engine:
        *_, answer = engine.stream(Request.of(picture, "What is it?"), GenerationSettings(8))
    return answer
