"""What the tests share: the project's folder and small seeded pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def make_picture() -> Callable[..., np.ndarray]:
    """Return a function (height, width, seed) -> a colorful picture with edges and gradients."""
    return _picture


@pytest.fixture
def picture() -> np.ndarray:
    """Return a small colorful picture, uint8, 48 x 64 x 3."""
    return _picture()


def _picture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack(
        [rows * 255 / height, columns * 255 / width, (rows + columns) % 64 * 4], axis=-1
    )
    for _ in range(6):
        top, left = rng.integers(height), rng.integers(width)
        bottom, right = top + rng.integers(1, height), left + rng.integers(1, width)
        picture[top:bottom, left:right] = rng.integers(0, 256, size=3)
    return picture.astype(np.uint8)
