"""Claims about the full-size recipe: what is trained on is what is served, and all of it is met."""

import numpy as np
import pytest
from PIL import Image

from robust_r1.errors import InputError
from tests.support.training import small
from train.common.adapters import open_start

FULL = "lora.quantized=false"


@pytest.mark.parametrize("shape", [(100, 37), (9, 300), (427, 640)])
def test_the_processor_leaves_a_picture_as_it_was_fitted_for_serving(
    tiny_checkpoint, tiny_engine, shape
):
    start = open_start(str(tiny_checkpoint), small(FULL))
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    fitted = start.info.fit(picture)
    assert np.array_equal(fitted, tiny_engine.fit(picture))
    grid = start.processor.image_processor([Image.fromarray(fitted)])["image_grid_thw"][0]
    assert tuple(16 * int(side) for side in grid[1:]) == fitted.shape[:2]


def test_a_pixel_budget_that_holds_no_picture_is_refused(tiny_checkpoint):
    with pytest.raises(InputError, match="9 pixels are too few"):
        open_start(str(tiny_checkpoint), small(FULL, "max_pixels=9"))
