"""A strip of cards: each a button that is known by its key, all text as text."""

from robust_r1.ui.widgets.strip import Card, strip

HOSTILE = "<img src=x onerror=alert(1)>"


def test_a_strip_without_cards_takes_no_place():
    assert strip("Answers", (), "rr-back", "Go back") == ""


def test_each_card_is_a_button_with_its_key_and_the_current_one_is_marked():
    cards = [Card(number, "<img>", f"What is {number}?", "two") for number in (7, 6)]
    drawn = strip("Answers", cards, "rr-back", "Go back", current=6)
    assert drawn.count("<button") == 2
    first, second = drawn.split("</li>")[:2]
    assert 'data-index="7"' in first and "What is 7?" in first and "aria-current" not in first
    assert 'data-index="6"' in second and 'aria-current="true"' in second


def test_what_a_card_is_about_shows_as_text():
    drawn = strip(HOSTILE, [Card(1, "", HOSTILE, "")], "rr-take", HOSTILE)
    assert "<img" not in drawn


def test_a_name_that_the_picture_says_is_heard_once():
    said, silent = (
        strip("Pictures", [Card(1, '<img alt="a.png">', "a.png", "", silent)], "rr-take", "Take")
        for silent in (False, True)
    )
    assert "aria-hidden" not in said and 'aria-hidden="true">a.png</span>' in silent
