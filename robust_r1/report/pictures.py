"""The pictures of answered cases, drawn again from the benchmark that they belong to.

Those of a published benchmark are read from its file, where that is at hand: a run keeps none.
"""

from functools import cache

import numpy as np

from robust_r1 import images
from robust_r1.analysis.entries import Entry
from robust_r1.ask.case import Case
from robust_r1.ask.picture import load_picture
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.evaluation import BENCHMARKS, BenchmarkItem, benchmark
from robust_r1.evaluation.stored_case import pictures_here
from robust_r1.report.published_pictures import LookUp, shown_size


@cache
def _items(name: str) -> dict[str, BenchmarkItem]:
    return {item.id: item for item in benchmark(name)} if name in BENCHMARKS else {}


def case_of(entry: Entry, files: LookUp | None = None) -> Case | None:
    """Return what was asked; None where this version of the benchmark has no such item.

    A saved answer brings its own case, as long as its pictures are here; a published item is read
    from the files at hand.
    """
    row = entry.row
    if row.saved is not None:
        return row.saved if pictures_here(row.saved) else None
    if entry.terms.file:
        return (files or LookUp()).case(entry)
    item = _items(entry.benchmark).get(row.id)
    same = item and (item.case.plan, item.case.question) == (row.plan, row.question)
    return item.case if item and same else None


def why_absent(entry: Entry, files: LookUp | None = None) -> str:
    """Say in a clause why the picture of a case of a benchmark is not here."""
    if entry.benchmark in BENCHMARKS:
        return "this version of the benchmark has no such case"
    if entry.terms.file:
        return (files or LookUp()).why_absent(entry)
    return "a run keeps no pictures of a published benchmark"


def picture_of(
    entry: Entry, clean: bool = False, files: LookUp | None = None, most: int = 0
) -> np.ndarray:
    """Draw the damaged picture, uint8, H x W x 3, at the size that the benchmark has it.

    Args:
        clean: the same picture without its damage.
        files: finds those of published benchmarks; None looks where they usually lie.
        most: pixels to which a published one is shrunk before it is damaged, for a quick look; 0
            for exactly what was asked about.

    Raises:
        InputError: the benchmark, or this case of it, is not here, or its picture cannot be read.
    """
    case = case_of(entry, files)
    if case is None:
        raise InputError(
            f"the picture of {entry.row.id} is not here: {why_absent(entry, files)}; its answer "
            "can still be read"
        )
    try:
        picture = load_picture(case.picture)
    except RobustR1Error as error:
        raise InputError(f"the picture of {entry.row.id} cannot be read: {error}") from error
    picture = shown_size(picture, entry.terms)
    if most and entry.terms.file:
        picture = images.fit(picture, most)
    if clean or case.picture is None:
        return picture
    return case.picture.damaged(picture, case.plan)
