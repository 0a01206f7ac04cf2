"""Plans of degradations: order, seeds, text, JSON, presets and the draw of the paper."""

import json
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_r1.degradations import (
    LEVELS,
    PRESETS,
    SPECS,
    STAGES,
    DegradationPlan,
    Step,
    degrade,
    find,
    sample_plan,
    step_seed,
)
from robust_r1.errors import InputError

IDS = [spec.id for spec in SPECS]

plans = st.builds(
    DegradationPlan.of,
    st.dictionaries(st.sampled_from(IDS), st.floats(0.0, 1.0), max_size=6),
    seed=st.integers(0, 2**40),
)


@given(plans)
def test_json_and_back_is_the_same_plan(plan: DegradationPlan) -> None:
    assert DegradationPlan.from_json(plan.to_json()) == plan


@given(plans, st.integers(0, 100))
def test_text_and_back_has_the_same_intensities(plan: DegradationPlan, seed: int) -> None:
    again = DegradationPlan.parse(str(plan), seed=seed)
    assert again == DegradationPlan.of(plan.intensities, seed=seed)
    assert again.intensities == plan.intensities


@given(plans, st.randoms())
def test_the_order_given_does_not_matter(plan: DegradationPlan, shuffler) -> None:
    steps = list(plan.steps)
    shuffler.shuffle(steps)
    assert DegradationPlan(tuple(steps)) == plan
    assert [IDS.index(step.id) for step in plan.steps] == sorted(map(IDS.index, plan.intensities))


@settings(max_examples=15, deadline=None)
@given(plans)
def test_a_plan_replays_exactly_from_its_json(plan: DegradationPlan) -> None:
    image = np.random.default_rng(2).integers(0, 256, size=(40, 56, 3), dtype=np.uint8)
    again = DegradationPlan.from_json(plan.to_json())
    assert np.array_equal(plan.apply(image), again.apply(image))


def test_a_plan_applies_its_steps_in_stage_order(picture: np.ndarray) -> None:
    plan = DegradationPlan.parse("graffiti=0.5,noise=0.3,flare=0.4,jpeg_compression=0.8", seed=3)
    expected = picture
    for id in ("lens_flare", "jpeg_compression", "gaussian_noise", "graffiti"):
        expected = degrade(expected, id, plan.intensities[id], step_seed(3, id))
    assert np.array_equal(plan.apply(picture), expected)
    for order in permutations(plan.steps):
        assert np.array_equal(DegradationPlan(order).apply(picture), expected)


def test_an_empty_plan_returns_a_copy(picture: np.ndarray) -> None:
    out = DegradationPlan().apply(picture)
    assert np.array_equal(out, picture) and not np.shares_memory(out, picture)
    assert len(DegradationPlan.parse(" ")) == 0 and not DegradationPlan.of({})


def test_adding_a_degradation_leaves_the_seeds_of_the_others_alone() -> None:
    alone = DegradationPlan.of({"graffiti": 0.5}, seed=7)
    more = DegradationPlan.of({"lens_flare": 0.2, "graffiti": 0.5}, seed=7)
    assert alone.steps[0] == more.steps[1]
    assert more.steps[0].seed != more.steps[1].seed


def test_step_seeds_are_a_fixed_function_of_plan_seed_and_id() -> None:
    # Links and manifests written earlier must replay: these numbers are part of the format.
    assert step_seed(0, "lens_blur") == 977109557
    assert step_seed(7, "graffiti") == 3924740570


def test_steps_of_intensity_zero_are_dropped() -> None:
    plan = DegradationPlan.of({"lens_blur": 0.0, "darkness": 0.5})
    assert list(plan.intensities) == ["darkness"] and len(plan) == 1


def test_total_intensity_is_the_sum_over_steps() -> None:
    assert DegradationPlan.parse("noise=0.25,blur=0.5").total_intensity == 0.75
    assert DegradationPlan().total_intensity == 0.0


