"""The views of PhotoBench 2: what is shown of the 24 Kodak photographs, and how it was saved.

Of each photograph there are four views: the whole, and three details in its own aspect. Two of the
four were saved once with loss, as phones and sites do, so that half of all wholes and half of all
details are such copies. Everything about a view follows from its photograph and its number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from robust_r1.chain import Finding
from robust_r1.degradations import find
from robust_r1.images import load, recode
from robust_r1.metrics import VISIBLE
from robust_r1.paths import ASSETS

FOLDER = ASSETS / "photobench2"
PHOTOGRAPHS = tuple(range(1, 25))
VIEWS = ("whole", "detail-1", "detail-2", "detail-3")
CODECS = ("jpeg", "webp")
NOT_SAVED, SAVED = "not saved", "saved once"
# A copy of quality 85 is about .16 of JPEG compression: to name that much of it is no false alarm.
SAVED_JPEG = 0.2

_SIDES = (0.35, 0.75)  # of a detail, as shares of the photograph's
_QUALITIES = (85, 95)  # what phones, messengers and sites save photographs at
_JPEG = find("jpeg_compression").chain_name
_SALT = 0xF0702
_SOURCE = re.compile(
    rf"kodak-(?P<photograph>[0-9]{{2}})-(?P<view>{'|'.join(VIEWS)})(?:-saved-(?:{'|'.join(CODECS)}))?"
)


@dataclass(frozen=True)
class View:
    """Describe one view of a photograph.

    Attributes:
        photograph: its number in the Kodak suite, a member of `PHOTOGRAPHS`.
        number: place in `VIEWS`.
    """

    photograph: int
    number: int

    @property
    def codec(self) -> str:
        """Return "jpeg" or "webp" where the view was saved once; empty where it was not.

        That goes by turns, not by chance: two views of each photograph, one with each codec, and
        exactly half of the wholes and of the details.
        """
        if (self.photograph + self.number) % 2:
            return ""
        return CODECS[(self.photograph // 2 + self.number // 2) % 2]

    @property
    def saved(self) -> str:
        """Return `SAVED` or `NOT_SAVED`."""
        return SAVED if self.codec else NOT_SAVED

    @property
    def quality(self) -> int:
        """Return the quality that the view is saved with, if it is saved, on its codec's scale."""
        return int(self._drawn()[3])

    @property
    def source(self) -> str:
        """Return its name in a run."""
        copy = f"-saved-{self.codec}" if self.codec else ""
        return f"{photograph_name(self.photograph)}-{VIEWS[self.number]}{copy}"

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return top, left, height and width of what it shows of a photograph of this size."""
        if VIEWS[self.number] == "whole":
            return 0, 0, height, width
        share, down, across, _ = self._drawn()
        high, wide = round(height * share), round(width * share)
        return int((height - high + 1) * down), int((width - wide + 1) * across), high, wide

    def picture(self) -> np.ndarray:
        """Draw it undamaged, uint8, height x width x 3: cut out, then saved once or not."""
        whole = photograph(self.photograph)
        top, left, height, width = self.box(*whole.shape[:2])
        cut = whole[top : top + height, left : left + width].copy()
        return recode(cut, self.codec, self.quality) if self.codec else cut

    def _drawn(self) -> tuple[float, float, float, int]:
        """Draw the share of a detail's sides, where it lies down and across, and the quality."""
        rng = np.random.default_rng([_SALT, self.photograph, self.number])
        share, down, across = rng.uniform(*_SIDES), rng.random(), rng.random()
        return share, down, across, int(rng.integers(_QUALITIES[0], _QUALITIES[1] + 1))


def views() -> tuple[View, ...]:
    """Return all 96 views, those of one photograph together."""
    return tuple(View(one, number) for one in PHOTOGRAPHS for number in range(len(VIEWS)))


def view_of(source: str) -> View | None:
    """Return the view that a source's name stands for; None for any other name."""
    match = _SOURCE.fullmatch(source)
    if not match or int(match["photograph"]) not in PHOTOGRAPHS:
        return None
    view = View(int(match["photograph"]), VIEWS.index(match["view"]))
    return view if view.source == source else None


def false_alarms(view: View, found: Iterable[Finding]) -> tuple[str, ...]:
    """Name what a chain about an undamaged view says falsely.

    That is every finding of at least `VISIBLE`, but for JPEG compression below `SAVED_JPEG` in a
    view that was saved once.
    """
    least = {_JPEG: SAVED_JPEG} if view.codec else {}
    return tuple(
        finding.name for finding in found if finding.intensity >= least.get(finding.name, VISIBLE)
    )


@lru_cache(maxsize=len(PHOTOGRAPHS))  # of half a megabyte each
def photograph(number: int) -> np.ndarray:
    """Return a bundled photograph, uint8, 341 x 512 x 3 or upright, read-only."""
    picture = load(FOLDER / f"{photograph_name(number)}.webp")
    picture.setflags(write=False)
    return picture


def photograph_name(number: int) -> str:
    """Return the name of a photograph, which its file and the sources of its views begin with."""
    return f"kodak-{number:02d}"
