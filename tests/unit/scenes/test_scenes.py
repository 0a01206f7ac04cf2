"""Claims about the synthetic scenes: exact content, exact answers, splits that cannot overlap."""

import itertools

import numpy as np
import pytest

from robust_r1.chain import parse, render
from robust_r1.degradations import DegradationPlan
from robust_r1.errors import InputError
from robust_r1.metrics import answer_matches
from robust_r1.scenes import (
    SPLITS,
    chain_for,
    example_items,
    make_item,
    make_scene,
    questions_for,
    split_of,
)
from robust_r1.scenes.backgrounds import POOLS, _photographs, canvas
from robust_r1.scenes.vocabulary import COLORS, COUNT_WORDS, NOUNS

SEEDS = range(60)
ITEMS = [make_item("train", index) for index in range(400)]


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    first, again, other = make_scene(5), make_scene(5), make_scene(6)
    assert first.image().tobytes() == again.image().tobytes()
    assert first.image().tobytes() != other.image().tobytes()


def test_every_picture_is_rgb_within_the_budget_of_the_bundled_models():
    for seed in SEEDS:
        picture = make_scene(seed).image()
        assert picture.dtype == np.uint8 and picture.shape[2] == 3
        assert picture.shape[0] * picture.shape[1] <= 192 * 192
        assert picture.shape[0] % 32 == 0 and picture.shape[1] % 32 == 0


def test_an_object_shows_its_color_at_its_place():
    """A filled shape covers its center, so the middle pixels have the color it is said to have."""
    seen = 0
    for seed in range(200):
        scene = make_scene(seed)
        picture = scene.image().astype(int)
        for thing in scene.things:
            if thing.noun in ("circle", "square", "cross"):
                middle = picture[round(thing.y) - 2 : round(thing.y) + 3, round(thing.x)]
                assert np.abs(middle - COLORS[thing.color]).max() <= 2
                seen += 1
    assert seen > 50


