"""The cases of a published benchmark: each item of its file at each level, when it is its turn.

What is done to a picture is drawn from the benchmark's name, the index of the row that has the
picture and a seed: one degradation, the same with the same realization at every level, as in
published tables (and in `degrade --levels`). Pictures that came damaged are asked about as they
are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from robust_r1.ask.case import MAX_CHOICES, Case, check_question
from robust_r1.ask.picture import Picture
from robust_r1.ask.prompts import Prompt
from robust_r1.degradations import LEVELS, SPECS, DegradationPlan, level_plan, picture_rng
from robust_r1.engine.types import ModelInfo
from robust_r1.errors import InputError
from robust_r1.evaluation.benchmarks import BenchmarkItem
from robust_r1.evaluation.growing import noted_plans
from robust_r1.records import (
    REFERENCE,
    BenchmarkFile,
    Damage,
    LazyPicture,
    PictureCell,
    PublishedItem,
    RecordError,
)

CLEAN = "clean"
ALL_LEVELS = (CLEAN, *LEVELS)
AS_PUBLISHED = "as published"  # the level of pictures whose file tells no more than their damage
# Of one row at most, which is asked at each level in turn; more would hold a megabyte each.
_DECODED = 4


@dataclass(frozen=True)
class Selection:
    """Say which cases of a benchmark are asked.

    Attributes:
        levels: members of ALL_LEVELS; without effect where pictures came damaged.
        seed: 0 or more, of what is drawn for each picture.
        native: whether pictures are damaged at full size, before the model shrinks them.
        limit: the first so many items; None for all.
        operation: the one that damages every picture; empty for one that is drawn.
        shard: (i, n): of these every n-th item, beginning with the i-th, from 1.
    """

    levels: tuple[str, ...] = ALL_LEVELS
    seed: int = 0
    native: bool = True
    limit: int | None = None
    shard: tuple[int, int] = (1, 1)
    operation: str = ""

    def has(self, number: int) -> bool:
        """Tell whether the item of a number, from 0, is in the shard."""
        first, every = self.shard
        return number % every == first - 1


class PublishedItems:
    """Hand out the cases of a file, one after the other; nothing is decoded before it is asked.

    Each pass over it reads the file from its beginning.
    """

    def __init__(
        self,
        file: BenchmarkFile,
        info: ModelInfo,
        selection: Selection | None = None,
        prompt: Prompt | None = None,
        language: str = "",
    ) -> None:
        """Take the file, the model that is asked, which cases, and how they are asked.

        Args:
            language: of items whose file does not tell theirs.
        """
        self.file, self.info, self.language = file, info, language
        self.selection, self.prompt = selection or Selection(), prompt or Prompt()
        self._reading = file.read()
        # What a copy's manifest says was done to each row's pictures.
        self._noted = noted_plans(file.path) if file.damage else {}
        self._numbers: dict[str, int] = {}
        self._skipped: set[int] = set()

    @property
    def skipped(self) -> tuple[int, ...]:
        """Return the numbers, from 0 in the whole file, of the items that were left out."""
        return tuple(sorted(self._skipped))

    @property
    def unusable(self) -> tuple[RecordError, ...]:
        """Return why each row that was left out could not be used, in the order of the file."""
        return self._reading.unusable

    @property
    def rows(self) -> int:
        """Return how many rows were read so far."""
        return self._reading.rows

    @property
    def share(self) -> float:
        """Return how much of the file was read so far, 0 to 1; 0 where nobody knows."""
        return self._reading.share

    def leave_out(self, error: RecordError, source: str) -> None:
        """Count a row, by its id, as unusable; raises UnusableRows where these are too many now."""
        self._skipped.add(self._numbers[source])
        self._reading.leave_out(error)

    def __iter__(self) -> Iterator[BenchmarkItem]:
        self._reading = self.file.read()
        self._numbers, self._skipped = {}, set()
        for number, item in enumerate(self._reading):
            if self.selection.has(number):
                self._numbers[item.id] = number
            if not self.selection.has(number):
                pass
            elif wrong := self._unfit(item):
                fault = item.place.fault(wrong, "leave it out, or ask another model")
                self.leave_out(fault, item.id)
            else:
                yield from self._cases(item)
            if number + 1 == self.selection.limit:
                self._reading.finish()
                return

    def _unfit(self, item: PublishedItem) -> str:
        """Say why an item cannot be put to the model; empty where it can."""
        if (shown := len(item.pictures)) > self.info.pictures:
            return f"{shown} pictures, and {self.info.label} takes {self.info.pictures} at most"
        if len(item.choices) > MAX_CHOICES:
            return f"{len(item.choices)} options, and {MAX_CHOICES} can be lettered"
        try:
            check_question(Case(question=item.asked, choices=item.choices).prompt)
        except InputError as error:
            return str(error).rstrip(".")
        return ""

    def _cases(self, item: PublishedItem) -> Iterator[BenchmarkItem]:
        if item.damage is not None:
            plan = self._noted.get(item.id) or _told(item.damage)
            level = item.damage.level or item.damage.kind or AS_PUBLISHED
            yield self._case(item, level, plan or DegradationPlan(), plan is not None)
            if item.references:
                undamaged = replace(item, pictures=item.references, damage=Damage(REFERENCE))
                case = self._case(undamaged, REFERENCE, DegradationPlan(), True)
                yield replace(case, picture=_picture_of(item))  # what it is drawn with
            return
        for level in self.selection.levels:
            drawn = level, self.selection.seed, self.selection.operation
            yield self._case(item, level, drawn_plan(item, *drawn), True)

    def _case(
        self, item: PublishedItem, level: str, plan: DegradationPlan, known: bool
    ) -> BenchmarkItem:
        first, *further = (self._picture(one, item, plan) for one in item.pictures)
        case = Case(
            first, plan, item.asked, item.choices, item.truth,
            further=tuple(self._finished(one, plan) for one in further), seed=self.selection.seed,
        )  # fmt: skip
        return BenchmarkItem(
            self.prompt.of(case), f"{item.id}-{level}", item.id, item.task, level, known=known,
            truths=item.truths[1:], category=item.category, language=item.language or self.language,
            distortion=_distortion(item), picture=_picture_of(item),
        )  # fmt: skip

    def _picture(self, one: LazyPicture, item: PublishedItem, plan: DegradationPlan) -> Picture:
        damage = None if item.damage is None else _as_it_is
        return Picture(draw=partial(_decoded, one), damage=damage, native=self.selection.native)

    def _finished(self, picture: Picture, plan: DegradationPlan) -> Picture:
        """Return a further picture with its damage: a case's plan is done to the first alone."""

        def draw() -> np.ndarray:
            image = picture.load() if picture.native else self.info.fit(picture.load())
            return picture.damaged(image, plan)

        return Picture(draw=draw)


