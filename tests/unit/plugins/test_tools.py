"""The plug-ins in the tools that they are for, each in an environment of its own.

VLMEVALKIT_PYTHON and LMMS_EVAL_PYTHON name the Python of such an environment;
robust_r1/plugins/README.md says how to make one.
"""

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest

from robust_r1.cli import main
from tests.support.paths import ROOT
from tests.support.published_tables import write_scenes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROWS, TABLES = 10, ("Scenes", "Scenes_Robust_100")


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test where no environment with its tool is named."""
    reason = f"{name} names no environment with the tool"
    return pytest.mark.skipif(not os.environ.get(name), reason=reason)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Return a folder with a table of ten scenes and a corrupted copy of it."""
    folder = tmp_path_factory.mktemp("LMUData")
    write_scenes(folder / "Scenes.tsv", ROWS)
    words = ("degrade", folder / "Scenes.tsv", "-o", folder, "--levels", "100")
    assert main([str(word) for word in words]) == 0
    return folder


@pytest.fixture(scope="module")
def ours(data, tmp_path_factory) -> dict[str, list[dict]]:
    """Return what `evaluate` keeps of the same questions, by table."""
    runs = tmp_path_factory.mktemp("runs")
    for name in TABLES:
        words = ["evaluate", data / f"{name}.tsv", "--model", "tiny-rl", "-o", runs / name]
        levels = [] if "Robust" in name else ["--levels", "clean"]
        assert main([str(word) for word in (*words, *levels)]) == 0
    return {
        name: [json.loads(line) for line in (runs / name / "cases.jsonl").open("rb")]
        for name in TABLES
    }


def run(python: str, folder: Path, *words: object, **variables: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(
        [python, "-m", *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@needs("VLMEVALKIT_PYTHON")
def test_vlmevalkit_gets_the_letters_that_we_find_and_keeps_the_chains(data, ours, tmp_path):
    python = os.environ["VLMEVALKIT_PYTHON"]
    words = ("--model", "tiny-rl", "--data", *TABLES, "--judge", "exact_matching")
    formats = {"PRED_FORMAT": "tsv", "EVAL_FORMAT": "csv"}
    out = ("--work-dir", tmp_path / "out")
    run(python, tmp_path, "robust_r1.plugins.vlmevalkit", *words, *out,
        LMUData=str(data), **formats)  # fmt: skip
    for name in TABLES:
        with (tmp_path / "out" / "tiny-rl" / f"tiny-rl_{name}.tsv").open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        assert [row["thinking"] for row in rows] == [one["text"] for one in ours[name]]
        right = [float(row["prediction"] == row["answer"]) for row in rows]
        assert right == [one["accuracy"] for one in ours[name]]


@needs("LMMS_EVAL_PYTHON")
def test_lmms_eval_scores_what_we_score(data, ours, tmp_path):
    python = os.environ["LMMS_EVAL_PYTHON"]
    words = ("--model", "robust_r1", "--model_args", "model=tiny-rl", "--batch_size", 4)
    tables = ("--tables", *(data / f"{name}.tsv" for name in TABLES))
    out = ("--output_path", tmp_path / "out")
    run(python, tmp_path, "robust_r1.plugins.lmms_eval", *tables, *words, *out, HF_HUB_OFFLINE="1")
    (found,) = (tmp_path / "out").rglob("*_results.json")
    results = json.loads(found.read_text())["results"]
    for name in TABLES:
        expected = sum(one["accuracy"] for one in ours[name]) / ROWS
        assert results[name]["exact_match,none"] == pytest.approx(expected)
