"""Synthetic scenes: seeded pictures whose content is known exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from robust_r1.errors import InputError
from robust_r1.scenes.backgrounds import background
from robust_r1.scenes.drawing import draw
from robust_r1.scenes.vocabulary import COLORS, DIGITS, PLACES, SHAPES, SIGNS, kind_of

# Each split owns a range of seeds; a seed belongs to one split by its value alone.
SPLITS = {
    "train": range(0, 2_000_000_000),
    "validation": range(2_000_000_000, 2_100_000_000),
    "test": range(2_100_000_000, 2_200_000_000),
}
# Sides are multiples of 32 and the area is at most 192 x 192, the budget of the bundled models, so
# that fitting a scene for them leaves every pixel as drawn.
SIZES = ((192, 192), (224, 160), (160, 224), (256, 128))
_SIZE_ODDS = (0.6, 0.2, 0.12, 0.08)
_COUNT_ODDS = (0.05, 0.27, 0.28, 0.24, 0.16)  # of 0, 1, 2, 3 and 4 objects
_SCENE_SALT, _BACKGROUND_SALT = 101, 102


@dataclass(frozen=True)
class Thing:
    """Describe one object: what it is, its color, its cell of the 3 x 3 grid, its exact pixels."""

    noun: str
    color: str
    cell: int
    x: float
    y: float
    radius: float

    @property
    def kind(self) -> str:
        """Return "shape", "digit" or "sign"."""
        return kind_of(self.noun)

    @property
    def phrase(self) -> str:
        """Return color and noun: "red circle"."""
        return f"{self.color} {self.noun}"

    @property
    def place(self) -> str:
        """Return the name of the cell: "top left"."""
        return PLACES[self.cell]

    @property
    def row(self) -> int:
        """Return the row of the grid, 0 at the top."""
        return self.cell // 3

    @property
    def column(self) -> int:
        """Return the column of the grid, 0 at the left."""
        return self.cell % 3


@dataclass(frozen=True)
class Scene:
    """Describe a scene's content; the picture follows from it and the seed."""

    seed: int
    split: str
    width: int
    height: int
    things: tuple[Thing, ...]  # in reading order of their cells

    def image(self) -> np.ndarray:
        """Draw the clean picture: uint8, height x width x 3, the same bytes on every call."""
        return self._picture.copy()

    def without_objects(self) -> "Scene":
        """Return the background alone."""
        return replace(self, things=())

    @cached_property
    def _picture(self) -> np.ndarray:
        rng = np.random.default_rng([_BACKGROUND_SALT, self.seed])
        picture = np.ascontiguousarray(background(rng, self.split, self.width, self.height))
        for thing in self.things:
            draw(picture, thing.noun, thing.color, thing.x, thing.y, thing.radius)
        return picture


def split_of(seed: int) -> str:
    """Return the split that owns a seed; raise InputError for a seed outside all of them."""
    for split, seeds in SPLITS.items():
        if seed in seeds:
            return split
    highest = SPLITS["test"].stop - 1
    raise InputError(f"scene seed {seed} is out of range; use a whole number from 0 to {highest}")


def make_scene(seed: int, size: Sequence[int] | None = None) -> Scene:
    """Make the scene of a seed.

    Args:
        seed: a member of one of `SPLITS`; it fixes content, background and size.
        size: (width, height) in pixels instead of the seed's own, each at most 288.

    Returns:
        A scene of zero to four objects, each in a cell of its own.

    Raises:
        InputError: the seed belongs to no split.
    """
    split = split_of(seed)
    rng = np.random.default_rng([_SCENE_SALT, seed])
    drawn = draw_size(rng)
    width, height = size or drawn
    count = int(rng.choice(len(_COUNT_ODDS), p=_COUNT_ODDS))
    cells = sorted(rng.permutation(9)[:count].tolist())
    things: list[Thing] = []
    for cell in cells:
        noun, color = _noun(rng, things), _color(rng, things)
        side_x, side_y = width / 3, height / 3
        radius = min(side_x, side_y) * rng.uniform(0.27, 0.4)
        slack_x, slack_y = max(0.0, side_x / 2 - radius - 3), max(0.0, side_y / 2 - radius - 3)
        x = (cell % 3 + 0.5) * side_x + rng.uniform(-slack_x, slack_x)
        y = (cell // 3 + 0.5) * side_y + rng.uniform(-slack_y, slack_y)
        things.append(Thing(noun, color, cell, float(x), float(y), float(radius)))
    return Scene(seed, split, width, height, tuple(things))


def draw_size(rng: np.random.Generator) -> tuple[int, int]:
    """Draw the size of a picture, (width, height), a member of `SIZES`."""
    return SIZES[rng.choice(len(SIZES), p=_SIZE_ODDS)]


def _noun(rng: np.random.Generator, things: list[Thing]) -> str:
    """Draw a noun; now and then one that is there already, so that counting is worth asking."""
    if things and rng.random() < 0.2:
        return things[int(rng.integers(len(things)))].noun
    family = (SHAPES, DIGITS, SIGNS)[rng.choice(3, p=(0.56, 0.26, 0.18))]
    return family[int(rng.integers(len(family)))]


def _color(rng: np.random.Generator, things: list[Thing]) -> str:
    if things and rng.random() < 0.25:
        return things[int(rng.integers(len(things)))].color
    return tuple(COLORS)[int(rng.integers(len(COLORS)))]
