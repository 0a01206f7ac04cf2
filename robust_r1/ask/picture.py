"""Which picture is asked about, and what a model sees of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from robust_r1 import images
from robust_r1.ask.examples import Example, find_example
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine, ModelInfo
from robust_r1.errors import InputError

NO_PICTURE = "There is no picture yet: choose an example, or bring your own."


@dataclass(frozen=True)
class Picture:
    """Name a picture: an example by its id, a file by its path, or what draws it.

    Small on purpose: it is kept per visitor, while pixels are read again when they are needed. The
    pixels come from `draw`, else from `path`, else from the example; an id beside a file or `draw`
    says which example it is a copy of.

    Attributes:
        example: id of one of the page's own pictures; empty for somebody's own.
        path: file of a person's own.
        draw: returns the pixels, uint8, H x W x 3.
        damage: does to the fitted pixels what a plan names, where it is not the sixteen operations
            that do it; None elsewhere.
    """

    example: str = ""
    path: str = ""
    draw: Callable[[], np.ndarray] | None = None
    damage: Callable[[np.ndarray, DegradationPlan], np.ndarray] | None = None

    @property
    def missing(self) -> bool:
        """Tell whether this names nothing, as where a file lacks the pixels."""
        return self == Picture()

    def load(self) -> np.ndarray:
        """Return the picture at its full size, uint8, H x W x 3.

        Raises:
            InputError: it names nothing, or its file is gone.
            ImageError: the file is no picture, is broken, or lies outside the bounds.
        """
        if self.draw is not None:
            return self.draw()
        if self.path:
            if not Path(self.path).exists():  # Gradio clears its cache of old uploads
                raise InputError("Your picture is no longer here: bring it again.")
            return images.load(Path(self.path))
        if self.example:
            return find_example(self.example).image()
        raise InputError(NO_PICTURE)

    def damaged(self, image: np.ndarray, plan: DegradationPlan) -> np.ndarray:
        """Return these pixels of the picture, at any size, with the damage of a plan."""
        return plan.apply(image) if self.damage is None else self.damage(image, plan)


def example_of(picture: Picture | None) -> Example | None:
    """Return the example that a picture is, or None for a person's own."""
    return find_example(picture.example) if picture and picture.example else None


def uploaded(path: str | None) -> Picture | None:
    """Return the picture of an upload; None without one."""
    return Picture(path=path) if path else None


def load_picture(picture: Picture | None) -> np.ndarray:
    """Return a picture at its full size; raise InputError where there is none. See `Picture`."""
    return (picture or Picture()).load()


def fitted(picture: Picture | None, engine: Engine) -> np.ndarray:
    """Return the clean picture at the size that this model sees; do not modify it."""
    return _fitted(picture, engine, engine.info)


# 32 fitted pictures of about a megapixel are 100 MB at most; sliders move on one picture at a time,
# so the cache serves some thirty visitors at once. What a model sees can change when it is loaded.
@lru_cache(maxsize=32)
def _fitted(picture: Picture | None, engine: Engine, info: ModelInfo) -> np.ndarray:
    image = engine.fit(load_picture(picture))
    image.setflags(write=False)
    return image


def seen(picture: Picture | None, engine: Engine, plan: DegradationPlan) -> np.ndarray:
    """Return what the model is shown: fitted first, then degraded, so no damage is shrunk away."""
    return (picture or Picture()).damaged(fitted(picture, engine), plan)
