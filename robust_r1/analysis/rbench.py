"""R-Bench's figures: absolute and relative robustness by task, strength, step and group.

A model is asked about the distorted and the reference picture of each item. Three tables judge what
it says: `distorted` and `reference` hold the answers against the truth, `consistency` the first
answer against the second. Absolute robustness is the mean of `distorted`, relative robustness the
mean of consistency x reference; over all items it is the mean over all items, not over parts.

Source: R-Bench (arXiv 2410.05474) and the script beside its release.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from robust_r1.analysis.robustness import STRENGTHS, TASKS
from robust_r1.ask.answered import Answered
from robust_r1.errors import DataError
from robust_r1.metrics import Figure, average, relative_score
from robust_r1.records import RBenchResult, RecordError, read_rbench_results
from robust_r1.records.rbench import GROUPS, STEPS

# Each split of the items and its parts, in the order in which they are shown.
PARTS = (
    ("overall", ""),
    *(("task", task) for task in TASKS),
    *(("strength", strength) for strength in STRENGTHS),
    *(("step", step) for step in STEPS),
    *(("group", group) for group in GROUPS),
    *(("task and strength", f"{task} {strength}") for task in TASKS for strength in STRENGTHS),
)


@dataclass(frozen=True)
class JudgedItem:
    """Hold what was judged of one item.

    Attributes:
        source: the picture; items of one picture hang together.
        task: "mcq", "vqa" or "cap".
        strength: "low", "mid" or "high".
        distortion: 1 to 33; None where it is not known.
        absolute: the answer to the distorted picture against the truth, in [0, 1].
        relative: that answer's consistency x the reference answer, in [0, 1].
            Both are None where the item was not judged.
    """

    source: str
    task: str
    strength: str
    distortion: int | None
    absolute: float | None
    relative: float | None = None


@dataclass(frozen=True)
class RBenchLine:
    """Give both figures of the items in a part by a split, as PARTS pairs them."""

    split: str
    part: str
    absolute: Figure
    relative: Figure


@dataclass(frozen=True)
class JudgedTable:
    """Hold a table of judged answers: its results by id, and why other rows were left out."""

    path: Path
    results: dict[str, RBenchResult]
    unusable: tuple[RecordError, ...]


def read_judged(path: Path) -> JudgedTable:
    """Read a table of judged answers.

    Raises:
        DataError: as `read_rbench_results` does, UnusableRows among them.
    """
    reading = read_rbench_results(path)
    results = {result.id: result for result in reading}
    return JudgedTable(path, results, reading.unusable)


def items_of_tables(
    distorted: JudgedTable,
    reference: JudgedTable | None = None,
    consistency: JudgedTable | None = None,
) -> tuple[JudgedItem, ...]:
    """Match tables item by item; without the latter two there is no relative robustness.

    An item whose row cannot be used in a further table has no relative score.

    Raises:
        DataError: a table lacks an item of another one, beyond those whose rows cannot be used, or
            has another item under its number.
    """
    for table in (reference, consistency):
        if table is not None:
            _check_match(distorted, table)
    items = []
    for id, result in distorted.results.items():
        relative = None
        if reference is not None and consistency is not None:
            relative = relative_score(_score(consistency, id), _score(reference, id))
        items.append(
            JudgedItem(
                result.name, result.type.lower(), STRENGTHS[result.strength - 1],
                result.distortion, result.result, relative,
            )
        )  # fmt: skip
    return tuple(items)


def items_of_run(rows: Sequence[Answered]) -> tuple[JudgedItem, ...]:
    """Take the cases of an evaluation run at low, mid and high; scores are its accuracies.

    A run does not keep which of R-Bench's distortions a picture has, and nobody has judged its
    answers against one another: there is no relative score.
    """
    return tuple(
        JudgedItem(row.source, row.task, row.level, None, row.accuracy)
        for row in rows
        if row.task in TASKS and row.level in STRENGTHS
    )


def rbench_lines(items: Sequence[JudgedItem]) -> tuple[RBenchLine, ...]:
    """Compute the figures of all items and of each part of them that holds any.

    Intervals resample pictures, each with all its items.
    """
    chosen: dict[tuple[str, str], list[JudgedItem]] = {place: [] for place in PARTS}
    for item in items:
        for place in _parts_of(item):
            chosen[place].append(item)
    return tuple(_line(*place, part) for place, part in chosen.items() if part)


def _parts_of(item: JudgedItem) -> Iterator[tuple[str, str]]:
    yield "overall", ""
    yield "task", item.task
    yield "strength", item.strength
    for split, parts in (("step", STEPS), ("group", GROUPS)):
        for name, ids in parts.items():
            if item.distortion in ids:
                yield split, name
    yield "task and strength", f"{item.task} {item.strength}"


def _line(split: str, part: str, items: Sequence[JudgedItem]) -> RBenchLine:
    sources = [item.source for item in items]
    absolute = average([item.absolute for item in items], sources)
    relative = average([item.relative for item in items], sources)
    return RBenchLine(split, part, absolute, relative)


def _score(table: JudgedTable, id: str) -> float | None:
    result = table.results.get(id)
    return None if result is None else result.result


def _check_match(one: JudgedTable, other: JudgedTable) -> None:
    for lacking, having in ((one, other), (other, one)):
        missing = [own for id, own in having.results.items() if id not in lacking.results]
        # A row that cannot be used leaves its item out, and is named for that already.
        if len(missing) > len(lacking.unusable):
            first = missing[0]
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise DataError(
                f"{lacking.path} lacks item {first.id} of {having.path}:{first.place.line}{more}; "
                "give tables of the same items"
            )
    for id, mine in one.results.items():
        its = other.results.get(id)
        if its is not None and _facts(mine) != _facts(its):
            raise DataError(
                f"item {id} is {_named(mine)} in {one.path}:{mine.place.line} and {_named(its)} "
                f"in {other.path}:{its.place.line}; give tables of the same items"
            )


def _facts(result: RBenchResult) -> tuple[str, str, int, int]:
    return result.name, result.type, result.distortion, result.strength


def _named(result: RBenchResult) -> str:
    return (
        f"{result.type} about {result.name} under distortion {result.distortion} "
        f"at strength {result.strength}"
    )
