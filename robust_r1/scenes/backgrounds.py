"""Backgrounds with the statistics of photographs.

Damage at texture scale (JPEG, mean shift, the blurs) only shows where there is texture, so shapes
on flat color would teach nothing about it. Dead leaves and 1/f spectra have the edge and power
statistics of natural images (Baradad et al. 2021, "Learning to See by Looking at Noise"); crops of
the example photographs that are marked for training add the real thing.

A scene takes its background from a finite pool of canvases, so that a training process makes each
canvas once. The pools of the three splits do not overlap, nor do their photographs.
"""

import json
from collections.abc import Callable
from functools import lru_cache, partial

import cv2
import numpy as np

from robust_r1.images import load
from robust_r1.paths import EXAMPLES

CANVAS = 288  # pixels a side; leaves room for shifted crops of 192 x 192 and 256 x 128
KINDS = ("leaves", "spectrum", "photo", "plain")
POOLS = {"train": range(0, 640), "validation": range(640, 704), "test": range(704, 832)}
_KIND_SALT = 0x5CE7E


@lru_cache(maxsize=832)
def canvas(index: int, split: str) -> np.ndarray:
    """Return background `index` of a split's pool.

    Args:
        index: a member of `POOLS[split]`; it fixes the kind and every pixel.
        split: "train", "validation" or "test"; photographs marked `held_out` are never used
            for "train".

    Returns:
        Read-only uint8 array, CANVAS x CANVAS x 3.
    """
    rng = np.random.default_rng([_KIND_SALT, index])
    kind = KINDS[rng.choice(4, p=(0.34, 0.2, 0.38, 0.08))]
    makers = {"leaves": _leaves, "spectrum": _spectrum, "plain": _plain}
    picture = _photo(rng, split) if kind == "photo" else _focus(makers[kind](rng), rng)
    picture.setflags(write=False)
    return picture


def background(rng: np.random.Generator, split: str, width: int, height: int) -> np.ndarray:
    """Draw a background: a random crop of a random canvas, mirrored and re-lit at random.

    Returns:
        uint8 array, height x width x 3; both at most CANVAS.
    """
    pool = POOLS[split]
    picture = canvas(int(rng.integers(pool.start, pool.stop)), split)
    top = int(rng.integers(0, CANVAS - height + 1))
    left = int(rng.integers(0, CANVAS - width + 1))
    crop = picture[top : top + height, left : left + width]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    gain = rng.uniform(0.75, 1.2) * rng.uniform(0.92, 1.08, size=3)
    offset = rng.uniform(-12, 12)
    return np.clip(crop * gain.astype(np.float32) + offset, 0, 255).astype(np.uint8)


def held_out_photographs() -> dict[str, Callable[[], np.ndarray]]:
    """Return the photographs that training never sees: file name and a function that reads it."""
    return {name: partial(_decoded, name) for name in _photographs("held_out")}


