"""The mark on an answer that is of something else than what the page shows."""

import pytest

from robust_r1.ask.picture import OwnPicture, Picture
from robust_r1.images import Identity
from robust_r1.ui.widgets.old_answer import Answered, old_mark, pixels_of

NOW = {"picture": 1, "damage": "noise", "question": ("What?", (), ""), "model": "a"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"picture": 2}, "picture"),
        ({"model": "b", "damage": ""}, "damage and model"),
        ({"model": "b", "damage": "", "picture": 3}, "picture, damage and model"),
    ],
)
def test_a_mark_names_what_has_changed_and_goes_where_all_is_set_back(changed, words):
    mark = old_mark(Answered(NOW).changed(NOW | changed))
    assert (f"for the {words} before" in mark) if words else mark == ""


def test_an_own_picture_is_the_same_wherever_its_file_lies():
    identity = Identity(4, 3, "0f" * 32)
    first, second = (Picture(path=path, own=OwnPicture(path, identity)) for path in ("a", "b"))
    assert first != second and pixels_of(first) == pixels_of(second)
    other = Picture(path="a", own=OwnPicture("a", Identity(4, 3, "1f" * 32)))
    assert pixels_of(first) != pixels_of(other)
    assert pixels_of(Picture("coffee")) != pixels_of(Picture("dogs")) and pixels_of(None) is None
