"""Claims about sweeps: the steps, calibration, flips, what is known from before, Stop."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.analysis import MAX_STEPS, Sweep, run_sweep
from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.pipeline import ask_through
from robust_r1.degradations import SPECS, DegradationPlan
from robust_r1.engine import GenerationSettings
from robust_r1.errors import InputError
from tests.support.light_meter import LightMeter, last
from tests.support.scripted_engine import ScriptedEngine

IDS = [spec.id for spec in SPECS]


@given(
    ids=st.lists(st.sampled_from(IDS), min_size=1, unique=True),
    levels=st.integers(2, 13),
    together=st.booleans(),
)
def test_a_sweep_starts_undamaged_and_rises_to_full_intensity(ids, levels, together):
    sweep = Sweep(tuple(ids), levels, together, seed=5)
    plans = list(sweep.plans())
    assert len(plans) == sweep.count
    assert plans[0] == ("", 0.0, DegradationPlan())
    for name in sweep.series:
        of_one = [(level, plan) for series, level, plan in plans if series == name]
        rising = [level for level, _ in of_one]
        assert rising == sorted(set(rising)) and rising[-1] == 1.0 and len(rising) == levels - 1
        wanted = set(ids) if together else {name}
        for level, plan in of_one:
            assert plan == DegradationPlan.of(dict.fromkeys(wanted, level), seed=5)


def test_all_sixteen_at_eleven_levels_is_within_the_bound():
    assert Sweep(tuple(IDS), 11).count <= MAX_STEPS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ids": ()}, "choose at least one degradation"),
        ({"ids": ("lens_blurr",)}, "lens_blur"),
        ({"ids": ("lens_blur",), "levels": 1001}, "1,001 steps.*answer of the model.*200"),
        ({"ids": tuple(IDS), "levels": 51}, "801 steps"),
        ({"ids": ("lens_blur",), "levels": 150}, "2 to 101 levels"),
        ({"ids": ("lens_blur",), "levels": 1}, "2 to 101 levels"),
        ({"ids": tuple(IDS), "levels": -5}, "2 to 101 levels"),
        ({"ids": ("lens_blur",), "seed": -1, "levels": 3}, "seed"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_one_sentence(arguments, words):
    with pytest.raises(InputError, match=words) as refusal:
        list(Sweep(**arguments).plans())
    assert "\n" not in str(refusal.value)


def test_calibration_tells_perceived_from_applied(light, bright):
    result = last(run_sweep(light, bright, Sweep(("darkness",), 6)))
    assert result.finished and [point.applied for point in result.points] == [.2, .4, .6, .8, 1]
    said = [point.perceived for point in result.points]
    assert said == sorted(said) and said[-1] > said[0] > 0
    off = np.mean([point.perceived - point.applied for point in result.points])
    assert result.bias() == result.bias("darkness") == pytest.approx(off)


def test_a_model_that_leans_has_that_bias_more(picture, bright):
    sweep, full = Sweep(("darkness",), 5), float(picture.mean())
    straight, leaning = (
        last(run_sweep(LightMeter(full, by), bright, sweep)).bias() for by in (0, -0.05)
    )
    assert leaning - straight == pytest.approx(-0.05, abs=0.01)


def test_what_goes_unnoticed_has_no_point_on_the_curve_but_counts(light, bright):
    result = last(run_sweep(light, bright, Sweep(("darkness", "watermark_damage"), 3)))
    assert result.noticed("watermark_damage") == (0, 2) and result.bias("watermark_damage") is None
    assert result.noticed("darkness") == (2, 2) and result.noticed() == (2, 4)


def test_together_every_degradation_has_a_point_at_every_step(light, bright):
    sweep = Sweep(("darkness", "watermark_damage"), 3, together=True)
    result = last(run_sweep(light, bright, sweep))
    assert len(result.steps) == 3 and len(result.points) == 4
    assert [step.outcome.case.plan.total_intensity for step in result.steps] == [0, 1, 2]


def test_flips_are_counted_from_the_undamaged_answer(light, bright):
    result = last(run_sweep(light, bright, Sweep(("darkness",), 11)))
    assert result.steps[0].flipped is None
    flips = [step.flipped for step in result.damaged]
    assert flips == sorted(flips) and {step.outcome.said for step in result.flips} == {"no"}
    assert [bool(step.outcome.score.accuracy) for step in result.damaged] == [not f for f in flips]


def test_onsets_tell_where_each_degradation_is_first_noticed_missed_and_flips(light, bright):
    result = last(run_sweep(light, bright, Sweep(("watermark_damage", "darkness"), 11)))
    dark, mark = result.onsets
    assert (dark.id, mark.id) == ("darkness", "watermark_damage")  # the earliest flip first
    assert (dark.noticed, dark.missed) == (0.2, 0.1)
    assert dark.flipped == min(step.level for step in result.flips)
    assert (mark.noticed, mark.missed, mark.flipped) == (None, 0.1, None)


def test_a_flip_under_all_together_is_one_of_each(light, bright):
    sweep = Sweep(("darkness", "watermark_damage"), 3, together=True)
    flips = {one.flipped for one in last(run_sweep(light, bright, sweep)).onsets}
    assert len(flips) == 1 and None not in flips


def test_a_step_is_what_asking_once_gives(light, bright):
    result = last(run_sweep(light, bright, Sweep(("darkness",), 3, seed=4)))
    step = result.steps[-1].outcome
    once = ask_through(light, step.case)
    assert once.reply.text == step.reply.text and once.score == step.score
    assert np.array_equal(once.thumbnail, step.thumbnail)


def test_known_answers_are_not_asked_again(light, bright):
    cache, sweep = AnswerCache(), Sweep(("darkness",), 4)
    fresh = last(run_sweep(light, bright, sweep, cache=cache))
    asked = len(light.asked)
    again = last(run_sweep(light, bright, sweep, cache=cache))
    assert len(light.asked) == asked and all(step.outcome.cached for step in again.steps)
    said = [[step.outcome.reply.answer for step in one.steps] for one in (again, fresh)]
    assert said[0] == said[1]


def test_stop_ends_a_sweep_and_what_was_done_is_known(light, bright):
    stop, cache, done = threading.Event(), AnswerCache(), []
    for result in run_sweep(light, bright, Sweep(("darkness",), 9), stop, cache):
        done.append(result)
        if len(done) == 3:
            stop.set()
    assert len(done[-1].steps) == 3 and not done[-1].finished
    again = last(run_sweep(light, bright, Sweep(("darkness",), 9), cache=cache))
    assert [step.outcome.cached for step in again.steps] == [True] * 3 + [False] * 6


def test_half_an_answer_is_neither_a_step_nor_remembered(bright):
    stop, cache, engine = threading.Event(), AnswerCache(), ScriptedEngine()
    threading.Timer(0.3, stop.set).start()
    endless = replace(bright, question="Go on endlessly")
    assert list(run_sweep(engine, endless, Sweep(("darkness",)), stop, cache)) == []
    assert len(cache) == 0 and engine.running == 0


def test_a_sweep_leaves_the_settings_to_the_model_unless_they_are_given(light, bright):
    given = GenerationSettings(max_new_tokens=99)
    for settings, wanted in ((None, light.info.defaults), (given, given)):
        result = last(run_sweep(light, replace(bright, settings=settings), Sweep(("darkness",), 2)))
        assert {step.outcome.reply.answer.settings for step in result.steps} == {wanted}