def _focus(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put parts of a picture out of focus, or all of it a little, as lenses and depth do.

    Without it blur in a clean photograph was taken for damage: what is painted is sharp all over.
    """
    kind = rng.random()
    if kind < 0.45:
        return picture
    if kind < 0.65:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0))
    soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1.0, 4.5))
    depth = rng.normal(rng.uniform(-0.6, 0.8), 1.0, (4, 4)).astype(np.float32)
    depth = cv2.resize(depth, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    share = np.clip(0.5 + 1.5 * depth, 0, 1)[..., None]
    return (picture * (1 - share) + soft * share).astype(np.uint8)


def _leaves(rng: np.random.Generator) -> np.ndarray:
    """Paint occluding discs and boxes whose radii follow r^-3 (Lee, Mumford and Huang 2001)."""
    picture = _spectrum(rng)
    palette = picture.reshape(-1, 3)[rng.integers(0, CANVAS * CANVAS, 24)].astype(float)
    smallest, largest = rng.uniform(1.5, 4), rng.uniform(40, 90)
    count = int(rng.integers(250, 700))
    # Inverse transform of a density proportional to r^-3 between the two radii.
    uniform = rng.random(count)
    radii = (smallest**-2 - uniform * (smallest**-2 - largest**-2)) ** -0.5
    centers = rng.uniform(0, CANVAS, (count, 2))
    colors = palette[rng.integers(0, 24, count)] * rng.uniform(0.6, 1.4, (count, 1))
    colors = np.clip(colors + rng.normal(0, 12, (count, 3)), 0, 255)
    boxy = rng.random()
    for (x, y), radius, color in zip(centers, np.sort(radii)[::-1], colors, strict=True):
        angle = float(rng.uniform(0, 180))
        aspect = float(rng.uniform(0.4, 1.0))
        fill = tuple(float(value) for value in color)
        if rng.random() < boxy:
            box = cv2.boxPoints(((x, y), (2 * radius, 2 * radius * aspect), angle))
            points = np.round(box * 16).astype(np.int32)
            cv2.fillPoly(picture, [points], fill, cv2.LINE_AA, shift=4)
        else:
            axes = (round(radius * 16), round(radius * aspect * 16))
            center = (round(x * 16), round(y * 16))
            cv2.ellipse(picture, center, axes, angle, 0, 360, fill, -1, cv2.LINE_AA, shift=4)
    grain = rng.normal(0, rng.uniform(0, 5), (CANVAS, CANVAS, 1))
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def _spectrum(rng: np.random.Generator) -> np.ndarray:
    """Draw random phases under a spectrum 1 / f^a, a in 1 to 1.7 (photographs: about 1.2)."""
    frequency = np.hypot(np.fft.fftfreq(CANVAS)[:, None], np.fft.rfftfreq(CANVAS)[None])
    frequency[0, 0] = 1.0
    amplitude = frequency ** -rng.uniform(1.0, 1.7)
    amplitude[0, 0] = 0.0
    planes = []
    for _ in range(3):
        field = np.fft.irfft2(amplitude * np.fft.rfft2(rng.normal(size=(CANVAS, CANVAS))))
        planes.append(field / field.std())
    luma = rng.uniform(18, 60) * planes[0]
    # Photographs vary far less in color than in brightness.
    chroma = rng.uniform(4, 26)
    mean = rng.uniform(60, 190, 3) * 0.4 + rng.uniform(60, 190) * 0.6
    red_green, blue_yellow = chroma * planes[1], chroma * planes[2]
    picture = np.stack([luma + red_green, luma - red_green * 0.5, luma + blue_yellow], -1) + mean
    return np.clip(picture, 0, 255).astype(np.uint8)


def _plain(rng: np.random.Generator) -> np.ndarray:
    """Draw a smooth two-color gradient with faint grain: a wall or a sky."""
    start, end = rng.uniform(40, 235, (2, 3))
    angle = rng.uniform(0, 2 * np.pi)
    grid = np.linspace(-0.7, 0.7, CANVAS)
    ramp = 0.5 + np.cos(angle) * grid[None] * 0.7 + np.sin(angle) * grid[:, None] * 0.7
    ramp = np.clip(ramp, 0, 1)[..., None]
    picture = start * (1 - ramp) + end * ramp
    picture = picture + rng.normal(0, rng.uniform(0.5, 4), picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _photo(rng: np.random.Generator, split: str) -> np.ndarray:
    """Crop an example photograph of the split and shrink it as a picture is fitted for a model."""
    names = _photographs("train" if split == "train" else "held_out")
    picture = _decoded(names[int(rng.integers(len(names)))])
    height, width = picture.shape[:2]
    side = int(min(height, width) * rng.uniform(0.35, 1.0))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = picture[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side >= CANVAS else cv2.INTER_CUBIC
    return cv2.resize(crop, (CANVAS, CANVAS), interpolation=how)


@lru_cache(maxsize=2)
def _photographs(split: str) -> tuple[str, ...]:
    rows = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    return tuple(row["file"] for row in rows if row["split"] == split)


@lru_cache(maxsize=16)
def _decoded(name: str) -> np.ndarray:
    return load(EXAMPLES / name)
