"""Fit a picture to a pixel budget."""

import math

import numpy as np
from PIL import Image

from robust_r1.errors import InputError

# How much a wrong area weighs against a wrong aspect in `fitted_size`: at 36 squares (the bundled
# models) a 3:2 photograph becomes 5 x 7 instead of 4 x 6, which would waste a third of them.
_AREA_WEIGHT = 0.25
# Of a strip beyond this aspect one row of squares more or less moves the other side further than to
# its neighbors, so that sizes of the same aspect are looked at besides.
_STRIP = 16


def fit(image: np.ndarray, max_pixels: int, min_pixels: int = 0, multiple: int = 1) -> np.ndarray:
    """Resize a picture to a pixel budget; one that fits already is returned as it is.

    Args:
        image: uint8, shape (height, width, 3).
        max_pixels: largest area of the result, in pixels; at least multiple x multiple.
        min_pixels: area that smaller pictures are enlarged to, as nearly as the rest allows.
        multiple: both sides of the result are multiples of this, in pixels.

    Keeps the aspect as well as that allows and is idempotent. The filter is antialiased bicubic,
    which the models' own processors use. Raises InputError for an impossible budget.
    """
    height, width = image.shape[:2]
    size = fitted_size(height, width, max_pixels, min_pixels, multiple)
    if size == (height, width):
        return image
    resized = Image.fromarray(image).resize(
        (size[1], size[0]), Image.Resampling.BICUBIC, reducing_gap=3.0
    )
    return np.array(resized)


def fit_side(image: np.ndarray, side: int) -> np.ndarray:
    """Resize a picture so that its longer side has `side` pixels, the other an even number.

    Keeps the aspect as nearly as that allows and is idempotent. Args: image, uint8, shape (height,
    width, 3); side, even, in pixels.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    rows, columns = (
        side if length == max(height, width) else max(2, 2 * round(length * scale / 2))
        for length in (height, width)
    )
    if (rows, columns) == (height, width):
        return image
    resized = Image.fromarray(image).resize(
        (columns, rows), Image.Resampling.BICUBIC, reducing_gap=3.0
    )
    return np.array(resized)


def fitted_size(
    height: int, width: int, max_pixels: int, min_pixels: int = 0, multiple: int = 1
) -> tuple[int, int]:
    """Return the (height, width) that `fit` gives a picture of this size; see there."""
    if multiple < 1 or max_pixels < multiple**2 or min_pixels > max_pixels:
        raise InputError(
            f"No picture with sides in multiples of {multiple} has between {min_pixels} and "
            f"{max_pixels} pixels; widen the budget."
        )
    # A result may miss min_pixels by rounding and would then be a new input with another target
    # area; stepping on until the size stays makes fit idempotent. Two or three steps do.
    size = (height, width)
    while not _fits(*size, max_pixels, min_pixels, multiple):
        step = _nearest_size(*size, max_pixels, min_pixels, multiple)
        if step == size:
            break
        size = step
    return size


def _fits(height: int, width: int, max_pixels: int, min_pixels: int, multiple: int) -> bool:
    # "Large enough" leaves out less than a row and a column of squares.
    enough = (height + multiple) * (width + multiple) > min_pixels
    return height % multiple == width % multiple == 0 and enough and height * width <= max_pixels


def _nearest_size(
    height: int, width: int, max_pixels: int, min_pixels: int, multiple: int
) -> tuple[int, int]:
    area = min(max(height * width, min_pixels), max_pixels)
    # No side is below one square: a smaller picture grows until its short side has one.
    scale = max(math.sqrt(area / (height * width)) / multiple, 1 / min(height, width))
    squares = max_pixels // multiple**2
    best, best_cost = None, math.inf
    for rows, columns in _candidates(height * scale, width * scale, squares):
        aspect_error = abs(math.log(rows * width / (columns * height)))
        area_error = abs(math.log(rows * columns * multiple**2 / area))
        cost = aspect_error + _AREA_WEIGHT * area_error
        if (rows * multiple, columns * multiple) == (height, width):
            cost -= 1e-9  # a tie goes to the size that it has already
        if cost < best_cost:
            best, best_cost = (rows * multiple, columns * multiple), cost
    assert best is not None  # 1 x squares is always a candidate
    return best


def _candidates(rows: float, columns: float, squares: int) -> set[tuple[int, int]]:
    """List whole sizes around an ideal one that have at most `squares` squares."""

    def around(side: float) -> list[int]:
        low = min(max(math.floor(side) - 1, 1), squares)
        return [min(low + step, squares) for step in range(4)]

    pairs = {(row, column) for row in around(rows) for column in around(columns)}
    if max(rows / columns, columns / rows) > _STRIP:
        pairs |= {(row, max(round(row * columns / rows), 1)) for row in around(rows)}
        pairs |= {(max(round(column * rows / columns), 1), column) for column in around(columns)}
    pairs |= {(row, squares // row) for row in around(rows)}
    pairs |= {(squares // column, column) for column in around(columns)}
    return {(row, column) for row, column in pairs if row * column <= squares}
