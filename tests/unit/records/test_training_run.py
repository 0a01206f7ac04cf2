"""Claims about reading a run of training: whole, half-written, damaged, old, gone on with."""

import json
from pathlib import Path

import pytest

from robust_r1.errors import DataError
from robust_r1.paths import BUNDLED_TRAINING
from robust_r1.records.training_run import is_training_run, read_training_run
from tests.support.paths import ROOT
from tests.support.training_runs import BAD, GOOD, group, reinforced, said, step, write_training

LEGACY = ROOT / "tests" / "unit" / "legacy"


def test_a_run_is_read_as_it_was_written(tmp_path):
    run = read_training_run(reinforced(tmp_path / "run"))
    assert (run.step, run.planned, run.problems) == (40, 40, ())
    assert [row.step for row in run.log] == list(range(1, 41))
    assert run.log[-1].values["reward"] == 1.0 and "seconds" not in run.log[-1].values
    assert len(run.said) == 5 * 2 * 3
    assert {said.kind for said in run.said} == {"watched", "greedy"}
    assert run.weights["degradation"] == 1 and run.settings["seed"] == 1


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_line_that_is_still_written_is_left_for_the_next_look(tmp_path, cut):
    folder = reinforced(tmp_path / "run")
    whole = read_training_run(folder)
    for name in ("log.jsonl", "samples.jsonl"):
        text = (folder / name).read_bytes()
        (folder / name).write_bytes(text + text.splitlines()[-1][:cut])
    run = read_training_run(folder)
    assert (run.log, run.said, run.problems) == (whole.log, whole.said, ())


@pytest.mark.parametrize(
    "damage",
    [b'{"step": 3, "loss"\n', b"[1]\n", b"\xff\xfe\n", b'{"loss": 1}\n', b'{"step": "x"}\n'],
)
def test_a_damaged_line_is_left_out_and_told_in_one_sentence(tmp_path, damage):
    folder = reinforced(tmp_path / "run")
    lines = (folder / "log.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "log.jsonl").write_bytes(b"".join([*lines[:2], damage, *lines[2:]]))
    run = read_training_run(folder)
    assert len(run.log) == 40
    assert run.problems == ("Of log.jsonl line 3 is damaged and left out.",)
    (folder / "log.jsonl").write_bytes(b"".join([*lines[:2], damage, damage, *lines[2:]]))
    (told,) = read_training_run(folder).problems
    assert told == "Of log.jsonl 2 lines, the first of them line 3, are damaged and left out."


def test_a_damaged_recipe_leaves_all_else_readable(tmp_path):
    folder = reinforced(tmp_path / "run")
    (folder / "recipe.json").write_text('{"settings": ')
    run = read_training_run(folder)
    assert len(run.log) == 40 and not run.settings
    assert run.problems == ("recipe.json is damaged, so what it says is not known.",)


def test_what_is_no_number_is_a_gap_and_not_a_number(tmp_path):
    rows = '{"step": 1, "loss": 1.0}\n{"step": 2, "loss": NaN}\n{"step": 3, "loss": -Infinity}\n'
    folder = write_training(tmp_path)
    (folder / "log.jsonl").write_text(rows + '{"step": 4, "loss": 1e999, "kl": "much"}\n')
    run = read_training_run(folder)
    assert [row.values for row in run.log] == [{"loss": 1.0}, *[{"loss": None}] * 3]
    assert run.problems == ()


def test_steps_that_a_run_took_again_count_as_the_last_time(tmp_path):
    first = [step(number, loss=1.0) for number in range(1, 8)]
    again = [step(number, loss=2.0) for number in range(5, 7)]
    run = read_training_run(write_training(tmp_path, [*first, *again]))
    assert [(row.step, row.values["loss"]) for row in run.log] == [
        *((number, 1.0) for number in range(1, 5)), (5, 2.0), (6, 2.0),
    ]  # fmt: skip
    assert run.seconds == 7 + 6


def test_rows_of_one_step_are_one(tmp_path):
    rows = [step(4, loss=1.0), step(4, eval_loss=2.0), step(4, train_runtime=3.0)]
    (row,) = read_training_run(write_training(tmp_path, rows)).log
    assert row.values == {"loss": 1.0, "eval_loss": 2.0, "train_runtime": 3.0}


def test_completions_of_before_they_had_a_kind_are_told_apart(tmp_path):
    old = [said(0, GOOD, degradation_reward=1.5, length_reward=None), said(0, BAD)]
    old += [said(0, BAD, degradation_reward=-1)]
    rewarded, greedy, other = read_training_run(write_training(tmp_path, [], old)).said
    assert rewarded.kind == other.kind == "trained" and greedy.kind == "greedy"
    assert rewarded.rewards == {"degradation": 1.5, "length": None}
    assert len({one.sample for one in (rewarded, other, greedy)}) == 1


def test_unknown_keys_and_kinds_are_left_alone(tmp_path):
    rows = group(3, "a.png-1", [0.0, 1.0], later={"much": 1})
    rows[1]["kind"] = "dreamed"
    first, second = read_training_run(write_training(tmp_path, [], rows)).said
    assert (first.kind, second.kind) == ("watched", "trained")


@pytest.mark.parametrize("name", ["training", "adapter"])
def test_runs_of_an_earlier_version_stay_readable(name):
    run = read_training_run(LEGACY / name)
    assert (run.step, run.planned, run.problems) == (4, 4, ())
    assert len(run.log) == 4 and [one.step for one in run.said] == [0, 0, 2, 2]
    assert run.stages[-1] == "rewards" and set(run.said[0].rewards) == {
        "degradation", "length", "format", "accuracy"
    }  # fmt: skip


def test_the_bundled_runs_are_whole_and_their_pictures_are_here():
    folders = [one for one in BUNDLED_TRAINING.iterdir() if is_training_run(one)]
    assert len(folders) == 2
    for folder in folders:
        run = read_training_run(folder)
        assert run.step == run.planned == 25 and not run.problems and run.settings
        pictures = {said.picture for said in run.said if said.picture}
        assert len(pictures) == 2 and all(Path(one).is_file() for one in pictures)


def test_another_folder_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({}))
    assert not is_training_run(tmp_path)
    with pytest.raises(DataError, match=r"holds no run of training: there is no log\.jsonl"):
        read_training_run(tmp_path)
