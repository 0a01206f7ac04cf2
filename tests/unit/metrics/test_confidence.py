"""Claims about options' probabilities, and figures that follow from sums over pictures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.metrics import (
    calibration_error,
    calibration_of_sums,
    calibration_parts,
    figures_of_sums,
    groups_of,
    move_of,
    option_odds,
)

LOGS = st.lists(st.floats(-20, 0), min_size=2, max_size=6)


def odds(logs, right=0):
    choices = tuple(f"option {place}x" for place in range(len(logs)))
    return option_odds(logs, choices[right], choices)


@given(LOGS, st.floats(-5, 5), st.data())
def test_odds_sum_to_one_and_forget_what_all_options_share(logs, shift, data):
    right = data.draw(st.integers(0, len(logs) - 1))
    one, other = odds(logs, right), odds([log + shift for log in logs], right)
    assert sum(one.probabilities) == pytest.approx(1)
    assert one.probabilities == pytest.approx(other.probabilities)
    assert 1 <= one.rank <= len(logs) and -1 <= one.margin <= 1
    assert 0 <= one.uncertainty <= 1 + 1e-9
    assert one.correct == (one.margin > 0)
    if one.correct:
        assert one.rank == 1 and one.confidence == one.chance


def test_rank_margin_and_uncertainty_of_known_odds():
    half = odds([math.log(0.5), math.log(0.3), math.log(0.2)], right=1)
    assert (half.rank, half.margin, half.confidence) == (2, pytest.approx(-0.2), pytest.approx(0.5))
    assert odds([0.0, 0.0, 0.0, 0.0]).uncertainty == pytest.approx(1)
    assert odds([0.0, -math.inf]).uncertainty == 0 and odds([0.0, -math.inf]).margin == 1
    tie = odds([-1.0, -1.0])
    assert tie.rank == 1 and not tie.correct


@pytest.mark.parametrize(
    ("logs", "truth", "choices"),
    [
        ((), "a", ("a", "b")),
        ((-1.0,), "a", ("a",)),
        ((-1.0, -2.0), "a", ("a", "b", "c")),
        ((-1.0, -2.0), "", ("a", "b")),
        ((-1.0, -2.0), "elephant", ("a", "b")),
        ((-1.0, math.nan), "a", ("a", "b")),
        ((-math.inf, -math.inf), "a", ("a", "b")),
    ],
)
def test_what_says_nothing_about_the_right_option_has_no_odds(logs, truth, choices):
    assert option_odds(logs, truth, choices) is None


@given(LOGS, st.data())
def test_a_move_is_destructive_or_corrective_and_turns_around(logs, data):
    other = data.draw(st.lists(st.floats(-20, 0), min_size=len(logs), max_size=len(logs)))
    there, back = move_of(odds(logs), odds(other)), move_of(odds(other), odds(logs))
    assert there.corrective - there.destructive == pytest.approx(there.alignment)
    assert min(there.corrective, there.destructive) == 0
    assert there.destructive == pytest.approx(back.corrective)
    assert there.margin == pytest.approx(-back.margin)


def test_calibration_is_what_confidence_exceeds_correctness_by_in_each_bin():
    assert calibration_error([0.75] * 4, [1, 1, 1, 0]) == pytest.approx(0)
    # Two bins, one too sure by .4 and one too little by .4, do not make up for each other.
    sure, right = [0.9, 0.9, 0.6, 0.6], [1, 0, 1, 1]
    assert calibration_error(sure, right) == pytest.approx(0.4)
    assert calibration_error(sure, right, bins=1) == pytest.approx(0)
    parts = calibration_parts(sure, right)
    assert calibration_of_sums(np.stack([parts.sum(0), 3 * parts.sum(0)])) == pytest.approx(0.4)


def test_figures_of_sums_have_the_interval_that_drawing_groups_gives():
    rng = np.random.default_rng(5)
    parts, labels = rng.random((60, 2)), [f"picture {n % 13}" for n in range(60)]
    found = figures_of_sums(parts, lambda sums: {"ratio": sums[:, 0] / sums[:, 1]}, labels)
    groups = groups_of(labels)
    sums = np.stack([parts[groups == group].sum(0) for group in range(13)])
    drawn = np.random.default_rng(0).integers(13, size=(1000, 13))
    ratios = np.divide(*sums[drawn].sum(1).T)
    figure = found["ratio"]
    assert (figure.low, figure.high) == pytest.approx(np.quantile(ratios, [0.025, 0.975]))
    assert figure.value == pytest.approx(parts[:, 0].sum() / parts[:, 1].sum()) and figure.n == 60


def test_many_quantities_are_drawn_as_few_are():
    rng = np.random.default_rng(6)
    few = rng.integers(2, size=(40, 1)).astype(float)
    many = np.hstack([few, rng.random((40, 11))])
    one, other = (
        figures_of_sums(parts, lambda sums: {"sum": sums[:, 0]}, [None] * 40)
        for parts in (few, many)
    )
    assert one["sum"].low == other["sum"].low and one["sum"].high == other["sum"].high
