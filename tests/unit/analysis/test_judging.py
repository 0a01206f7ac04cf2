"""Claims about chains that are judged by hand: the rewards of training, what mistakes cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_r1.analysis import MAX_TEXT, judge, variants
from robust_r1.chain import render
from robust_r1.errors import InputError
from robust_r1.rewards import accuracy_reward, degradation_reward, format_reward, length_reward
from robust_r1.ui.learn.cases import lesson_cases

CASES = [pytest.param(case, id=case.title) for case in lesson_cases()]


@pytest.mark.parametrize("case", CASES)
def test_judging_by_hand_gives_the_rewards_of_training(case):
    truth, choices = render(case.reference), case.case.choices
    for variant in variants(case.reference):
        score = judge(variant.text, truth, choices).score
        texts, solution = [variant.text], [truth]
        assert [score.degradation] == degradation_reward(texts, solution)
        assert [score.length] == length_reward(texts, solution)
        assert [score.format] == format_reward(texts)
        assert [score.accuracy] == accuracy_reward(texts, solution, choices=[choices])


# Which rewards each mistake lowers; the others keep what the reference earns.
MISTAKES = {
    "Reference": set(),
    "Intensity off": {"degradation"},
    "One missed": {"degradation", "length"},
    "False alarm": {"degradation", "length"},
    "Wrong answer": {"accuracy", "length"},
    "Too short": {"length"},
    "Too long": {"length"},
    "Section missing": {"format", "length"},
    "Chatter outside": {"format", "length"},
    "Said twice": {"degradation", "format", "length"},
}


@pytest.mark.parametrize("case", CASES)
def test_each_ready_made_mistake_costs_exactly_the_rewards_that_it_should(case):
    truth = render(case.reference)
    best = judge(truth, truth).score
    names = [variant.name for variant in variants(case.reference)]
    assert set(names) == set(MISTAKES) if case.reference.findings else set(names) < set(MISTAKES)
    for variant in variants(case.reference):
        score = judge(variant.text, truth).score
        lowered = {
            name
            for name in ("degradation", "length", "format", "accuracy")
            if getattr(score, name) < getattr(best, name)
        }
        assert lowered == MISTAKES[variant.name], variant.name


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_whatever_is_typed_is_judged_and_never_raises(text):
    truth = render(lesson_cases()[0].reference)
    judgment = judge(text, truth)
    assert judgment.score.format == judgment.parsed.well_formed
    assert -1 <= judgment.score.length <= 1


@pytest.mark.parametrize(
    ("text", "truth", "words"),
    [
        ("x" * (MAX_TEXT + 1), "<TYPE>none<TYPE_END>", "The chain has 20001 characters"),
        ("x", "a kite", "The true chain is not well formed"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_words(text, truth, words):
    with pytest.raises(InputError, match=words):
        judge(text, truth)
