"""Shapes that graffiti is made of: lines of a pen, in shares of the picture's long side."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# Signs on a grid 4 wide and 6 high, y down; digits are x and y in turn, a blank lifts the pen.
_SIGNS = (
    "062046 1333",  # A
    "40000646 0333",  # E
    "0006 400346",  # K
    "06004640",  # N
    "200006464020",  # O
    "06003041330346",  # R
    "41200113244506",  # S
    "0016234640",  # W
    "0046 4006",  # X
    "00400646",  # Z
    "1620361403431516",  # a star
    "2602112143422656",  # a heart
    "0343 21433523",  # an arrow
    "06002320 2040 4046 0646",  # a crown
)
_COLORS = (
    (214, 30, 40),
    (24, 24, 28),
    (245, 245, 245),
    (20, 160, 215),
    (225, 40, 165),
    (250, 205, 20),
    (40, 175, 70),
    (50, 60, 205),
)


@dataclass(frozen=True)
class Mark:
    """Draw one mark by its lines (n x 2, around its place), color, thickness in px at 640."""

    place: tuple[float, float]
    lines: tuple[np.ndarray, ...]
    color: tuple[int, int, int]
    thickness: float


def draw_mark(rng: np.random.Generator, number: int) -> Mark:
    """Draw the shape of a mark; scribbles, words and hatching take turns by `number`."""
    lines = (_scribble, _word, _hatching)[number % 3](rng)
    angle = rng.normal(0.0, 0.35)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    everything = np.concatenate(lines)
    middle = (everything.min(axis=0) + everything.max(axis=0)) / 2.0
    place = tuple(rng.uniform(0.12, 0.88, size=2).tolist())
    color = _COLORS[int(rng.integers(len(_COLORS)))]
    turned = tuple((line - middle) @ turn for line in lines)
    return Mark(place, turned, color, float(rng.uniform(2.5, 5.5)))


def first_part(lines: tuple[np.ndarray, ...], share: float) -> Iterator[np.ndarray]:
    """Yield what a pen has drawn of some lines after `share` (0 to 1) of their whole length."""
    if share >= 1.0:
        yield from lines
        return
    steps = [np.hypot(*np.diff(line, axis=0).T) for line in lines]
    left = share * sum(float(step.sum()) for step in steps)
    for line, step in zip(lines, steps, strict=True):
        if left <= 0.0:
            return
        reached = np.cumsum(step)
        whole = int(np.searchsorted(reached, left))
        if whole == len(step):
            yield line
        else:
            rest = 1.0 - (reached[whole] - left) / max(float(step[whole]), 1e-9)
            end = line[whole] + rest * (line[whole + 1] - line[whole])
            yield np.concatenate([line[: whole + 1], end[None]])
        left -= float(reached[-1])


def _scribble(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw a coil that wanders to the right, as a hand does that strikes something out."""
    time = np.linspace(0.0, 1.0, 110)
    loops, swing = rng.uniform(4.0, 9.0), rng.uniform(0.25, 0.7)
    radius = rng.uniform(0.03, 0.08) * (1.0 + 0.3 * np.sin(rng.uniform(2, 6) * time))
    angle = 2.0 * np.pi * loops * time
    x = rng.uniform(0.12, 0.4) * time + radius * swing * np.cos(angle)
    y = radius * np.sin(angle + rng.uniform(-0.5, 0.5))
    return [np.stack([x, y], axis=1)]


def _word(rng: np.random.Generator) -> list[np.ndarray]:
    """Write three to five signs side by side, slanted, no two quite alike."""
    size, slant = rng.uniform(0.012, 0.024), rng.uniform(-0.1, 0.35)
    count = int(rng.integers(3, 6))
    hand = rng.normal((1.0, -slant, 0.0, 1.0), (0.12, 0.06, 0.06, 0.12), size=(count, 4))
    lift = rng.normal(0.0, 0.4, size=count)
    lines = []
    for place, sign in enumerate(rng.integers(len(_SIGNS), size=count).tolist()):
        shape = hand[place].reshape(2, 2).T
        corner = np.array([5.2 * place, lift[place]])
        lines += [(points @ shape + corner) * size for points in _sign_lines(sign)]
    return lines


@lru_cache(maxsize=len(_SIGNS))
def _sign_lines(sign: int) -> tuple[np.ndarray, ...]:
    """Return the lines of a sign, corners rounded as a quick hand does."""
    return tuple(
        _rounded(np.array([int(digit) for digit in digits], float).reshape(-1, 2))
        for digits in _SIGNS[sign].split()
    )


def _hatching(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw a zigzag that fills a patch without lifting the pen."""
    turns = int(rng.integers(8, 15))
    x = np.linspace(0.0, rng.uniform(0.1, 0.3), turns) + rng.normal(0.0, 0.004, size=turns)
    high = rng.uniform(0.05, 0.13)
    y = np.where(np.arange(turns) % 2, high, 0.0) + rng.normal(0.0, 0.15 * high, size=turns)
    return [_rounded(np.stack([x, y], axis=1))]


def _rounded(points: np.ndarray) -> np.ndarray:
    """Cut the corners of a line twice (Chaikin), keeping its ends."""
    for _ in range(2):
        if len(points) < 3:
            return points
        near = 0.75 * points[:-1] + 0.25 * points[1:]
        far = 0.25 * points[:-1] + 0.75 * points[1:]
        middle = np.stack([near, far], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], middle[1:-1], points[-1:]])
    return points
