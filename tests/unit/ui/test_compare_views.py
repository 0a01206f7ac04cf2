"""The heads of a comparison: one picture where all sides see the same pixels."""

import numpy as np
import pytest

from robust_r1.analysis import Side
from robust_r1.degradations import DegradationPlan
from robust_r1.ui.compare.views import heads
from robust_r1.ui.widgets.picture import picture_tag

DAMAGE, CLEAN = DegradationPlan.parse("darkness=0.5", seed=1), DegradationPlan()
WAITING = '<span class="rr-none">not asked yet</span>'


@pytest.fixture
def tag(tmp_path):
    """Return a function that draws a gray picture, told in words of its own."""

    def draw(gray: int, words: str) -> str:
        return picture_tag(np.full((8, 8, 3), gray, np.uint8), words, str(tmp_path))

    return draw


def test_models_that_see_the_same_share_one_picture_and_keep_their_names(tag):
    sides = [Side(name, name.upper(), DAMAGE, "a scene") for name in ("one", "two", "three")]
    drawn = heads([(side, tag(9, side.model)) for side in sides], reference=1)
    assert drawn.count("<img") == 1 and drawn.count("reference") == 1
    assert all(f"<b>{side.label}</b>" in drawn for side in sides)
    early = heads([(sides[0], tag(9, "one")), (sides[1], WAITING)])
    assert early.count("<img") == 1 and WAITING not in early
    # Letters belong to the columns of an answer, which may change places.
    assert drawn.count("rr-number") == 3 and "rr-number" not in early


@pytest.mark.parametrize(
    ("grays", "plans", "titles"),
    [
        ((9, 8), (DAMAGE, DAMAGE), ("a", "a")),  # a model that is shown more pixels
        ((9, 9), (DAMAGE, CLEAN), ("a", "a")),  # a plan that changes nothing here
        ((9, 9), (DAMAGE, DAMAGE), ("a", "b")),  # a pinned run about another picture
    ],
)
def test_sides_that_differ_in_more_than_the_model_have_a_picture_each(tag, grays, plans, titles):
    sides = [Side("m", "M", plan, title) for plan, title in zip(plans, titles, strict=True)]
    drawn = heads([(side, tag(gray, "x")) for side, gray in zip(sides, grays, strict=True)])
    assert drawn.count("<img") == 2


def test_one_side_alone_is_no_shared_picture(tag):
    assert "same picture" not in heads([(Side("m", "M", DAMAGE), tag(9, "x"))])
