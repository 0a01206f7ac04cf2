"""The pictures of answered cases, drawn again from the benchmark that they belong to."""

from functools import cache

import numpy as np

from robust_r1.analysis.entries import Entry
from robust_r1.ask.case import Case
from robust_r1.ask.picture import load_picture
from robust_r1.errors import InputError
from robust_r1.evaluation import BENCHMARKS, BenchmarkItem, benchmark
from robust_r1.evaluation.stored_case import pictures_here


@cache
def _items(name: str) -> dict[str, BenchmarkItem]:
    return {item.id: item for item in benchmark(name)} if name in BENCHMARKS else {}


def case_of(entry: Entry) -> Case | None:
    """Return what was asked; None where this version of the benchmark has no such item.

    A saved answer brings its own case, as long as its pictures are here.
    """
    row = entry.row
    if row.saved is not None:
        return row.saved if pictures_here(row.saved) else None
    item = _items(entry.benchmark).get(row.id)
    same = item and (item.case.plan, item.case.question) == (row.plan, row.question)
    return item.case if item and same else None


def why_absent(entry: Entry) -> str:
    """Say in a clause why the picture of a case of a benchmark is not here."""
    if entry.benchmark in BENCHMARKS:
        return "this version of the benchmark has no such case"
    return "a run keeps no pictures of a published benchmark"


def picture_of(entry: Entry, clean: bool = False) -> np.ndarray:
    """Draw the damaged picture, uint8, H x W x 3, at the size that the benchmark has it.

    With `clean` the same picture without its damage.

    Raises:
        InputError: the benchmark, or this case of it, is not here.
    """
    case = case_of(entry)
    if case is None:
        raise InputError(
            f"the picture of {entry.row.id} is not here: {why_absent(entry)}; its answer can still "
            "be read"
        )
    picture = load_picture(case.picture)
    if clean or case.picture is None:
        return picture
    return case.picture.damaged(picture, case.plan)
