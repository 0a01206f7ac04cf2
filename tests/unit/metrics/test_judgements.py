"""R-Bench's rules for what a judge's calls about one answer come to."""

from itertools import product

import pytest

from robust_r1.errors import InputError
from robust_r1.metrics import judged_score


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