def drawn_plan(
    item: PublishedItem, level: str, seed: int = 0, operation: str = ""
) -> DegradationPlan:
    """Draw what is done to the pictures of an item at a level; nothing at CLEAN.

    Rows that share a picture share its damage.
    """
    first = item.pictures[0]
    owner = first.owner if isinstance(first, PictureCell) else item.id
    return plan_of(item.benchmark, owner, level, seed, operation)


def _picture_of(item: PublishedItem) -> str:
    """Return the index of the row that has an item's first picture, or the picture's file."""
    first = item.pictures[0]
    return first.owner if isinstance(first, PictureCell) else first.key


def _distortion(item: PublishedItem) -> int | None:
    kind = "" if item.damage is None else item.damage.kind
    return int(kind) if kind.isdigit() else None


def plan_of(
    benchmark: str, index: str, level: str, seed: int = 0, operation: str = ""
) -> DegradationPlan:
    """Draw what is done at a level to the pictures of the row with an index; nothing at CLEAN.

    Args:
        operation: what is done, where nobody draws it; its realization is drawn all the same.
    """
    if level == CLEAN:
        return DegradationPlan()
    rng = picture_rng(seed, f"{benchmark}/{index}")
    if operation:
        return DegradationPlan.of({operation: LEVELS[level]}, seed=int(rng.integers(2**31)))
    return level_plan(rng, level)


def _told(damage: Damage) -> DegradationPlan | None:
    """Return what a file tells of the damage as a plan; None where it does not tell enough."""
    if damage.plan:
        return damage.plan
    if damage.level in LEVELS and damage.kind in {spec.id for spec in SPECS}:
        return DegradationPlan.of({damage.kind: LEVELS[damage.level]})
    return None


def _as_it_is(image: np.ndarray, plan: DegradationPlan) -> np.ndarray:
    return image


@lru_cache(maxsize=_DECODED)
def _decoded(picture: LazyPicture) -> np.ndarray:
    image = picture.load()
    image.setflags(write=False)
    return image
