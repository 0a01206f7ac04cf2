"""Which degradation one model takes for which, in cases that can be counted and looked at.

A picture bears several degradations at once, so a wrong name is not one cell of a table by itself.
A case lies in the cell (A, B) where A was missed and B falsely named, so it may lie in several: in
each that it is a witness of, and in each once. Where nothing was falsely named the miss lies in the
column of nothing; where nothing was missed a false name lies in the row of nothing; where A was
perceived the case lies on the diagonal. So every cell is a number of cases, and a line may sum to
more than the cases that it is of.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1.analysis.entries import Entry, in_order
from robust_r1.chain import open_tag
from robust_r1.degradations import SPECS, find, label_of
from robust_r1.errors import InputError
from robust_r1.metrics import Figure, Matching, average

NAMES = tuple(spec.chain_name for spec in SPECS)
NOTHING = "nothing"
ORDER = (*NAMES, NOTHING)
_KNOWN = frozenset(NAMES)
# (chain name of what was applied, chain name of what was named), either `NOTHING`.
Cell = tuple[str, str]


@dataclass(frozen=True)
class Confusion:
    """Count in how many cases of a model each degradation (row) was taken for each (column).

    Attributes:
        model: whose cases.
        counts: cases by cell, 17 x 17, in `ORDER` in both directions.
        applied: the cases that each row is of: those that bear its degradation strongly enough to
            be seen; for `NOTHING` those in which nothing was missed.
    """

    model: str
    counts: tuple[tuple[int, ...], ...]
    applied: tuple[int, ...]

    def shares(self) -> tuple[tuple[float | None, ...], ...]:
        """Return each row as shares of the cases that it is of; None where there is none."""
        return tuple(
            tuple(count / whole if whole else None for count in row)
            for row, whole in zip(self.counts, self.applied, strict=True)
        )


@dataclass(frozen=True)
class Mistake:
    """Rank one cell beside the diagonal: how many cases, and their share of those of its row."""

    model: str
    cell: Cell
    cases: int
    share: Figure


def cells_of(matching: Matching) -> frozenset[Cell]:
    """Return the cells that a case lies in; what was too faint to see counts neither way.

    The diagonal is of what was perceived. A repeat of a name that matched confuses nothing with
    anything, and neither does a name that is none of the sixteen.
    """
    matched = {name for name, _, _ in matching.matched}
    alarms = {name for name in matching.false_alarms if name in _KNOWN} - matched
    missed = {*matching.misses}
    return frozenset({
        *((name, name) for name in matched),
        *((gone, said) for gone in missed or {NOTHING} for said in alarms),
        *((gone, NOTHING) for gone in missed if not alarms),
    })  # fmt: skip


def cell_id(cell: Cell) -> str:
    """Write a cell as filters and links have it, such as "lens_blur:nothing"."""
    return ":".join(one if one == NOTHING else find(one).id for one in cell)


def cell_of(text: str) -> Cell:
    """Read what `cell_id` wrote; raise InputError for anything else."""
    parts = text.split(":")
    if len(parts) != 2 or parts == [NOTHING, NOTHING]:
        raise InputError(
            f"{text[:40]!r} names no confusion; write what was applied and what was named, such as "
            f"lens_blur:{NOTHING}"
        )
    applied, named = (one if one == NOTHING else find(one).chain_name for one in parts)
    return applied, named


def cell_words(cell: Cell) -> str:
    """Say in words what the cases of a cell have in common."""
    applied, named = map(label_of, cell)
    if cell[0] == cell[1]:
        return f"{applied} perceived"
    if cell[0] == NOTHING:
        return f"{named} named, nothing missed"
    if cell[1] == NOTHING:
        return f"{applied} missed, nothing else named"
    return f"{applied} taken for {named}"


def all_cells() -> tuple[Cell, ...]:
    """Return every cell, line by line."""
    return tuple((one, other) for one in ORDER for other in ORDER if {one, other} != {NOTHING})


def with_chains(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the models that list degradations in any of their answers, in their order.

    One that answers without a chain has missed nothing: it was never asked what it sees.
    """
    return in_order(entry.model for entry in entries if open_tag("TYPE") in entry.row.text)


def confusion(entries: Sequence[Entry], model: str) -> Confusion:
    """Count which degradation one model took for which."""
    cells: Counter[Cell] = Counter()
    whole: Counter[str] = Counter()
    for entry in entries:
        if entry.model == model and entry.row.known:
            cells.update(cells_of(entry.row.matching))
            whole.update(_rows(entry.row.matching))
    counts = tuple(tuple(cells[one, other] for other in ORDER) for one in ORDER)
    return Confusion(model, counts, tuple(whole[name] for name in ORDER))


def _rows(matching: Matching) -> set[str]:
    """Return the rows that a case is one of."""
    seen = {name for name, _, _ in matching.matched}
    return seen | ({*matching.misses} or {NOTHING})


def mistakes(entries: Sequence[Entry], found: Confusion, most: int) -> tuple[Mistake, ...]:
    """Rank the cells beside the diagonal by their cases, the fullest first, at most so many."""
    places = sorted(
        ((row, column) for row in range(len(ORDER)) for column in range(len(ORDER))
         if row != column and found.counts[row][column]),
        key=lambda place: -found.counts[place[0]][place[1]],
    )  # fmt: skip
    own = [entry for entry in entries if entry.model == found.model and entry.row.known]
    return tuple(
        Mistake(found.model, cell, found.counts[row][column], _share(own, cell))
        for row, column in places[:most]
        for cell in [(ORDER[row], ORDER[column])]
    )


def _share(own: Sequence[Entry], cell: Cell) -> Figure:
    row = [entry.row for entry in own if cell[0] in _rows(entry.row.matching)]
    hits = [float(cell in cells_of(one.matching)) for one in row]
    return average(hits, [one.cluster for one in row])
