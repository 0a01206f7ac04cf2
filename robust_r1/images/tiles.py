"""Places to look at a picture from near, in pixels of its own."""

import math
from dataclasses import dataclass

import numpy as np

# Where JPEG's blocks begin, of brightness and of color at half the resolution: a part that begins
# there has them where a whole picture has them.
_GRID = 16
# How much the number of tiles weighs against their aspect: 4 x 4 of a 4:3 picture, not 3 x 5.
_NUMBER_WEIGHT = 1.1


@dataclass(frozen=True)
class Tile:
    """Name a part of a picture, in pixels: its upper left corner and its size."""

    top: int
    left: int
    height: int
    width: int

    def of(self, image: np.ndarray) -> np.ndarray:
        """Return this part of an array of shape (height, width, ...), as a view of it."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


def tiles(height: int, width: int, area: int, multiple: int = 1, most: int = 16) -> list[Tile]:
    """Spread tiles over a picture of this size, as many as cover it, `most` at most.

    Args:
        height, width: of the picture, in pixels.
        area: of a tile at most, in pixels; at least multiple x multiple.
        multiple: both sides of a tile are multiples of this, in pixels, but where the picture
            itself is smaller.
        most: how many tiles, at least 1.

    Returns:
        Tiles of one size inside the picture, row by row. They are square where the picture is large
        enough, and begin at multiples of 16 pixels, where blocks of JPEG do.
    """
    side = max(math.isqrt(area) // multiple, 1) * multiple
    tall, wide = _side(height, side, multiple), _side(width, side, multiple)
    if tall < side:
        wide = _side(width, max(area // tall, wide), multiple)
    elif wide < side:
        tall = _side(height, max(area // wide, tall), multiple)
    rows, columns = _counts(height / tall, width / wide, most)
    return [
        Tile(top, left, tall, wide)
        for top in _starts(height, tall, rows)
        for left in _starts(width, wide, columns)
    ]


def _side(length: int, most: int, multiple: int) -> int:
    """Return the longest side of a tile along a picture's side."""
    return min(length, max(min(length, most) // multiple, 1) * multiple)


def _counts(down: float, across: float, most: int) -> tuple[int, int]:
    """Return how many rows and columns of tiles: as many as there is room for, in its aspect."""
    rows, columns = max(math.floor(down + 0.5), 1), max(math.floor(across + 0.5), 1)
    if rows * columns <= most:
        return rows, columns
    pairs = [
        (row, column)
        for row in range(1, min(rows, most) + 1)
        for column in range(1, min(columns, most // row) + 1)
    ]
    aspect = math.log(down / across)

    def cost(pair: tuple[int, int]) -> float:
        row, column = pair
        return abs(math.log(row / column) - aspect) - _NUMBER_WEIGHT * math.log(row * column)

    return min(pairs, key=cost)


def _starts(length: int, side: int, count: int) -> list[int]:
    """Return where tiles begin along a side: in the middle of as many equal parts."""
    starts = []
    for number in range(count):
        middle = (number + 0.5) * length / count
        start = min(max(round((middle - side / 2) / _GRID) * _GRID, 0), length - side)
        starts.append(start // _GRID * _GRID)
    return starts
