"""Docs: the figures that README and assets/runs/README.md quote are those of the stored runs.

The tables beside the runs are what `report` prints; all other figures must agree with those tables.
"""

import re

import pytest

from robust_r1.cli import main
from robust_r1.engine import catalog
from robust_r1.paths import ASSETS, BUNDLED_RUNS
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text("utf-8")
TEXT = (BUNDLED_RUNS / "README.md").read_text("utf-8")
PHOTOGRAPHS = (ASSETS / "photobench2" / "README.md").read_text("utf-8")
MODELS = tuple(model.name for model in catalog.bundled())
# Trained for comparison alone: their runs are kept, their weights are not.
ABLATIONS = ("no-reasoning", "no-r_deg", "no-r_len")
ROWS = {
    "scenes: type F1 of perceived degradations": ("minibench", "type F1"),
    "scenes: mean error of their intensities": ("minibench", "intensity MAE"),
    "scenes: damage said of clean ones": ("minibench", "false alarm on clean"),
    "scenes: right answers, strong damage": ("minibench", "answers, high"),
    "photographs: type F1": ("photobench2", "type F1"),
    "photographs: damage said of clean ones": ("photobench2", "false alarm on clean"),
}
ALARM, LENGTH = "false alarm on clean", "length and damage, Spearman"


def cell(model: str, row: str, table: str = "minibench") -> str:
    """Return a cell of the tables beside the runs: a value with its interval."""
    head, *rows = re.search(
        rf"^\| {table} \|.*\n(?:\|.*\n)+", TEXT + PHOTOGRAPHS, re.M
    )[0].splitlines()
    found = next(line for line in rows if line.startswith(f"| {row} |"))
    return found.split(" | ")[head.strip("| ").split(" | ").index(model)]


def against(model: str, other: str, row: str) -> str:
    """Return a cell of the tables of differences."""
    return cell(model, row, f"minibench, more than {other}")


def numbers(text: str) -> tuple[float, float, float]:
    """Return value, low and high of a cell."""
    return tuple(float(one) for one in re.findall(r"[+-]?[\d.]+", text))


def test_the_tables_are_what_report_prints(capsys):
    runs = [str(BUNDLED_RUNS / f"{model}-minibench") for model in (*MODELS, *ABLATIONS)]
    assert main(["report", *runs]) == 0
    assert capsys.readouterr().out in TEXT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "other"),
    [
        (["tiny-rl"], "tiny-sft"),
        (["tiny-rl"], "no-r_len"),
        (["tiny-rl"], "no-r_deg"),
        (["tiny-sft", "tiny-rl"], "no-reasoning"),
    ],
)
def test_the_tables_of_differences_are_what_report_prints(models, other, capsys):
    runs = [str(BUNDLED_RUNS / f"{model}-minibench") for model in models]
    assert main(["report", *runs, "--against", str(BUNDLED_RUNS / f"{other}-minibench")]) == 0
    assert capsys.readouterr().out in TEXT


@pytest.mark.parametrize("label", ROWS)
def test_the_six_rows_of_readme_are_those_of_the_tables(label):
    bench, row = ROWS[label]
    cells = [cell(model, row, bench) for model in MODELS]
    assert f"| {' | '.join([label, *cells])} |\n" in README
    assert f"| figure | {' | '.join(MODELS)} |\n" in README


def test_the_claims_in_readme_are_those_of_the_tables():
    rows = re.findall(r"^\| ([A-Z].*?) \| (yes|no) \| (.*) \|$", README, re.M)
    cells = [
        against("tiny-rl", "tiny-sft", "type F1"),
        against("tiny-rl", "no-r_len", "tokens"),
        cell("tiny-rl", LENGTH),
        against("tiny-sft", "no-reasoning", "answers, high"),
    ]
    # Where zero lies within the interval, nothing is shown.
    holds = ["yes" if low > 0 else "no" for _, low, _ in map(numbers, cells)]
    assert [hold for _, hold, _ in rows] == holds
    assert all(cell in text for (_, _, text), cell in zip(rows, cells, strict=True))
    assert numbers(cell("tiny-rl", ALARM))[2] < numbers(cell("tiny-sft", ALARM))[1]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        (r"\((\S+) for (\S+)\)", [cell("tiny-rl", ALARM), cell("tiny-sft", ALARM)]),
        (r"in `no-r_deg` it is (\S+) still", [cell("no-r_deg", ALARM)]),
        (r"is (\S+) larger", [against("tiny-rl", "no-r_deg", "intensity bias, size")]),
        (r"at (\S+) more type F1", [against("tiny-rl", "no-r_deg", "type F1")]),
        (r"as many tokens \((\S+), ", [against("tiny-rl", "no-r_len", "tokens")]),
        (r"Spearman (\.\d+) ", [cell("tiny-rl", LENGTH)]),
        (r"answers (\S+) more of", [against("tiny-sft", "no-reasoning", "answers, high")]),
        (r"and (\S+) more where", [against("tiny-sft", "no-reasoning", "answers, clean")]),
    ],
)
def test_the_text_beside_the_tables_rounds_their_figures(sentence, found):
    said = re.search(sentence, " ".join(TEXT.split())).groups()
    for text, of in zip(said, found, strict=True):
        value, digits = abs(numbers(of)[0]), len(text.partition(".")[2])
        assert abs(abs(float(text)) - value) <= 0.51 * 10**-digits, (text, of)
