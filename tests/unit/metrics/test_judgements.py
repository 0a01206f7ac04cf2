"""R-Bench's rules for what a judge's calls about one answer come to, and what one call says."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.errors import InputError
from robust_r1.metrics import judged_score, read_score


def test_mcq_goes_with_the_majority_of_five_whatever_their_order():
    for calls in product((0, 1), repeat=5):
        assert judged_score("mcq", calls) == (1 if sum(calls) >= 3 else 0)


def test_vqa_is_the_sum_of_five_by_ten():
    assert judged_score("vqa", (2, 2, 2, 2, 2)) == 1
    assert judged_score("vqa", (1, 0, 2, 0, 0)) == pytest.approx(0.3)
    assert judged_score("vqa", (0, 0, 0, 0, 0)) == 0


def test_cap_is_the_sum_by_twice_the_captions():
    assert judged_score("cap", (2,)) == 1
    assert judged_score("cap", (1, 0, 2)) == 0.5
    assert judged_score("cap", (1, 0, 0, 0, 0, 0, 0)) == pytest.approx(1 / 14)


@pytest.mark.parametrize(
    ("task", "calls"),
    [("mcq", (1, 1, 1, None, 1)), ("vqa", (None,) * 5), ("cap", (2, None)), ("cap", ())],
)
def test_where_a_call_failed_the_answer_is_not_judged_and_not_wrong(task, calls):
    assert judged_score(task, calls) is None


@pytest.mark.parametrize(
    ("task", "calls", "fault"),
    [
        ("mcq", (0, 1, 2, 0, 1), "says .* for MCQ; give 0 to 1 each"),
        ("vqa", (0, 1, 3, 0, 1), "says .* for VQA; give 0 to 2 each"),
        ("cap", (-1,), "says .* for CAP; give 0 to 2 each"),
        ("mcq", (1, 1, 1), "3 calls for MCQ; give 5"),
        ("vqa", (1,) * 6, "6 calls for VQA; give 5"),
        ("perception", (1,), "unknown task 'perception'; use one of mcq, vqa, cap"),
    ],
)
def test_calls_that_a_judge_cannot_make_are_refused(task, calls, fault):
    with pytest.raises(InputError, match=fault):
        judged_score(task, calls)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("Score: 2", 2),
        ("score = 0", 0),
        ("1", 1),
        ("2/2", 2),
        ("**Score:** `1`.", 1),
        ("Score\uff1a\uff12", 2),  # full width
        ("The answer is partly right. The score is 1 out of 2.", 1),
        ("The bike is red, not blue.\n\nScore: 0\n", 0),
        ("Score: 1\nIt names the color alone.", 1),
        ("Score (0 to 2): 2", 2),
        ("<think>Score: 0? No: score: 1.</think>\nScore: 2", 2),
        ("It could be score: 1, all in all:\nScore: 2", 2),
        ('{"score": 2}', 2),
        ("Score: 2\nScore: 2", 2),
        # Nothing is guessed from these.
        ("", None),
        ("<think>Score: 2", None),
        ("A good answer, 2 thumbs up.", None),
        ("I would say 2", None),
        ("Score: 3", None),
        ("Score: 20", None),
        ("Score: -1", None),
        ("Score: 1.5", None),
        ("Score: 2/5", None),
        ("Score: 1 out of 10", None),
        ("Score: 0-2", None),
        ("Score: 1 or 2", None),
        ("Score: 1. No, score: 2, I think.", None),
        ("Underscore: 2 is its name.", None),
        ("Score: " + "1" * 5000, None),
    ],
)
def test_a_score_is_read_where_a_judge_says_one_and_only_there(reply, score):
    assert read_score(reply) == score


@given(st.text(max_size=60))
def test_whatever_a_judge_writes_is_a_score_or_none(text):
    assert read_score(text) in (None, 0, 1, 2)
    assert read_score(f"{text}\nScore: 1") in (1, None)  # none where a thought has no end
