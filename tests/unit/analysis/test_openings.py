"""Claims about what the page opens with: it is what the rules choose for today's models."""

import json

import pytest

from robust_r1.analysis import Sweep, run_sweep
from robust_r1.analysis.openings import OPENINGS, SWEPT, read_openings
from robust_r1.ask.examples import scenes
from robust_r1.ask.pipeline import finished
from robust_r1.engine import catalog, load_engine
from robust_r1.evaluation import benchmark
from tests.support.find_openings import (
    COMMAND,
    SWEEP_LEVELS,
    SWEEP_SEED,
    training_levels,
    weights,
)

ANEW = f"what the page opens with is of other models or runs: find it anew by {COMMAND}"


def test_what_the_page_opens_with_was_found_for_the_bundled_models():
    assert read_openings().weights == weights(), ANEW


def test_the_cases_of_training_are_the_most_typical_of_their_levels_beside_their_means():
    stored = json.loads(OPENINGS.read_text("utf-8"))["training"]
    assert stored["levels"] == training_levels(), ANEW
    items = {item.id: item.case for item in benchmark(stored["benchmark"])}
    for one in read_openings().typical:
        measured = items[stored["levels"][one.level]["id"]]
        assert (one.case.plan, one.case.prompt) == (measured.plan, measured.prompt), ANEW
        assert one.case.truth == measured.truth


def test_the_opening_sweep_is_right_undamaged_and_flips_under_each_of_its_kinds():
    openings = read_openings()
    case, kinds = openings.swept, openings.kinds
    assert case.picture.example in [example.id for example in scenes()]
    assert len(kinds) == SWEPT
    engine = load_engine(catalog.newest_bundled().source)
    *_, result = run_sweep(engine, case, Sweep(kinds, SWEEP_LEVELS, seed=SWEEP_SEED))
    assert finished(result.steps[0].outcome)[1].accuracy == 1, ANEW
    assert {step.series for step in result.flips} == set(kinds), ANEW


@pytest.mark.parametrize("level", ["clean", "low", "mid", "high"])
def test_every_level_of_damage_has_its_case_and_the_means_of_every_model(level):
    (one,) = [typical for typical in read_openings().typical if typical.level == level]
    assert list(one.means) == [info.name for info in catalog.bundled()], ANEW
    assert bool(one.case.plan) == (level != "clean")
