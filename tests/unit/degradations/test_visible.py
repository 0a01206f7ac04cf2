"""Which presets are offered for a picture."""

from itertools import combinations

import numpy as np
import pytest

from robust_r1 import images
from robust_r1.degradations import PRESETS, most_visible
from robust_r1.degradations.visible import similarity
from tests.support.paths import ROOT

EXAMPLES = sorted((ROOT / "assets" / "examples").glob("*.jpg"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_three_presets_are_named_that_have_no_degradation_in_common(path):
    chosen = most_visible(images.load(path))
    assert len(chosen) == 3
    for one, other in combinations(chosen, 2):
        assert not set(PRESETS[one].intensities) & set(PRESETS[other].intensities)


def test_they_differ_between_pictures():
    assert len({most_visible(images.load(path)) for path in EXAMPLES}) > 1


def test_what_a_picture_shows_already_is_not_offered_again():
    picture = images.load(EXAMPLES[0])
    first = most_visible(picture)[0]
    kinds = set(PRESETS[first].intensities)
    for name in most_visible(picture, kinds):
        assert not kinds & set(PRESETS[name].intensities)
    assert most_visible(picture, ["noise"]) == most_visible(picture, ["gaussian_noise"])


def test_the_strongest_comes_first_and_equal_pictures_are_alike(picture):
    assert similarity(picture, picture) == pytest.approx(1)
    changes = [1 - similarity(picture, PRESETS[n].apply(picture)) for n in most_visible(picture)]
    assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (400, 2)])
def test_pictures_of_any_shape_get_presets(shape):
    assert most_visible(np.zeros((*shape, 3), np.uint8))
