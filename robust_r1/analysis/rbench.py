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
from robust_r1.errors import DataError, InputError
from robust_r1.metrics import Figure, average, relative_score, same_answer
from robust_r1.records import REFERENCE, RBenchResult, RecordError, read_rbench_results
from robust_r1.records.rbench import GROUPS, STEPS
from robust_r1.records.rbench_results import JudgedAnswer

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
        reference: the answer to the reference picture against the truth, in [0, 1].
            All three are None where the item was not judged.
    """

    source: str
    task: str
    strength: str
    distortion: int | None
    absolute: float | None
    relative: float | None = None
    reference: float | None = None


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
        relative = right = None
        if reference is not None and consistency is not None:
            right = _score(reference, id)
            relative = relative_score(_score(consistency, id), right)
        items.append(
            JudgedItem(
                result.name, result.type.lower(), STRENGTHS[result.strength - 1],
                result.distortion, result.result, relative, right,
            )
        )  # fmt: skip
    return tuple(items)


def items_of_run(rows: Sequence[Answered]) -> tuple[JudgedItem, ...]:
    """Take the cases of an evaluation run at low, mid and high; absolute scores are its accuracies.

    There are relative ones where the run holds the same model's answers about the reference
    pictures: of MCQ always, of VQA and CAP where a judge has compared the answers.
    """
    return tuple(
        JudgedItem(
            row.picture or row.source, row.task, row.level, row.distortion, row.accuracy,
            relative_score(_consistency(row, reference), reference.accuracy) if reference else None,
            reference.accuracy if reference else None,
        )
        for row, reference in _pairs(rows)
    )  # fmt: skip


def tables_of_run(rows: Sequence[Answered]) -> dict[str, tuple[JudgedAnswer, ...]]:
    """Make R-Bench's tables of results from a run, by "dis", "ref" and "com".

    The latter two only where the run holds answers about reference pictures.

    Raises:
        InputError: the run is not of R-Bench.
    """
    pairs = [(row, reference) for row, reference in _pairs(rows) if row.distortion is not None]
    if not pairs:
        raise InputError("the run has none of R-Bench's distortions; give a run of evaluate rbench")
    tables = {"dis": [_judged_answer(row, row.accuracy) for row, _ in pairs]}
    if any(reference is not None for _, reference in pairs):
        tables["ref"] = [_judged_answer(row, _accuracy(other)) for row, other in pairs]
        tables["com"] = [
            _judged_answer(row, _consistency(row, other) if other else None) for row, other in pairs
        ]
    return {name: tuple(answers) for name, answers in tables.items()}


def mcq_accuracies(items: Sequence[JudgedItem]) -> dict[str, Figure]:
    """Compute what VLMEvalKit calls R-Bench-Dis and R-Bench-Ref: accuracy over the MCQ items.

    These are neither absolute nor relative robustness. Nothing for a side that was not asked, or of
    another benchmark.
    """
    mcq = [item for item in items if item.task == "mcq" and item.distortion is not None]
    sources = [item.source for item in mcq]
    found = {
        "R-Bench-Dis": average([item.absolute for item in mcq], sources),
        "R-Bench-Ref": average([item.reference for item in mcq], sources),
    }
    return {name: figure for name, figure in found.items() if figure.n}


def _pairs(rows: Sequence[Answered]) -> Iterator[tuple[Answered, Answered | None]]:
    """Yield each row about a distorted picture, and the one about the picture undamaged."""
    references = {row.source: row for row in rows if row.level == REFERENCE}
    for row in rows:
        if row.task in TASKS and row.level in STRENGTHS:
            yield row, references.get(row.source)


def _consistency(row: Answered, reference: Answered) -> float | None:
    """Return how far an answer is the one about the reference picture; options are exact."""
    if row.task != "mcq":
        return row.consistency
    return float(same_answer(row.text, reference.text, row.choices, not row.lettered))


def _accuracy(row: Answered | None) -> float | None:
    return None if row is None else row.accuracy


def _judged_answer(row: Answered, result: float | None) -> JudgedAnswer:
    assert row.distortion is not None
    truths = (row.truth, *row.truths)
    asked = row.source, row.picture or row.source, row.question, row.task, row.choices, truths
    return JudgedAnswer(*asked, row.distortion, row.level, result)


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
