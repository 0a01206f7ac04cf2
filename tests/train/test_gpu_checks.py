"""Claims about the checks for a GPU: they run on a CPU as well, each by itself, and go on later."""

import json
import os
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from tests.gpu import checks
from tests.gpu.checks import PARTS, Part, check, main, run_apart, table
from tests.gpu.parts import SMOKE


def figures(size, folder, name):
    return {"named": name}


def fails(size, folder):
    raise ValueError("no such thing\nand more")


def ends(size, folder):
    os._exit(3)


def waits_with_a_child(size, folder):
    child = subprocess.Popen(["sleep", "600"])
    (folder / "pid").write_text(str(child.pid))
    time.sleep(600)


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@pytest.mark.slow
def test_every_part_runs_on_a_narrow_model_without_a_gpu(tmp_path, capfd):
    file = tmp_path / "figures.json"
    assert main(["--smoke", "-o", str(file)]) == 0
    told = capfd.readouterr().out.splitlines()
    wanted = ["base", *(part.name for part in PARTS if part.on_cpu)]
    assert told == [f"{name}: done" for name in wanted]
    parts = json.loads(file.read_text())["parts"]
    assert parts["base"]["completion"] > 0
    for name, told in parts.items():
        if name.startswith("answers"):
            assert [cost["batch"] for cost in told["costs"]] == list(SMOKE.batches)
        elif name != "base":
            assert len(told["step_seconds"]) == 1 and told["peak_bytes"] > 0
    # All is there: nothing is measured again, and it makes a table.
    assert main(["--smoke", "-o", str(file)]) == 0
    assert capfd.readouterr().out == ""
    assert main(["--table", "-o", str(file)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert sum(line.startswith("| bf16") for line in lines) == 3 * len(SMOKE.batches)
    assert sum(" vision |" in line for line in lines) == 4


def test_a_part_that_takes_too_long_ends_with_all_that_it_has_started(tmp_path):
    part = Part("slow", 60, waits_with_a_child)
    run = partial(run_apart, shared=())
    # As long as it takes the part to begin, on however busy a machine.
    limit = 4.0
    while not (tmp_path / "pid").exists():
        told = run(part, SMOKE, tmp_path, limit)
        assert told == {"error": f"it took longer than {limit:.0f} s"}
        limit *= 2
    pid = int((tmp_path / "pid").read_text())
    while runs(pid):  # what was told to end needs a moment for it
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        (partial(figures, name="a"), {"named": "a"}),
        (fails, {"error": "no such thing"}),
        (ends, {"error": "its process ended with 3"}),
    ],
)
def test_what_a_part_has_measured_or_failed_at_comes_back(tmp_path, measure, told):
    assert run_apart(Part("one", 60, measure), SMOKE, tmp_path, 600.0, shared=()) == told


def test_an_interrupted_measurement_goes_on_with_what_is_not_there(tmp_path, monkeypatch):
    ran = []

    def run(part, size, folder, limit):
        ran.append(part.name)
        if part.name == "b" and ran.count("b") == 1:
            return {"error": "it took longer than 1 s"}
        if part.name == "c" and ran.count("c") == 1:
            raise KeyboardInterrupt
        return {}

    parts = [Part(name, 60, fails) for name in "abcd"]
    file = tmp_path / "figures.json"
    with pytest.raises(KeyboardInterrupt):
        check(parts, SMOKE, file, run, 10)
    assert "it took longer" in table(json.loads(file.read_text()))
    assert check(parts, SMOKE, file, run, 10)
    assert ran == ["base", "a", "b", "c", "base", "b", "c", "d"]
    monkeypatch.setattr(checks, "_machine", lambda: {"gpu": "another"})
    with pytest.raises(SystemExit, match="name another file"):
        check(parts, SMOKE, file, run, 10)


def test_no_part_begins_when_the_time_is_up(tmp_path):
    file = tmp_path / "figures.json"
    assert not check([Part("a", 60, fails)], SMOKE, file, run_apart, 0.1)
    assert json.loads(file.read_text())["parts"] == {"base": {"error": "no time was left for it"}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no CUDA GPU"),
        (["--smoke"], "name a file"),
        (["--table", "-o", "/no/such/file"], "measure first"),
    ],
)
def test_bad_use_gets_one_sentence(arguments, words, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and words in capsys.readouterr().err
