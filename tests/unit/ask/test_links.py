"""Links that hold a question about a picture."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.ask.case import Case
from robust_r1.ask.links import decode, encode
from robust_r1.ask.picture import OwnPicture, Picture, is_same
from robust_r1.degradations import SPECS, DegradationPlan
from robust_r1.errors import InputError
from robust_r1.images import Identity

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


OWN = OwnPicture("garden & party.jpg", Identity(4000, 3000, "0f" * 32))


@pytest.mark.parametrize("kept", ["", "aB-_" * 4])
def test_a_picture_of_ones_own_is_told_by_name_size_and_digest_and_is_absent(kept):
    own = OwnPicture(OWN.name, OWN.identity, kept)
    sent = Case(Picture(path="/home/me/secret/0123.jpg", own=own), question="What?")
    query = encode(sent)
    assert "secret" not in query and "0123" not in query
    case, problems = decode(parse_qsl(query.removeprefix("?")), [])
    assert (case, problems) == (Case(Picture(own=own), question="What?"), [])
    assert case.picture.absent and not sent.picture.absent
    assert encode(case) == query


@pytest.mark.parametrize(
    "wrong", [{"picture": "0f"}, {"size": ""}, {"size": "0x3"}, {"size": "9999999x1"}]
)
def test_a_picture_that_is_told_by_half_is_left_out_and_the_rest_counts(wrong):
    told = {"picture": "0f" * 32, "size": "4000x3000", "question": "What?"} | wrong
    case, problems = decode(list(told.items()), [])
    assert case == Case(question="What?")
    assert len(problems) == 1 and "The link's picture was left out" in problems[0]


def test_a_missing_picture_says_which_one_it_is():
    with pytest.raises(InputError, match="garden & party.jpg, 4000 \u00d7 3000 pixels: bring it"):
        Picture(own=OWN).load()


def test_pictures_are_the_same_by_their_pixels_whatever_they_are_called():
    other = OwnPicture("copy.png", OWN.identity)
    assert is_same(Picture(own=OWN), Picture(path="x", own=other))
    another = OwnPicture(OWN.name, Identity(4000, 3000, "1f" * 32))
    assert not is_same(Picture(own=OWN), Picture(path="x", own=another))
    assert not is_same(None, Picture(own=OWN)) and not is_same(Picture("coffee"), Picture(own=OWN))


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
