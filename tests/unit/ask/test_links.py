"""Links that hold a question about a picture."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.ask.case import Case
from robust_r1.ask.links import decode, encode
from robust_r1.ask.picture import Picture
from robust_r1.degradations import SPECS, DegradationPlan

text = st.text(max_size=60).filter(lambda value: value == value.strip() and "\n" not in value)
IDS = [spec.id for spec in SPECS]


@given(
    st.dictionaries(st.sampled_from(IDS), st.integers(1, 100).map(lambda cent: cent / 100)),
    st.integers(0, 2**31 - 1), text, st.lists(text.filter(bool), max_size=4), text,
)
def test_link_reads_back_to_the_same_state(strengths, seed, question, choices, answer):
    plan, asked = DegradationPlan.of(strengths, seed), (question, tuple(choices), answer)
    case = Case(Picture("coffee"), plan, *asked, seed=seed, model="a")
    pairs = parse_qsl(encode(case).removeprefix("?"), keep_blank_values=True)
    assert decode(pairs, ["a"]) == (case, [])


def test_a_question_too_long_for_a_link_is_said_and_never_cut():
    case, problems = decode([("question", "x" * 4001)], [])
    assert case.question == "" and "question was left out" in problems[0]
    asked = "x" * 4000
    assert decode([("question", asked)], []) == (Case(question=asked), [])


@pytest.mark.parametrize(
    ("pair", "word"),
    [
        (("example", "../../etc/passwd"), "example"),
        (("example", "scene-99999999999"), "example"),
        (("example", "scene-x"), "example"),
        (("plan", "lens_blur=2"), "plan"),
        (("plan", "lens_blur"), "plan"),
        (("seed", "1e9"), "seed"),
        (("seed", "99999999999"), "seed"),
        (("model", "other"), "model"),
    ],
)
def test_bad_link_value_is_named_and_left_out(pair, word):
    case, problems = decode([pair, ("question", "What?")], ["a"])
    assert len(problems) == 1 and word in problems[0]
    assert case == Case(question="What?")