def test_objects_keep_to_their_cells_and_inside_the_picture():
    for seed in range(200):
        scene = make_scene(seed)
        assert len({thing.cell for thing in scene.things}) == len(scene.things)
        for thing in scene.things:
            assert int(thing.x // (scene.width / 3)) == thing.column
            assert int(thing.y // (scene.height / 3)) == thing.row
            assert thing.radius < thing.x < scene.width - thing.radius
            assert thing.radius < thing.y < scene.height - thing.radius


def test_splits_do_not_overlap_in_seeds_backgrounds_or_photographs():
    for one, other in itertools.combinations(SPLITS, 2):
        assert not range(
            max(SPLITS[one].start, SPLITS[other].start), min(SPLITS[one].stop, SPLITS[other].stop)
        )
        assert not set(POOLS[one]) & set(POOLS[other])
    assert not set(_photographs("train")) & set(_photographs("held_out"))
    assert _photographs("train") and _photographs("held_out")


def test_a_scene_draws_its_background_from_the_pool_of_its_split(monkeypatch):
    asked = []
    real = canvas.__wrapped__

    def spy(index, split):
        asked.append((index, split))
        return real(index, split)

    monkeypatch.setattr("robust_r1.scenes.backgrounds.canvas", spy)
    for split, seeds in SPLITS.items():
        for seed in seeds[:8]:
            make_scene(seed).image()
        assert asked and all(index in POOLS[split] for index, _ in asked)
        assert {name for _, name in asked} == {split}
        asked.clear()


@pytest.mark.parametrize("seed", [-1, SPLITS["test"].stop])
def test_a_seed_outside_all_splits_is_refused(seed):
    with pytest.raises(InputError, match="out of range"):
        split_of(seed)


def test_an_unknown_split_and_an_index_outside_it_are_refused():
    with pytest.raises(InputError, match="choose one of"):
        make_item("dev", 0)
    with pytest.raises(InputError, match="outside"):
        make_item("test", len(SPLITS["test"]))


def test_multiple_choice_holds_the_answer_once_under_its_number():
    for seed in SEEDS:
        for question in questions_for(make_scene(seed)):
            if question.kind == "mcq":
                assert len(set(question.choices)) == len(question.choices)
                assert question.choices[int(question.answer)] == question.answer_text
                assert answer_matches(question.answer_text, question.answer, question.choices)
            else:
                assert question.choices == ()


def test_answers_follow_from_the_objects():
    """Count, color and place are computed again here, from the objects alone."""
    checked = set()
    for seed in SEEDS:
        scene = make_scene(seed)
        for question in questions_for(scene):
            text = question.text
            if text == "How many objects are there?":
                assert question.answer_text == COUNT_WORDS[len(scene.things)]
            elif text.startswith("How many"):
                color = text.split()[2]
                count = sum(thing.color == color for thing in scene.things)
                assert question.answer_text == COUNT_WORDS[count]
            elif text.startswith("What color is the "):
                noun = text.removeprefix("What color is the ").rstrip("?")
                assert [question.answer_text] == [t.color for t in scene.things if t.noun == noun]
            elif text.startswith("Where is the "):
                noun = text.removeprefix("Where is the ").rstrip("?")
                assert [question.answer_text] == [t.place for t in scene.things if t.noun == noun]
            elif text.startswith("Is there a"):
                color, noun = text.rstrip("?").split(" ", 3)[3].split(" ", 1)
                there = any(t.color == color and t.noun == noun for t in scene.things)
                assert question.answer_text == ("yes" if there else "no")
            elif " left or right of the " in text:
                nouns = text.removeprefix("Is the ").rstrip("?").split(" left or right of the ")
                x = [next(t.x for t in scene.things if t.noun == noun) for noun in nouns]
                assert question.answer_text == ("left" if x[0] < x[1] else "right")
            elif " above or below the " in text:
                nouns = text.removeprefix("Is the ").rstrip("?").split(" above or below the ")
                y = [next(t.y for t in scene.things if t.noun == noun) for noun in nouns]
                assert question.answer_text == ("above" if y[0] < y[1] else "below")
            else:
                continue
            checked.add(question.topic)
    assert checked == {"count", "color", "place", "exists", "relation"}


def test_every_reference_chain_parses_back_to_itself_and_answers_the_question():
    for item in ITEMS:
        parsed = parse(render(item.chain))
        assert parsed.well_formed, (item.question, parsed.problems)
        assert parsed.chain == item.chain
        assert parsed.chain.answer == item.question.answer


def test_a_chain_names_what_the_plan_applied_and_nothing_else():
    for item in ITEMS:
        named = {finding.name for finding in item.chain.findings}
        applied = {id.replace("_", " ") for id in item.plan.intensities}
        renamed = {"dark illumination" if name == "darkness" else name for name in applied}
        assert named == renamed


def test_chain_length_grows_with_total_intensity():
    """Spearman's rank correlation over whole items, and no shrinking for one question."""
    totals = np.array([item.plan.total_intensity for item in ITEMS])
    lengths = np.array([len(render(item.chain).split()) for item in ITEMS])
    ranks = [np.argsort(np.argsort(values)) for values in (totals, lengths)]
    assert np.corrcoef(ranks)[0, 1] > 0.6
    for item in ITEMS[:50]:
        words = [
            len(render(chain_for(item.scene, item.question, plan)).split())
            for plan in map(_blur_and_noise, (0.0, 0.2, 0.45, 0.7, 1.0))
        ]
        assert words == sorted(words)


def _blur_and_noise(strength: float) -> DegradationPlan:
    return DegradationPlan.of({"lens_blur": strength, "gaussian_noise": strength}, seed=3)


def test_all_nouns_colors_kinds_and_topics_occur():
    things = [thing for item in ITEMS for thing in item.scene.things]
    assert {thing.noun for thing in things} == set(NOUNS)
    assert {thing.color for thing in things} == set(COLORS)
    assert {item.question.kind for item in ITEMS} == {"mcq", "vqa", "cap"}
    topics = {"color", "noun", "place", "count", "relation", "exists", "caption", "outside"}
    assert {item.question.topic for item in ITEMS} == topics


def test_examples_are_clean_test_scenes():
    for item in example_items(3):
        assert split_of(item.scene.seed) == "test" and not item.plan
        assert item.image().tobytes() == item.clean().tobytes()


def test_many_questions_about_something_else_are_asked_of_pictures_without_objects():
    """As they will be of photographs, which have none of the objects that scenes have."""
    outside = [item for item in ITEMS if item.question.topic == "outside"]
    empty = [item for item in outside if not item.scene.things]
    assert 0.35 < len(empty) / len(outside) < 0.9
    assert np.array_equal(empty[0].scene.image(), empty[0].scene.without_objects().image())
