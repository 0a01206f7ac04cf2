"""The sweep command, with a real model of random weights."""

import csv
import json

import pytest

from robust_r1 import images
from robust_r1.analysis import Sweep, run_sweep
from robust_r1.ask.case import Case
from robust_r1.ask.picture import Picture
from robust_r1.cli import main
from robust_r1.engine import GenerationSettings, load_engine
from tests.support.light_meter import last


@pytest.fixture(scope="module")
def model(tiny_checkpoint) -> str:
    return str(tiny_checkpoint)


@pytest.fixture
def photo(tmp_path, picture) -> str:
    images.save(picture, tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_the_command_writes_what_the_function_gives(model, photo, picture, tmp_path, capsys):
    words = ["--vary", "noise", "--levels", "3", "--seed", "7", "--max-new-tokens", "8"]
    file = tmp_path / "sweep.csv"
    assert main(["sweep", photo, "What?", *words, "--model", model, "--json", "-o", str(file)]) == 0
    printed = json.loads(capsys.readouterr().out)
    engine = load_engine(model)
    sweep = Sweep(("gaussian_noise",), 3, seed=7)
    case = Case(
        Picture(draw=lambda: picture), question="What?",
        settings=GenerationSettings(max_new_tokens=8),
    )
    wanted = last(run_sweep(engine, case, sweep))
    engine.close()
    said = [step.outcome.reply.text for step in wanted.steps]
    assert [step["text"] for step in printed["steps"]] == said
    assert printed["finished"] and printed["sweep"]["ids"] == ["gaussian_noise"]
    rows = list(csv.DictReader(file.open()))
    assert [row["intensity"] for row in rows] == ["0.0", "0.5", "1.0"]


def test_the_command_prints_a_table_of_steps(model, photo, capsys):
    words = ["--vary", "darkness", "--levels", "2", "--max-new-tokens", "4", "--model", model]
    assert main(["sweep", photo, "What?", *words]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith("clean") and "Darkness: noticed at" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "choose at least one degradation"),
        (["--vary", "darkness", "--levels", "1001"], "at most 200"),
        (["--vary", "gremlins"], "gremlins"),
        (["--vary", "darkness", "-o", "sweep.xlsx"], "end its name in .csv or .json"),
        (["--vary", "darkness", "-o", "no/such/folder/a.csv"], "no folder"),
        (["--vary", "darkness", "--choices", "one"], "only one answer choice"),
    ],
)
def test_a_bad_sweep_is_one_line_and_status_two(photo, words, sentence, capsys):
    assert main(["sweep", photo, "What?", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and sentence in err
