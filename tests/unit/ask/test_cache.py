"""Claims about known answers: what determines an answer is its key, and the cache is bounded."""

from dataclasses import replace

import pytest

from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.pipeline import ask_through
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import GenerationSettings
from tests.support.light_meter import LightMeter


@pytest.fixture
def cache():
    return AnswerCache()


def cached(engine, case, cache) -> bool:
    return ask_through(engine, case, cache=cache).cached


def test_the_same_again_is_known_and_has_the_same_scores(light, bright, cache):
    fresh, again = (ask_through(light, bright, cache=cache) for _ in range(2))
    assert (fresh.cached, again.cached, len(light.asked)) == (False, True, 1)
    assert again.reply.answer == fresh.reply.answer and again.score == fresh.score


@pytest.mark.parametrize(
    "change",
    [
        {"question": "Else?"}, {"choices": ("yes", "no")},
        {"settings": GenerationSettings(max_new_tokens=99)}, {"template": "Say: {question}"},
        {"plan": DegradationPlan.parse("darkness=1")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_what_the_model_is_given_is_asked_anew(light, bright, cache, change):
    assert not cached(light, bright, cache)
    assert not cached(light, replace(bright, **change), cache)
    assert cached(light, bright, cache)


def test_another_true_answer_and_the_model_s_own_settings_in_full_are_the_same(
    light, bright, cache
):
    assert not cached(light, bright, cache)
    assert cached(light, replace(bright, truth="no"), cache)
    assert cached(light, replace(bright, settings=light.info.defaults), cache)


def test_another_model_is_asked_anew(light, bright, cache):
    assert not cached(light, bright, cache)
    assert not cached(LightMeter(light.full, name="other"), bright, cache)


def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago(light, bright):
    cache = AnswerCache(size=2)
    first, second, third = (replace(bright, question=f"{word}?") for word in "abc")
    told = [cached(light, case, cache) for case in (first, second, first, third)]
    assert told == [False, False, True, False]
    assert len(cache) == 2 and cached(light, first, cache) and not cached(light, second, cache)
