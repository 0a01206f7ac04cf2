"""What is wrong with pictures: each looked at whole, as a model would see it, from near, or both.

A model sees a picture shrunk to its budget; noise, JPEG blocks and small blur are gone by then.
From near it sees parts of the picture in their own pixels; what it says of them is put together.
"""

import itertools
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np

from robust_r1 import images
from robust_r1.ask.picture import Picture
from robust_r1.chain import Finding, open_tag
from robust_r1.engine import Answer, Engine
from robust_r1.engine.eyes import look_at
from robust_r1.errors import InputError, RobustR1Error

Scale = Literal["whole", "close"]
SCALES: tuple[Scale, ...] = ("whole", "close")
BOTH = "both"
TILES = 16  # of one picture at most
# Of the tiles that could be read: what fewer of them name is not said of the picture. See README.
SHARE = 0.5
THUMBNAIL_PIXELS = 128 * 96

# Views that are asked about together at most, and pixels: bundled models take all of these, those
# that see a megapixel four.
_BATCH, _BATCH_PIXELS = 16, 4_000_000
_READERS = 2  # threads that read pictures while the model looks at others


@dataclass(frozen=True)
class PooledFinding:
    """Name what is wrong with a picture at one scale.

    Attributes:
        name: the chain name, or what the model wrote, where that is none of the sixteen.
        intensity: 0 to 1; from near the median over the tiles that name it.
        share: of the tiles, how many name it, above 0 and up to 1; of a picture seen whole 1.
    """

    name: str
    intensity: float
    share: float = 1.0


@dataclass(frozen=True)
class Look:
    """Tell what a model saw at one scale.

    Attributes:
        scale: "whole" or "close".
        tiles: how many parts were looked at and could be read; 1 of a picture seen whole.
        findings: the strongest first.
    """

    scale: Scale
    tiles: int
    findings: tuple[PooledFinding, ...]


@dataclass(frozen=True)
class Perception:
    """Tell what is wrong with one picture.

    Attributes:
        file: the picture's path as it was given, or the name of its example.
        width, height: in pixels; 0 where it cannot be read.
        looks: one for each scale that was asked for, whole first; none where there is a problem.
        problem: one sentence where the picture cannot be read, or the model named no list; else
            empty.
        thumbnail: a small copy, uint8, H x W x 3; None where it cannot be read.
    """

    file: str
    width: int = 0
    height: int = 0
    looks: tuple[Look, ...] = ()
    problem: str = ""
    thumbnail: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def damage(self) -> float:
        """Return the strongest intensity of all scales; 0 where nothing is wrong."""
        return max((one.intensity for look in self.looks for one in look.findings), default=0.0)


def scales_of(scale: str) -> tuple[Scale, ...]:
    """Return the scales that a word means; raises InputError for one that is none of the three."""
    if scale == BOTH:
        return SCALES
    if scale not in SCALES:
        raise InputError(f"the scale is {scale!r}; give whole, close or both.")
    return (scale,)


def check_perceives(engine: Engine) -> None:
    """Raise InputError for a model that was not trained to name what is wrong with a picture."""
    if not engine.info.reasons:
        raise InputError(
            f"{engine.info.label} was not trained to name damage; choose a model that writes "
            "chains, such as tiny-rl."
        )


def perceive(
    engine: Engine,
    pictures: Iterable[str | Path | Picture],
    scale: str = BOTH,
    batch_size: int | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Perception]:
    """Yield for each picture what is wrong with it, in their order.

    Pictures are read ahead in threads of their own, a few at a time, so there may be any number.

    Args:
        engine: a model that writes chains; it is heard to the end of its list of findings.
        pictures: paths, or pictures of the page.
        scale: "whole", "close" (tiles in the picture's own pixels, TILES at most) or "both".
        batch_size: views that the model is asked about together, 1 or more; None for as many as
            suit its pixel budget.
        stop: set it to end; pictures that were not looked at are left out.

    Raises:
        InputError: another scale or batch, a model without chains; at once.
        ModelError: the model failed.
    """
    groups = perceive_in_groups(engine, pictures, scale, batch_size, stop)
    return itertools.chain.from_iterable(groups)


