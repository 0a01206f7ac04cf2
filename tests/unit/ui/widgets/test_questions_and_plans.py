"""Questions and plans that are written as lines of text."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.ask.case import Case
from robust_r1.ask.examples import gallery
from robust_r1.ask.picture import Picture
from robust_r1.degradations import PRESETS, DegradationPlan
from robust_r1.engine import catalog
from robust_r1.errors import InputError
from robust_r1.evaluation import headline, load_run
from robust_r1.paths import BUNDLED_RUNS
from robust_r1.ui.widgets.plan_input import read_plan, short
from robust_r1.ui.widgets.question import notice, questions_alone, read_lines, write_line


def _case(text, choices=(), truth="") -> Case:
    return Case(question=text, choices=choices, truth=truth)


def test_every_example_question_is_read_back_from_its_line():
    for example in gallery():
        for asked in example.questions:
            line = write_line(asked.text, asked.choices, asked.answer)
            assert read_lines(line, 1) == (_case(asked.text, asked.choices, asked.answer),)


WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=9)


@given(st.lists(st.tuples(WORDS, st.lists(WORDS, max_size=4), WORDS | st.just("")), min_size=1))
def test_questions_are_read_back_from_their_lines(questions):
    questions = [
        (text, tuple(choices) if len(choices) > 1 else (), truth)
        for text, choices, truth in questions
    ]
    lines = "\n\n".join(write_line(*question) for question in questions)
    assert read_lines(lines, len(questions)) == tuple(_case(*one) for one in questions)


SIGNS = st.text(st.sampled_from("a|=>\\ "), min_size=1, max_size=9).map(
    lambda text: " ".join(f"x{text}".split())
)


@given(SIGNS, st.lists(SIGNS, max_size=4), SIGNS | st.just(""))
def test_a_question_that_holds_the_signs_arrives_whole(text, choices, truth):
    choices = tuple(choices) if len(choices) > 1 else ()
    assert read_lines(write_line(text, choices, truth), 1) == (_case(text, choices, truth),)
    assert questions_alone(write_line(text, choices, truth)) == write_line(text)


def test_a_true_answer_may_hold_the_signs_as_they_are():
    assert read_lines("what? => a | b => c", 1) == (_case("what?", (), "a | b => c"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no question"), ("\n \n", "no question"), ("| a | b", "no question"),
     ("a\nb\nc", "3 questions.*at most 2"), ("what? | one", "one answer choice"),
     ("what?" + " | x" * 40, "40 answer choices")],
)
def test_lines_that_cannot_be_asked_are_refused(text, words):
    with pytest.raises(InputError, match=words):
        read_lines(text, 2)


def test_a_plan_is_a_presets_name_or_its_text_or_nothing():
    for name, plan in PRESETS.items():
        wanted = DegradationPlan.of(plan.intensities, seed=7)
        assert read_plan(name.capitalize(), 7) == read_plan(short(plan), 7) == wanted
    assert read_plan("", 7) == read_plan(" Clean ", 7) == read_plan(None, 7) == DegradationPlan()
    with pytest.raises(InputError, match="lens_blur"):
        read_plan("lens_blurr=1", 0)


@pytest.mark.parametrize("name", ["tiny-sft", "tiny-rl"])
def test_beside_a_photograph_a_model_has_its_record_from_its_own_run(name):
    engine = SimpleNamespace(info=catalog.find(name))
    said = notice(Picture(path="mine.jpg"), engine)
    alarms = headline(load_run(BUNDLED_RUNS / f"{name}-photobench2").rows)["false alarm on clean"]
    assert f"(of 100 clean photographs it calls {100 * alarms.value:.0f} damaged)" in said
    scene = next(example for example in gallery() if example.is_scene)
    assert notice(Picture(example=scene.id), engine) == ""


def test_a_model_without_a_record_on_damage_shows_none(tmp_path):
    base, tuned = catalog.find("tiny-base"), catalog.find("tiny-rl")
    (tmp_path / "results.json").write_text('{"benchmarks": {}}')
    for info in (base, replace(tuned, source="nowhere"), replace(tuned, source=str(tmp_path))):
        said = notice(Picture(path="mine.jpg"), SimpleNamespace(info=info))
        assert "knows nothing about what a photograph" in said and "clean photographs" not in said
