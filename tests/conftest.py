"""What the tests share: the project's folder, small seeded pictures, a model of random weights."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pytest

from tests.support.paths import ROOT

# Beside another test process, threads would wait for each other's core; torch and the programs that
# tests start read this when they start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# What programs measure of the machine is theirs, not the user's.
os.environ.setdefault("ROBUST_R1_SPEED", str(Path(gettempdir()) / "robust-r1-tests-speed.json"))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keep a file in one process with `-n`: its tests share what they start, some follow others."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process waits for another at the end."""
    marks: dict[Path, set[str]] = {}
    for item in items:
        marks.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())
    items.sort(key=lambda item: not marks[item.path] & {"browser", "slow"})


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
