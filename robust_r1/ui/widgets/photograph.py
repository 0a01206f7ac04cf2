"""A photograph on the page: large, as it looks, and beside it exactly what the model sees.

A plan's damage is relative to a picture's size, so that the same plan applied at the size of the
screen shows what it does to a photograph. Synthetic scenes, and pictures of which the model sees
about all that the screen can show, are shown as the model sees them and nothing else.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from robust_r1 import images
from robust_r1.ask.picture import Picture, example_of, fitted, load_picture
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.markup import escape
from robust_r1.ui.widgets.picture import file_tag, write_file, write_png

MAX_PIXELS = 1_000_000  # of the large one; beyond, a move of a slider would take too long
# Where the page has not said how large the picture is drawn: that of a window of 1366 x 768.
_SCREEN = (611, 414)
_SMALL = 200  # pixels that a photograph is wide as an inset
_WORTH = 0.75  # of the large one's pixels: from there on a model's view says all that it does
_LONGEST = 8000  # pixels of a side that a screen can have
_TIMES = "\N{MULTIPLICATION SIGN}"
# Says the size of the picture's element, in pixels of the screen.
_MEASURE = """() => {
  const box = document.getElementById('compare').getBoundingClientRect(), d = devicePixelRatio;
  return `${Math.round(box.width * d)}x${Math.round(box.height * d)}`;
}"""
_FOLLOW = """() => {
  const measure = MEASURE, press = (id) => document.getElementById(id).click();
  const area = (text) => text.split('x').reduce((a, b) => a * b, 1);
  document.addEventListener('click', (event) => {
    if (event.target.closest?.('.rr-inset')) press('SWAP');
  });
  let timer = null, drawn = measure();
  new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const now = measure();
      if (!area(now) || Math.abs(Math.log(area(now) / area(drawn))) < 0.1) return;
      drawn = now;
      press('MEASURED');
    }, 250);
  }).observe(document.getElementById('compare'));
}"""


@dataclass(frozen=True)
class Shown:
    """Name the files of a picture before and after the damage, and the size of both in pixels."""

    before: str
    after: str
    width: int
    height: int


def measure_script() -> str:
    """Return the script that says how large the picture is drawn, as `read_screen` reads it."""
    return _MEASURE


def follow_script(measured: str, swap: str) -> str:
    """Return the script that follows a picture.

    It presses a button when the picture has another size, and one for a press of its inset; both
    are given by their elements' ids.
    """
    script = _FOLLOW.replace("MEASURED", measured)
    return script.replace("MEASURE", _MEASURE).replace("SWAP", swap)


def read_screen(text: str | None) -> tuple[int, int]:
    """Read "WIDTHxHEIGHT" in pixels of the screen; what is no size counts as an ordinary window."""
    sides = (text or "").split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() for side in sides):
        return _SCREEN
    width, height = (min(int(side[:6]), _LONGEST) for side in sides)
    return (width, height) if width and height else _SCREEN


def large_size(height: int, width: int, screen: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) that a picture of this size is drawn at on a screen.

    `screen` is the (width, height) of the element. Never above the picture's own size, and never
    more than `MAX_PIXELS`.
    """
    scale = min(screen[0] / width, screen[1] / height, 1.0)
    scale = min(scale, (MAX_PIXELS / (height * width)) ** 0.5)
    return max(int(height * scale), 1), max(int(width * scale), 1)


def show_large(
    picture: Picture, engine: Engine, plan: DegradationPlan, screen: tuple[int, int], cache: str
) -> Shown | None:
    """Draw a photograph before and after a plan, at the size of the screen.

    None where the model's own view is all that there is to show: of a scene, and of a picture of
    which it sees about as many pixels.
    """
    example = example_of(picture)
    if example is not None and example.is_scene:
        return None
    clean = _large(picture, screen)
    if _WORTH * clean.size <= fitted(picture, engine).size:
        return None
    before = _written(_clean_file, (picture, screen, cache))
    after = before if not plan else _write_jpeg(plan.apply(clean), "degraded", cache)
    return Shown(before, after, clean.shape[1], clean.shape[0])


def show_seen(picture: Picture, engine: Engine, plan: DegradationPlan, cache: str) -> Shown:
    """Draw a picture before and after a plan, exactly as the model sees it."""
    clean = fitted(picture, engine)
    before = _written(_seen_file, (picture, engine, cache))
    after = before if not plan else write_png(plan.apply(clean), "degraded.png", cache)
    return Shown(before, after, clean.shape[1], clean.shape[0])


def inset(other: Shown | None, model: str, swapped: bool) -> str:
    """Draw what is not shown large, as a button that swaps the two.

    Args:
        other: what the model sees, in its own pixels; with `swapped` the photograph, made small.
            None where the model's own view is all that there is: then only a mark is left, by which
            styles draw its pixels as they are.
        model: name of the model, as people see it.
        swapped: whether the model's view is the large one.
    """
    mark = '<span class="rr-pixels"></span>'
    if other is None:
        return mark
    words = "The photograph" if swapped else f"What {model} sees"
    label = f"{words}, {other.width} {_TIMES} {other.height}"
    tag = file_tag(other.after, label, other.width, other.height)
    width = _SMALL if swapped else other.width
    button = (
        f'<button type="button" class="rr-inset" style="width:{width}px" '
        f'title="Show this one large">{tag}<span>{escape(label)}</span></button>'
    )
    return mark + button if swapped else button


def _written(write: Any, arguments: tuple) -> str:
    """Return a file that was written before; again where Gradio has cleared its cache of it."""
    path = write(*arguments)
    if not Path(path).exists():
        write.cache_clear()
        path = write(*arguments)
    return path


# 16 pictures of a megapixel are 48 MB at most; sliders move on one picture at a time.
@lru_cache(maxsize=16)
def _large(picture: Picture, screen: tuple[int, int]) -> np.ndarray:
    image = load_picture(picture)
    height, width = large_size(image.shape[0], image.shape[1], screen)
    image = images.fit(image, height * width)
    image.setflags(write=False)
    return image


@lru_cache(maxsize=256)
def _clean_file(picture: Picture, screen: tuple[int, int], cache: str) -> str:
    return _write_jpeg(_large(picture, screen), "clean", cache)


@lru_cache(maxsize=256)
def _seen_file(picture: Picture, engine: Engine, cache: str) -> str:
    return write_png(fitted(picture, engine), "clean.png", cache)


def _write_jpeg(image: np.ndarray, name: str, cache: str) -> str:
    return write_file(images.encode_large(image), f"{name}.jpg", cache)