def test_steps_take_any_name_and_keep_the_id() -> None:
    assert Step("Dark illumination", 0.5).id == "darkness"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lens_blur", "NAME=INTENSITY"),
        ("lens_blur=", "number"),
        ("lens_blur=much", "'much'"),
        ("lens_blur=1.2", "0 to 1"),
        ("lens_blur=nan", "0 to 1"),
        ("lens_glow=0.2", "lens_glow.*lens_blur"),
        ("lens_blur=0.2,Lens blur=0.3", "lens_blur.*twice"),
        ("defocus blur=0.2,lens_blur=0", "twice"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        DegradationPlan.parse(text)


STEP = {"id": "darkness", "intensity": 0.5, "seed": 1}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"steps": [STEP], "note": ""},
        {"steps": STEP},
        {"steps": ["darkness"]},
        {"steps": [{**STEP, "color": 1}]},
        {"steps": [{"id": "darkness", "intensity": 0.5}]},
        {"steps": [{**STEP, "intensity": "0.5"}]},
        {"steps": [{**STEP, "intensity": float("nan")}]},
        {"steps": [{**STEP, "seed": -1}]},
        {"steps": [{**STEP, "seed": 1.5}]},
        {"steps": [{**STEP, "id": 3}]},
        {"steps": [STEP, STEP]},
    ],
    ids=repr,
)
def test_json_that_is_not_a_plan_is_refused(data: object) -> None:
    with pytest.raises(InputError):
        DegradationPlan.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "lens_blur=0.4", "{", None])
def test_text_that_is_not_json_is_refused(text: object) -> None:
    with pytest.raises(InputError, match="JSON"):
        DegradationPlan.from_json(text)


def test_a_draw_takes_one_degradation_per_stage_at_most() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        plan = sample_plan(rng)
        stages = [find(step.id).stage for step in plan.steps]
        assert 1 <= len(plan) <= 4
        assert len(set(stages)) == len(stages)
        assert [STAGES.index(stage) for stage in stages] == sorted(map(STAGES.index, stages))


def test_draws_cover_the_table_evenly_by_stage_with_uniform_intensities() -> None:
    rng = np.random.default_rng(1)
    steps = [step for _ in range(4000) for step in sample_plan(rng).steps]
    counts = {spec.id: sum(step.id == spec.id for step in steps) for spec in SPECS}
    for stage in STAGES:
        own = [counts[spec.id] for spec in SPECS if spec.stage == stage]
        assert abs(sum(own) / len(steps) - 0.25) < 0.02
        assert max(own) < 1.25 * min(own)
    histogram = np.histogram([step.intensity for step in steps], bins=10, range=(0, 1))[0]
    assert histogram.max() < 1.2 * histogram.min()


def test_the_same_generator_draws_the_same_plan() -> None:
    draws = [sample_plan(np.random.default_rng(9)) for _ in range(2)]
    assert draws[0] == draws[1] != sample_plan(np.random.default_rng(10))


def test_a_draw_is_bounded_by_max_steps() -> None:
    rng = np.random.default_rng(3)
    assert {len(sample_plan(rng, max_steps=2)) for _ in range(60)} == {1, 2}
    for wrong in (0, 5):
        with pytest.raises(InputError, match="max_steps"):
            sample_plan(rng, max_steps=wrong)


def test_levels_are_the_published_ones() -> None:
    assert LEVELS == {"25": 0.23, "50": 0.45, "100": 0.9}


def test_there_is_a_good_dozen_of_presets_and_they_differ() -> None:
    assert len(PRESETS) >= 12
    assert len({plan.to_json() for plan in PRESETS.values()}) == len(PRESETS)
    for name, plan in PRESETS.items():
        assert name == name.strip() and len(plan) >= 1
    used = {id for plan in PRESETS.values() for id in plan.intensities}
    assert used == set(IDS)  # each degradation is met in at least one preset


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_changes_a_picture_and_leaves_one(name: str, picture: np.ndarray) -> None:
    out = PRESETS[name].apply(picture)
    assert out.shape == picture.shape
    assert np.abs(out.astype(int) - picture).mean() > 1.0 and out.std() > 5.0
