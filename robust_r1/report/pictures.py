"""The pictures of answered cases, drawn again from the benchmark that they belong to."""

from functools import cache

import numpy as np

from robust_r1.analysis.entries import Entry
from robust_r1.errors import InputError
from robust_r1.evaluation import BENCHMARKS, Case, benchmark
from robust_r1.evaluation.kept import case_of_row


@cache
def _cases(name: str) -> dict[str, Case]:
    return {case.id: case for case in benchmark(name)} if name in BENCHMARKS else {}


def case_of(entry: Entry) -> Case | None:
    """Return the benchmark's own case, or None where this version has none like it.

    A saved answer brings its own, as long as its pictures are here.
    """
    if entry.row.kept is not None:
        return case_of_row(entry.row)
    case, row = _cases(entry.benchmark).get(entry.row.id), entry.row
    same = case and (case.plan, case.question) == (row.plan, row.question)
    return case if same else None


def picture_of(entry: Entry) -> np.ndarray:
    """Draw the damaged picture, uint8, H x W x 3, at the size that the benchmark has it.

    Raises:
        InputError: the benchmark, or this case of it, is not here.
    """
    case = case_of(entry)
    if case is None:
        raise InputError(
            f"the picture of {entry.row.id} is not here: {entry.benchmark} of this version has no "
            "such case; its answer can still be read"
        )
    return case.plan.apply(case.picture())
