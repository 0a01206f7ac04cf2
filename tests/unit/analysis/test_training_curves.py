"""Claims about the curves of a run of training: all that was logged, smoothed, thinned fairly."""

import pytest

from robust_r1.analysis.training_curves import (
    MOST_POINTS,
    WEIGHTED,
    Curve,
    differing,
    ends_of,
    kinds_of,
    panels_of,
    smoothed,
    thinned,
)
from robust_r1.records.training_run import read_training_run
from tests.support.paths import ROOT
from tests.support.training_runs import PARTS, reinforced, step, write_training


@pytest.fixture
def run(tmp_path):
    return read_training_run(reinforced(tmp_path / "run"))


def titles(run, first=True):
    return [panel.title for panel in panels_of(run) if panel.first == first]


@pytest.mark.parametrize("name", ["training", "adapter"])
def test_every_figure_of_a_log_is_in_one_curve_and_none_in_two(name):
    run = read_training_run(ROOT / "tests" / "unit" / "legacy" / name)
    drawn = [curve for panel in panels_of(run) for curve in panel.curves]
    totals = ("train_", "total_flos", "epoch", "num_tokens")
    logged = {key for row in run.log for key in row.values if not key.startswith(totals)}
    assert len(drawn) == len(logged)
    assert all(len(curve.steps) == 4 for curve in drawn)


def test_what_nobody_has_named_is_drawn_too_six_curves_a_panel(tmp_path):
    rows = [step(1, **{f"odd/{number}": 1.0 for number in range(8)}, other=2.0)]
    panels = panels_of(read_training_run(write_training(tmp_path, rows)))
    assert [(panel.title, len(panel.curves)) for panel in panels] == [
        ("odd", 6), ("odd", 2), ("other", 1)
    ]  # fmt: skip


def test_rewards_stand_weighted_where_their_weights_differ(tmp_path, run):
    assert WEIGHTED not in titles(run)
    weights = {**dict.fromkeys(PARTS, 1), "format": 0.5, "length": 0}
    log = [step(n, **{f"rewards/{name}_reward/mean": 0.8 for name in PARTS}) for n in (1, 2)]
    weighed = read_training_run(write_training(tmp_path, log, [], {"grpo.rewards": weights}))
    (panel,) = [one for one in panels_of(weighed) if one.title == WEIGHTED]
    assert [(one.label, one.values) for one in panel.curves] == [
        ("degradation x 1", (0.8, 0.8)), ("format x 0.5", (0.4, 0.4)), ("accuracy x 1", (0.8, 0.8))
    ]  # fmt: skip


def test_findings_by_degradation_are_a_table_and_no_curves(run):
    kinds = kinds_of(run, columns=8)
    assert kinds.ids == ("lens_blur",)
    assert kinds.steps == (5, 10, 15, 20, 25, 30, 35, 40)
    assert kinds.values[0][0] == pytest.approx(3 / 40) and kinds.values[0][-1] > 0.9
    assert "lens_blur" not in str(panels_of(run))


def test_smoothing_keeps_a_constant_gaps_and_what_is_not_smoothed():
    flat = Curve("flat", (1, 2, 3), (2.0, None, 2.0))
    assert smoothed(flat, 0.9).values == pytest.approx((2.0, None, 2.0))
    steep = Curve("steep", (1, 2, 3), (0.0, 1.0, 5.0))
    assert smoothed(steep, 0.0).values == steep.values
    for weight in (0.3, 0.9):
        values = smoothed(steep, weight).values
        assert values[0] == 0.0 and all(0 <= value <= 5 for value in values)
        assert values[2] < 5.0


def test_a_thinned_curve_keeps_its_ends_and_its_extremes():
    values = [float(number % 7) for number in range(5000)]
    values[1234], values[4321], values[77] = 99.0, -99.0, None
    thin = thinned(Curve("long", tuple(range(5000)), tuple(values)))
    assert len(thin.steps) <= MOST_POINTS
    assert thin.steps[0] == 0 and thin.steps[-1] == 4999
    assert {99.0, -99.0} <= set(thin.values) and list(thin.steps) == sorted(thin.steps)
    short = Curve("short", (1, 2), (None, 1.0))
    assert thinned(short) == short


def test_ends_are_means_of_the_first_and_the_last_tenth(run):
    assert ends_of(run, "reward") == pytest.approx((2.5 / 40, 38.5 / 40))
    assert ends_of(run, "eval_loss") is None


def test_two_runs_are_told_apart_by_the_settings_that_differ(tmp_path, run):
    other = {"seed": 2, "grpo.rewards": {**dict.fromkeys(PARTS, 1), "length": 0}}
    second = read_training_run(write_training(tmp_path / "b", [], [], other))
    assert differing(run, second) == ("seed 1 against 2", "grpo.rewards.length 1 against 0")
    assert differing(run, run) == ()
