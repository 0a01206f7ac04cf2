"""The pictures of published benchmarks, found again in the file that a run was made from.

A run keeps the file's name and size. The file is looked for in the folder that was given, the
current folder, and where published benchmarks lie ($LMUData, else ~/LMUData).
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from robust_r1 import images
from robust_r1.analysis.entries import Entry, Terms
from robust_r1.ask.case import Case
from robust_r1.ask.picture import Picture
from robust_r1.ask.prompts import read_prompt
from robust_r1.degradations import DegradationPlan
from robust_r1.errors import RobustR1Error
from robust_r1.evaluation.known import data_folders
from robust_r1.evaluation.published import AS_PUBLISHED
from robust_r1.records import REFERENCE, LazyPicture, PublishedItem, open_benchmark


@dataclass(frozen=True)
class LookUp:
    """Find pictures of published items; `data` is the folder that is looked into first."""

    data: Path | None = None

    def case(self, entry: Entry) -> Case | None:
        """Return what was asked, with its picture; None where the file or the item is not here."""
        opened = self._opened(entry)
        item = opened.find(entry.item or entry.row.source) if opened else None
        shown = () if item is None else item.pictures
        if item is not None and entry.row.level == REFERENCE:
            shown = item.references
        if not shown:
            return None
        row, at, (first, *further) = entry.row, entry.terms.degrade_at, shown
        damage = _as_it_is if at == AS_PUBLISHED else None
        picture = Picture(draw=first.load, damage=damage, native=at == "native")
        # A case's plan is done to its first picture alone.
        others = (
            Picture(draw=partial(_damaged, one, row.plan, entry.terms)) for one in further
        )
        case = Case(
            picture, row.plan, row.question, row.choices, row.truth, further=tuple(others)
        )
        return read_prompt(entry.terms.prompt).of(case)

    def why_absent(self, entry: Entry) -> str:
        """Say in a clause why the picture of a case is not here."""
        terms = entry.terms
        if self._opened(entry):
            return f"{terms.file} has no such row"
        folders = " or ".join(str(folder) for folder in self.folders)
        return (
            f"a run keeps no pictures, and no {terms.file} of {terms.bytes} bytes lies in {folders}"
        )

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return where files are looked for, in this order."""
        given, *usual = data_folders(self.data)
        return (given, Path.cwd(), *usual) if usual else (Path.cwd(), given)

    def _opened(self, entry: Entry) -> "_File | None":
        for folder in self.folders:
            if path := _find(folder, entry.terms.file, entry.terms.bytes):
                return _file(path, path.stat().st_mtime_ns)
        return None


class _File:
    """Read the items of a file as far as somebody wants them, and keep them without pictures."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._items: dict[str, PublishedItem] = {}
        self._rest: Iterator[PublishedItem] = iter(open_benchmark(path).read())

    def find(self, id: str) -> PublishedItem | None:
        """Return the item of an index; None where there is none that can be read."""
        with self._lock:
            while id not in self._items:
                try:
                    item = next(self._rest, None)
                except RobustR1Error:  # what was read so far can still be shown
                    item, self._rest = None, iter(())
                if item is None:
                    break
                self._items[item.id] = item
            return self._items.get(id)


@lru_cache(maxsize=8)
def _file(path: Path, changed: int) -> _File | None:
    try:
        return _File(path)
    except RobustR1Error:
        return None


def _find(folder: Path, name: str, size: int) -> Path | None:
    """Return the file of a name and size in a folder, or in one below it."""
    try:
        below = sorted(one for one in folder.iterdir() if one.is_dir())
        for home in (folder, *below):
            path = home / name
            if path.is_file() and path.stat().st_size == size:
                return path
    except (OSError, ValueError):  # no folder, or one that may not be read
        return None
    return None


def shown_size(image: np.ndarray, terms: Terms) -> np.ndarray:
    """Return a picture at about the size at which it was damaged."""
    fitted = terms.degrade_at == "fitted" and terms.max_pixels
    return images.fit(image, terms.max_pixels) if fitted else image


def _damaged(picture: LazyPicture, plan: DegradationPlan, terms: Terms) -> np.ndarray:
    image = picture.load()
    return image if terms.degrade_at == AS_PUBLISHED else plan.apply(shown_size(image, terms))


def _as_it_is(image: np.ndarray, plan: DegradationPlan) -> np.ndarray:
    return image
