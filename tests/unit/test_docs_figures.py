"""Docs: the figures that README and assets/runs/README.md quote are those of the stored runs.

The tables beside the runs are what `report` prints; all other figures must agree with those tables.
Claims that compare with models trained for comparison are held to the runs of those models' time.
"""

import re

import pytest

from robust_r1.cli import main
from robust_r1.engine import catalog
from robust_r1.paths import ASSETS, BUNDLED_RUNS
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text("utf-8")
TEXT = (BUNDLED_RUNS / "README.md").read_text("utf-8")
EARLIER = BUNDLED_RUNS / "earlier"  # of models before photographs, whose weights are not kept
EARLIER_TEXT = (EARLIER / "README.md").read_text("utf-8")
ALIKE = BUNDLED_RUNS / "alike"  # of two models that differ in reasoning alone
ALIKE_TEXT = (ALIKE / "README.md").read_text("utf-8")
PHOTOGRAPHS = (ASSETS / "photobench2" / "README.md").read_text("utf-8")
MODELS = tuple(model.name for model in catalog.bundled())
# Trained for comparison alone.
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
MAE = "intensity MAE"


def cell(model: str, row: str, table: str = "minibench", text: str = TEXT + PHOTOGRAPHS) -> str:
    """Return a cell of the tables beside the runs: a value with its interval."""
    head, *rows = re.search(rf"^\| {table} \|.*\n(?:\|.*\n)+", text, re.M)[0].splitlines()
    found = next(line for line in rows if line.startswith(f"| {row} |"))
    return found.split(" | ")[head.strip("| ").split(" | ").index(model)]


def against(row: str, table: str = "minibench") -> str:
    """Return what `tiny-rl` has more than `tiny-sft`."""
    return cell("tiny-rl", row, f"{table}, more than tiny-sft")


def before(model: str, row: str) -> str:
    """Return a cell of the tables of earlier models."""
    return cell(model, row, text=EARLIER_TEXT)


def before_against(model: str, other: str, row: str) -> str:
    """Return a cell of the differences between earlier models."""
    return cell(model, row, f"minibench, more than {other}", EARLIER_TEXT)


def alike(row: str) -> str:
    """Return what the model with reasoning has more than the one that was trained alike."""
    return cell("with-reasoning", row, "minibench, more than no-reasoning", ALIKE_TEXT)


def numbers(text: str) -> tuple[float, float, float]:
    """Return value, low and high of a cell."""
    return tuple(float(one) for one in re.findall(r"[+-]?[\d.]+", text))


def printed(capsys, folder, models, bench: str, other: str = "") -> str:
    """Return what `report` prints of some runs in a folder."""
    words = ["report", *(str(folder / f"{model}-{bench}") for model in models)]
    assert main([*words, "--against", str(folder / f"{other}-{bench}")] if other else words) == 0
    return capsys.readouterr().out


def test_the_tables_are_what_report_prints(capsys):
    assert printed(capsys, BUNDLED_RUNS, MODELS, "minibench") in TEXT


@pytest.mark.slow
@pytest.mark.parametrize("bench", ["minibench", "photobench", "photobench2"])
def test_the_tables_of_earlier_models_are_what_report_prints(bench, capsys):
    compared = () if bench == "photobench2" else ABLATIONS
    models = ("tiny-sft", "tiny-rl", *compared)
    assert printed(capsys, EARLIER, models, bench) in EARLIER_TEXT


def test_the_table_of_variants_is_what_report_prints(capsys):
    assert printed(capsys, BUNDLED_RUNS, ("tiny-sft", "tiny-rl"), "variants") in PHOTOGRAPHS


@pytest.mark.parametrize("other", ["", "no-reasoning"])
def test_the_tables_of_models_trained_alike_are_what_report_prints(other, capsys):
    models = ["with-reasoning"] if other else ["with-reasoning", "no-reasoning"]
    assert printed(capsys, ALIKE, models, "minibench", other) in ALIKE_TEXT


@pytest.mark.slow
@pytest.mark.parametrize("bench", ["minibench", "photobench2"])
def test_the_tables_of_differences_are_what_report_prints(bench, capsys):
    assert printed(capsys, BUNDLED_RUNS, ["tiny-rl"], bench, "tiny-sft") in TEXT


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
def test_the_differences_of_earlier_models_are_what_report_prints(models, other, capsys):
    assert printed(capsys, EARLIER, models, "minibench", other) in EARLIER_TEXT


