"""What the tests share: the project's folder, small seeded pictures, a model of random weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.paths import ROOT


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


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """Make a checkpoint of random weights once; nobody changes its files."""
    # Where it is first wanted: tests that need no torch do not wait for it.
    from tests.support.tiny_checkpoint import make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def tiny_engine(tiny_checkpoint):
    """Load that checkpoint for a module."""
    from robust_r1.engine import load_engine

    with load_engine(str(tiny_checkpoint)) as engine:
        yield engine


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