def perceive_in_groups(
    engine: Engine,
    pictures: Iterable[str | Path | Picture],
    scale: str = BOTH,
    batch_size: int | None = None,
    stop: threading.Event | None = None,
) -> Generator[tuple[Perception, ...], None, None]:
    """Yield what `perceive` does, the pictures that were looked at together at a time.

    Groups have the same number of readable pictures, whatever their sizes: who begins again after
    some groups asks in the same batches, on which the last digit of an intensity can depend.
    """
    wanted = scales_of(scale)
    check_perceives(engine)
    if batch_size is None:
        batch_size = max(1, min(_BATCH, _BATCH_PIXELS // engine.info.max_pixels))
    elif batch_size < 1:
        raise InputError(f"the batch is {batch_size}; give at least 1.")
    return _perceive(engine, pictures, wanted, batch_size, stop or threading.Event())


def _perceive(
    engine: Engine,
    pictures: Iterable[str | Path | Picture],
    scales: Sequence[Scale],
    batch_size: int,
    stop: threading.Event,
) -> Generator[tuple[Perception, ...], None, None]:
    group = batch_size if "close" not in scales else max(1, batch_size // 8)
    waiting: list[_Views] = []
    with closing(_read_ahead(engine, pictures, scales, 2 * group, stop)) as ahead:
        for views in ahead:
            waiting.append(views)
            if sum(not one.problem for one in waiting) == group:
                yield tuple(_look(engine, waiting, scales, batch_size, stop))
                waiting = []
        if waiting and not stop.is_set():
            yield tuple(_look(engine, waiting, scales, batch_size, stop))


@dataclass(frozen=True)
class _Views:
    """Hold what a model is shown of a picture: the whole, then the tiles, as far as asked for.

    Of a picture that is seen whole in its own pixels there is the whole alone, for both scales.
    """

    perception: Perception
    whole: tuple[np.ndarray, ...] = ()
    close: tuple[np.ndarray, ...] = ()

    @property
    def problem(self) -> str:
        return self.perception.problem

    @property
    def all(self) -> tuple[np.ndarray, ...]:
        return self.whole + self.close


def _read_ahead(
    engine: Engine,
    pictures: Iterable[str | Path | Picture],
    scales: Sequence[Scale],
    ahead: int,
    stop: threading.Event,
) -> Generator[_Views, None, None]:
    reading: deque[Future[_Views]] = deque()
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="pictures")
    try:
        for picture in pictures:
            reading.append(pool.submit(_read, engine, picture, scales))
            if len(reading) > ahead:
                yield reading.popleft().result()
            if stop.is_set():
                return
        while reading and not stop.is_set():
            yield reading.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(engine: Engine, picture: str | Path | Picture, scales: Sequence[Scale]) -> _Views:
    """Read a picture and cut what the model is to see of it."""
    named = picture if isinstance(picture, Picture) else Picture(path=str(picture))
    found = Perception(named.path or named.example)
    try:
        image = named.load()
    except RobustR1Error as error:
        return _Views(replace(found, problem=str(error)))
    height, width = image.shape[:2]
    fitted = engine.fit(image)
    found = replace(
        found, width=width, height=height, thumbnail=images.fit(fitted, THUMBNAIL_PIXELS)
    )
    if fitted.shape == image.shape:  # in its own pixels already
        return _Views(found, (fitted,))
    whole = (fitted,) if "whole" in scales else ()
    if "close" not in scales:
        return _Views(found, whole)
    cut = images.tiles(height, width, engine.info.max_pixels, engine.info.multiple, TILES)
    return _Views(found, whole, tuple(np.ascontiguousarray(tile.of(image)) for tile in cut))


def _look(
    engine: Engine,
    group: Sequence[_Views],
    scales: Sequence[Scale],
    batch_size: int,
    stop: threading.Event,
) -> Iterator[Perception]:
    """Ask about all views of some pictures; of one that was stopped half way nothing is told."""
    requests = [look_at(view) for views in group for view in views.all]
    answers = deque(engine.generate(requests, None, batch_size, stop) if requests else ())
    for views in group:
        if len(answers) < len(views.all):
            return
        told = [answers.popleft() for _ in views.all]
        if any(answer.finish == "stopped" for answer in told):
            return
        yield views.perception if views.problem else _pooled(engine, views, told, scales)


def _pooled(
    engine: Engine, views: _Views, answers: Sequence[Answer], scales: Sequence[Scale]
) -> Perception:
    whole, close = answers[: len(views.whole)], answers[len(views.whole) :]
    looks = []
    for scale in scales:
        own = [_findings(answer) for answer in (close if scale == "close" and close else whole)]
        read = [findings for findings in own if findings is not None]
        if not read:
            problem = (
                f"{engine.info.label} wrote no list of what is wrong with "
                f"{Path(views.perception.file).name}; ask another model."
            )
            return replace(views.perception, problem=problem)
        looks.append(Look(scale, len(read), pool(read)))
    return replace(views.perception, looks=tuple(looks))


def _findings(answer: Answer) -> tuple[Finding, ...] | None:
    """Return what an answer lists; None where it has no list."""
    return answer.parsed.chain.findings if open_tag("TYPE") in answer.text else None


def pool(tiles: Sequence[Sequence[Finding]]) -> tuple[PooledFinding, ...]:
    """Put together what was found in the tiles of a picture, one or more.

    What at least SHARE of the tiles name is the picture's, by the median of their intensities; what
    fewer name is left out: one tile may be right about itself, and wrong about the picture.
    """
    named: dict[str, list[float]] = {}
    for findings in tiles:
        # The first of a name that stands there twice.
        for name, intensity in {one.name: one.intensity for one in reversed(findings)}.items():
            named.setdefault(name, []).append(intensity)
    found = [
        PooledFinding(name, round(median(told), 2), len(told) / len(tiles))
        for name, told in named.items()
        if len(told) >= SHARE * len(tiles)
    ]
    return tuple(sorted(found, key=lambda one: (-one.intensity, -one.share, one.name)))
