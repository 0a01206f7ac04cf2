"""The dialogue of a link: what it says before anything is copied."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest

from robust_r1 import images
from robust_r1.ask.kept_pictures import KeptPictures
from robust_r1.ask.links import picture_pairs, query_string
from robust_r1.ask.picture import OwnPicture, Picture
from robust_r1.ui.widgets.address import Address
from robust_r1.ui.widgets.share import MOST_CHARACTERS, Shared, dialogue

OPEN = Address("http://lab.local:7860/", here_only=False)


@pytest.fixture
def own(tmp_path, picture):
    path = tmp_path / "in.png"
    images.save(picture, path)
    return Picture(path=str(path), own=OwnPicture("garden <b>.jpg", images.describe(picture)))


def shared_of(picture=None, **values):
    pairs = [*(picture_pairs(picture) if picture else ()), *values.items()]
    return Shared(query_string(pairs), picture)


def url_of(drawn):
    return unescape(re.search(r'id="share-url"[^>]* value="([^"]*)"', drawn)[1])


def test_a_link_of_an_example_is_shown_with_its_code_and_nothing_to_be_warned_of():
    drawn = dialogue(shared_of(example="coffee", question="What is it? & why"), OPEN, None)
    assert url_of(drawn) == "http://lab.local:7860/?example=coffee&question=What+is+it%3F+%26+why"
    assert "<svg" in drawn and "rr-notice" not in drawn and "Make it shorter" not in drawn


def test_a_link_that_works_here_only_says_so_and_what_to_do():
    drawn = dialogue(shared_of(example="coffee"), Address("http://127.0.0.1/", True), None)
    assert "works on this computer only" in drawn and "--host 0.0.0.0" in drawn


def test_a_link_to_an_own_picture_says_that_it_is_not_in_it(own):
    drawn = dialogue(shared_of(own), OPEN, None)
    assert "The picture is not in this link" in drawn and "Keep the picture" not in drawn
    assert "garden &lt;b&gt;.jpg" in drawn and "<b>.jpg" not in drawn


def test_where_pictures_are_kept_the_dialogue_offers_it_and_tells_the_bounds(own, tmp_path):
    kept = KeptPictures(tmp_path / "kept", 1)
    drawn = dialogue(shared_of(own), OPEN, kept)
    for words in ("Keep the picture here for 1 day<", "200 pictures", "500 MB", "oldest go first"):
        assert words in drawn
    there = Picture(path=own.path, own=kept.keep(own))
    drawn = dialogue(shared_of(there), OPEN, kept)
    assert "is kept here until" in drawn and "not in this link" not in drawn
    assert dict(parse_qsl(urlsplit(url_of(drawn)).query))["kept"] == there.own.kept
    assert len(url_of(drawn)) <= MOST_CHARACTERS and "<svg" in drawn


def test_who_has_only_the_link_cannot_keep_what_is_not_theirs(own, tmp_path):
    absent = Picture(own=own.own)
    assert "Keep the picture" not in dialogue(shared_of(absent), OPEN, KeptPictures(tmp_path, 1))


@pytest.mark.parametrize(
    ("length", "drawn"), [(MOST_CHARACTERS, True), (MOST_CHARACTERS + 1, False)]
)
def test_past_three_hundred_characters_there_is_no_code_but_what_shortens_the_link(length, drawn):
    shared = shared_of(question="x" * (length - len(OPEN.url) - len("?question=")))
    text = dialogue(shared, OPEN, None)
    assert len(url_of(text)) == length
    assert ("<svg" in text) is drawn
    assert ("too long for a code" in text) is not drawn
    assert (f"Leave out the question</button> {len(OPEN.url)} characters" in text) is not drawn


def test_what_is_left_out_shortens_the_link_and_can_be_put_back():
    whole = shared_of(question="x" * 400, choice="a", answer="a", seed="3")
    shorter = Shared(whole.query, left_out=frozenset({"question", "ask"}))
    text = dialogue(shorter, OPEN, None)
    assert url_of(text) == f"{OPEN.url}?choice=a&answer=a&seed=3"
    assert "Left out: the question." in text and "Put it back" in text and "<svg" in text


def test_what_went_wrong_is_said_in_the_dialogue_and_the_link_stays():
    drawn = dialogue(shared_of(example="coffee"), OPEN, None, "The disk is <full>.")
    assert 'role="alert">The disk is &lt;full&gt;.</p>' in drawn and "example=coffee" in drawn


def test_no_two_dialogues_are_the_same_text_so_that_each_is_opened():
    shared = shared_of(example="coffee")
    assert dialogue(shared, OPEN, None) != dialogue(shared, OPEN, None)
