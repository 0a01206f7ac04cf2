"""Runs side by side: what each says of one case, and what one has more than another."""

import re

import pytest

from robust_r1.analysis.entries import gather
from robust_r1.analysis.filters import Filter, select
from robust_r1.evaluation import headline, load_run, paired_differences
from robust_r1.report.summary import differences_from
from robust_r1.report.table import to_html
from robust_r1.report.tables import difference_table
from robust_r1.ui.analyze.side_by_side import side_by_side
from robust_r1.ui.analyze.views import pictures_view
from tests.support.analyze_runs import chain, line, write_run
from tests.support.paths import ROOT

RUNS = ROOT / "assets" / "runs"
MODELS = ("tiny-base", "tiny-sft", "tiny-rl")
HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}"


@pytest.fixture(scope="module")
def runs():
    """Return the entries of three runs by model."""
    found = {}
    for model in MODELS:
        run = load_run(RUNS / f"{model}-minibench")
        found[model] = gather(run.benchmark, run.model, run.rows)
    return found


def test_each_column_judges_each_finding_of_its_run_once(runs):
    for place in range(0, 960, 7):
        same = [runs[model][place] for model in MODELS[1:]]
        drawn = side_by_side(same, "tiny-rl")
        matchings = [entry.row.matching for entry in same]
        for kind, count in (
            ("hit", sum(len(one.matched) for one in matchings)),
            ("miss", sum(len(one.misses) for one in matchings)),
            ("alarm", sum(len(one.false_alarms) for one in matchings)),
        ):
            assert drawn.count(f"is-{kind}") == count
        assert drawn.count("in sight") == 1 and drawn.count('role="listitem"') == 2
        said = [word for word in ("right", "wrong") for _ in re.findall(f"rr-{word}\\b", drawn)]
        assert len(said) == sum(entry.row.accuracy is not None for entry in same)


def test_words_of_a_run_show_as_themselves(tmp_path):
    text = chain(f"noise(0.30), {HOSTILE}(0.2)", HOSTILE, HOSTILE)
    run = load_run(write_run(tmp_path / "run", [line(1, "high", text)], model=HOSTILE))
    entries = gather(run.benchmark, run.model, run.rows)
    drawn = side_by_side(entries, HOSTILE)
    assert "<img" not in drawn and "${" not in drawn and "&lt;img" in drawn


def test_a_damaged_picture_stands_beside_the_clean_one_and_a_clean_one_alone(runs, tmp_path):
    for entry in runs["tiny-rl"][:4]:
        drawn = pictures_view(entry, str(tmp_path))
        assert drawn.count("<img") == (2 if entry.row.plan else 1)
        assert len(set(re.findall(r'file=([^"]+)', drawn))) == drawn.count("<img")


def test_differences_are_those_of_the_figures_and_turn_their_sign_with_the_sides(runs):
    sft, rl = ([entry.row for entry in runs[model]] for model in MODELS[1:])
    there, back = paired_differences(rl, sft), paired_differences(sft, rl)
    one, other = headline(rl), headline(sft)
    for name in ("type F1", "intensity MAE", "tokens", "answers, mid", "answers, high"):
        gap = there[name]
        assert gap.value == pytest.approx(one[name].value - other[name].value)
        assert gap.low <= gap.value <= gap.high
        assert back[name].value == pytest.approx(-gap.value)
        assert (back[name].low, back[name].high) == pytest.approx((-gap.high, -gap.low), abs=1e-3)


def test_the_page_compares_the_cases_of_both_that_pass_and_stars_what_is_beyond_chance(runs):
    entries = [entry for model in MODELS for entry in runs[model]]
    found = differences_from(select(entries, Filter(levels=("high",))), "tiny-base")
    assert [model for model, _ in found] == ["tiny-sft", "tiny-rl"]
    assert {figures["tokens"].n for _, figures in found} == {240}
    table = to_html(difference_table("tiny-base", found))
    figures = [figure for _, column in found for figure in column.values()]
    beyond = [one for one in figures if one.low is not None and not one.low <= 0 <= one.high]
    assert 0 < table.count("* <small>") == len(beyond) < len(figures)
    nothing = difference_table("tiny-base", differences_from((), "tiny-base"))
    assert "Nothing to compare" in to_html(nothing)
