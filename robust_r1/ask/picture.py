"""Which picture is asked about, and what a model sees of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
from cachetools import LRUCache, cached

from robust_r1 import images
from robust_r1.ask.examples import Example, find_example
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine, ModelInfo
from robust_r1.errors import InputError

NO_PICTURE = "There is no picture yet: choose an example, or bring your own."


@dataclass(frozen=True)
class OwnPicture:
    """Tell which picture of somebody's own one is, also where its pixels are not.

    Attributes:
        name: what its file is called.
        identity: the size and the digest of its pixels.
        kept: the name under which this server keeps it for others; empty where it does not.
    """

    name: str
    identity: images.Identity
    kept: str = ""

    def __str__(self) -> str:
        size = f"{self.identity.width} \u00d7 {self.identity.height} pixels"
        return f"{self.name}, {size}" if self.name else f"a picture of {size}"


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
        own: which picture of somebody's own it is, where a link has to tell.
        damage: does to the fitted pixels what a plan names, where it is not the sixteen operations
            that do it; None elsewhere.
        native: whether it is damaged at its full size, before it is fitted, as published tables
            are; else what the model sees is damaged.
    """

    example: str = ""
    path: str = ""
    draw: Callable[[], np.ndarray] | None = None
    own: OwnPicture | None = None
    damage: Callable[[np.ndarray, DegradationPlan], np.ndarray] | None = None
    native: bool = False

    @property
    def missing(self) -> bool:
        """Tell whether this names nothing, as where a file lacks the pixels."""
        return self == Picture()

    @property
    def absent(self) -> bool:
        """Tell whether it is known which picture this is, but its pixels are not here."""
        return self.own is not None and not (self.example or self.path or self.draw)

    def load(self) -> np.ndarray:
        """Return the picture at its full size, uint8, H x W x 3; do not modify it.

        Raises:
            InputError: it names nothing, or its file is gone.
            ImageError: the file is no picture, is broken, or lies outside the bounds.
        """
        if self.draw is not None:
            return self.draw()
        if self.path:
            if not Path(self.path).exists():  # Gradio clears its cache of old uploads
                raise InputError("Your picture is no longer here: bring it again.")
            return _decoded(self.path, Path(self.path).stat().st_mtime_ns)
        if self.example:
            return find_example(self.example).image()
        if self.own is not None:
            raise InputError(f"The link's picture is not here, {self.own}: bring it first.")
        raise InputError(NO_PICTURE)

    def damaged(self, image: np.ndarray, plan: DegradationPlan) -> np.ndarray:
        """Return these pixels of the picture, at any size, with the damage of a plan."""
        return plan.apply(image) if self.damage is None else self.damage(image, plan)


# What somebody has just brought is checked, shown, and looked at: decoded once for all of these. A
# phone's 12 megapixels take .25 s and 36 MB; what is larger than the bound is not kept.
@cached(LRUCache(100_000_000, getsizeof=lambda image: image.nbytes), lock=Lock())
def _decoded(path: str, changed: int) -> np.ndarray:
    image = images.load(Path(path))
    image.setflags(write=False)
    return image


def is_same(picture: Picture | None, other: Picture | None) -> bool:
    """Tell whether two pictures of somebody's own have the same pixels."""
    if picture is None or other is None or picture.own is None or other.own is None:
        return False
    return picture.own.identity == other.own.identity


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
    """Return what the model is shown: fitted first, then degraded, so no damage is shrunk away.

    Of a picture that is damaged at its full size, the other way round.
    """
    if picture is not None and picture.native:
        return engine.fit(picture.damaged(picture.load(), plan))
    return (picture or Picture()).damaged(fitted(picture, engine), plan)
