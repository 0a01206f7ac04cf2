"""Claims about how long answers take here: estimated from the machine, or measured in runs."""

import json
from dataclasses import asdict, replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.cli import main
from robust_r1.commands import models
from robust_r1.engine import catalog, speed
from robust_r1.engine.speed import Speed, estimate, read_speed
from robust_r1.evaluation.model_facts import facts_of, seconds_of_runs, tell_seconds
from robust_r1.paths import BUNDLED_RUNS

HERE = Speed("here", half=1e11, full=4e10, reads=1e10, call=2e-6)
INFOS = [info for info in catalog.models() if info.needs.linear]


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Keep the measurement in a file of its own."""
    monkeypatch.setattr(speed, "_LONG", 0.0)
    file = tmp_path / "cache" / "speed.json"
    monkeypatch.setenv(speed.VARIABLE, str(file))
    return file


def test_a_machine_is_measured_once(file):
    first = read_speed()
    assert min(first.half, first.full, first.reads, first.call) > 0
    written = file.read_bytes()
    assert read_speed() == first and file.read_bytes() == written


@pytest.mark.parametrize("spoil", ["", "{}", "[1]", '{"machine": 1, "half": "x"}', "other", "zero"])
def test_a_measurement_that_is_broken_or_of_another_machine_is_made_anew(file, spoil):
    good = asdict(read_speed())
    kept = {"other": json.dumps({**good, "machine": "an abacus"}),
            "zero": json.dumps({**good, "reads": 0})}.get(spoil, spoil)  # fmt: skip
    file.write_text(kept)
    assert read_speed().machine == good["machine"] and read_speed().reads > 0
    assert json.loads(file.read_text())["machine"] == good["machine"]


def test_a_measurement_that_cannot_be_kept_is_still_one(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "_LONG", 0.0)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(speed.VARIABLE, str(tmp_path / "file" / "speed.json"))
    assert read_speed().half > 0


@given(st.sampled_from(INFOS), st.sampled_from(["4bit", "bf16", "fp32"]), st.floats(1.1, 50))
def test_a_machine_that_is_so_many_times_as_fast_answers_in_that_share_of_the_time(
    info, precision, times
):
    faster = Speed(
        "faster", HERE.half * times, HERE.full * times, HERE.reads * times, HERE.call / times
    )
    before, after = estimate(info, precision, HERE), estimate(info, precision, faster)
    assert before > 0 and after == pytest.approx(before / times)


@pytest.mark.parametrize("part", ["half", "full", "reads", "call"])
def test_every_part_of_the_measurement_counts(part):
    worse = replace(HERE, **{part: getattr(HERE, part) * (2 if part == "call" else 0.5)})
    for info in INFOS:
        precision = "fp32" if part == "full" else "bf16"
        assert estimate(info, precision, worse) > estimate(info, precision, HERE)


def test_larger_models_take_longer_and_an_unknown_one_is_not_guessed():
    names = ("smolvlm2-256m", "smolvlm2-500m", "qwen3-vl-2b", "qwen2.5-vl-3b", "robust-r1-rl")
    times = [estimate(catalog.find(name), "bf16", HERE) for name in names]
    assert times == sorted(times) and len(set(times)) == len(times)
    assert estimate(catalog.find("someone/something"), "bf16", HERE) is None


def _run(folder, model, precision, seconds, **terms):
    source = BUNDLED_RUNS / "tiny-rl-minibench"
    folder.mkdir(parents=True)
    head = json.loads((source / "run.json").read_text())
    head |= {"model": model, "precision": precision, "terms": terms}
    (folder / "run.json").write_text(json.dumps(head))
    lines = (source / "cases.jsonl").read_text().splitlines()[: len(seconds)]
    rows = [{**json.loads(line), "seconds": s} for line, s in zip(lines, seconds, strict=True)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_runs_that_were_made_here_tell_instead_of_an_estimate(tmp_path):
    _run(tmp_path / "a", "qwen3-vl-2b", "bf16", [1.0, 2.0, 9.0])
    _run(tmp_path / "b", "tiny-rl", "fp32", [0.25], eyes="tiny-sft")
    _run(tmp_path / "c", "smolvlm2-256m", "remote", [0.25])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    used = seconds_of_runs(tmp_path)
    assert used == {("qwen3-vl-2b", "bf16"): 2.0}
    assert seconds_of_runs(tmp_path / "nowhere") == {}
    tiny = catalog.find("smolvlm2-256m")
    told = facts_of(tiny, HERE, {("smolvlm2-256m", "bf16"): 2.5})
    assert (told.seconds, told.told) == (2.5, "measured") and "measured" in told.words
    told = facts_of(tiny, HERE, used)
    assert told.seconds == estimate(tiny, told.precision, HERE) and told.told == "estimated"
    assert facts_of(tiny, None, {}).seconds is None


def test_models_shows_what_each_asks_and_gives(capsys, tmp_path, monkeypatch):
    _run(tmp_path / "a", "tiny-rl", "fp32", [0.5, 0.5])
    monkeypatch.setattr(models, "seconds_of_runs", partial(seconds_of_runs, tmp_path))
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert rows["tiny-rl"]["told"] == "measured" and rows["tiny-rl"]["seconds"] == 0.5
    for info in catalog.HUB:
        row = rows[info.name]
        assert row["download"] in (0, info.needs.download) and row["licence"] == info.licence
        assert row["writes_chains"] is info.reasons and row["seconds"] > 0
        assert row["told"] in ("estimated", "measured") and row["memory"]["bf16"] > 0
    assert main(["models"]) == 0
    printed = capsys.readouterr().out.splitlines()
    line = next(one for one in printed if one.startswith("tiny-rl") and "measured" in one)
    assert "0.50 s" in line and "MIT" in line


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.114, "0.11 s"), (0.96, "1.0 s"), (3.05, "3.0 s"), (138.8, "139 s")]
)
def test_seconds_have_the_figures_that_count(seconds, words):
    assert tell_seconds(seconds) == words