@pytest.mark.parametrize("label", ROWS)
def test_the_six_rows_of_readme_are_those_of_the_tables(label):
    bench, row = ROWS[label]
    cells = [cell(model, row, bench) for model in MODELS]
    assert f"| {' | '.join([label, *cells])} |\n" in README
    assert f"| figure | {' | '.join(MODELS)} |\n" in README


def test_the_claims_in_readme_are_those_of_the_tables():
    rows = re.findall(r"^\| ([A-Z].*?) \| (yes|no) \| (.*) \|$", README, re.M)
    cells = [
        against("type F1"),
        before_against("tiny-rl", "no-r_len", "tokens"),
        cell("tiny-rl", LENGTH),
        alike("answers, high"),
    ]
    # Where zero lies within the interval, nothing is shown.
    holds = ["yes" if low > 0 else "no" for _, low, _ in map(numbers, cells)]
    assert [hold for _, hold, _ in rows] == holds
    assert all(cell in text for (_, _, text), cell in zip(rows, cells, strict=True))
    assert numbers(against(ALARM, "photobench2"))[2] < 0  # "fewer false alarms, though"


def test_what_is_measured_on_earlier_models_says_so():
    said = " ".join(README.split())
    assert "The second is measured on [models from before photographs]" in said
    assert "the fourth on [two trained alike]" in said
    claims = re.findall(r"^\d\. (?:.+\n)(?: {3}.+\n)*", TEXT, re.M)
    assert ["arlier models" in claim for claim in claims] == [True, True, False, True]
    assert "November 2026; their weights are not kept" in EARLIER_TEXT


LOW, UNSAVED, SAVED = "type F1, low", f"{ALARM}, not saved", f"{ALARM}, saved once"


@pytest.mark.parametrize(
    ("sentence", "cells"),
    [
        (r"(\S+) of those that are as they were \((\S+) to (\S+)\)", UNSAVED),
        (r"(\S+) of those saved once with loss \((\S+) to (\S+)\)", SAVED),
        (r"its type F1 is (\S+) \((\S+) to (\.\d+)\)", LOW),
    ],
)
def test_the_weaknesses_are_told_with_their_intervals(sentence, cells):
    said = re.search(sentence, " ".join(TEXT.split())).groups()
    value, *bounds = numbers(cell("tiny-rl", cells, "photobench2"))
    assert abs(float(said[0]) - value) <= 0.0051
    assert [float(bound) for bound in said[1:]] == bounds


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        (
            r"off by (\S+) on scenes and (\.\d+) on photographs",
            [cell("tiny-rl", MAE), cell("tiny-rl", MAE, "photobench2")],
        ),
        (
            r"has (\S+) less type F1 on scenes \(.*?\) and (\S+) more on photographs",
            [against("type F1"), against("type F1", "photobench2")],
        ),
        (
            r"of scenes (\S+) for (\.\d+), of photographs (\S+) fewer",
            [cell("tiny-rl", ALARM), cell("tiny-sft", ALARM), against(ALARM, "photobench2")],
        ),
        (
            r"it was of scenes (\S+) for (\.\d+),",
            [before("tiny-rl", ALARM), before("tiny-sft", ALARM)],
        ),
        (r"in `no-r_deg` it was (\S+) still", [before("no-r_deg", ALARM)]),
        (
            r"bias of intensities (\S+) larger",
            [before_against("tiny-rl", "no-r_deg", "intensity bias, size")],
        ),
        (r"at (\S+) more type F1", [before_against("tiny-rl", "no-r_deg", "type F1")]),
        (r"as many tokens \((\S+), ", [before_against("tiny-rl", "no-r_len", "tokens")]),
        (r"Spearman (\.\d+) ", [cell("tiny-rl", LENGTH)]),
        (r"chains answered (\S+) more of", [alike("answers, high")]),
        (r"and (\S+) more where", [alike("answers, clean")]),
        (
            r"`tiny-sft` answered (\S+) more at high",
            [before_against("tiny-sft", "no-reasoning", "answers, high")],
        ),
    ],
)
def test_the_text_beside_the_tables_rounds_their_figures(sentence, found):
    said = re.search(sentence, " ".join(TEXT.split())).groups()
    for text, of in zip(said, found, strict=True):
        value, digits = abs(numbers(of)[0]), len(text.partition(".")[2])
        assert abs(abs(float(text)) - value) <= 0.51 * 10**-digits, (text, of)
