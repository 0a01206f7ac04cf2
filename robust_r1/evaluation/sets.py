"""MMD-Bench: a folder of tables, a benchmark's pictures damaged at a level or by one operation.

Its tables are known by their names, which `records/names.py` reads. The figures of their runs make
one summary: accuracy by benchmark and level, and by operation; where the clean table was degraded
here too, by how much the published one differs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robust_r1.degradations import LEVELS, SPECS
from robust_r1.errors import InputError
from robust_r1.evaluation.runs import Row
from robust_r1.metrics import Figure, average, mean
from robust_r1.records import MMD_LEVELS, mmd_header, operation_of

MIXED = "mixed"  # tables each of whose pictures has one operation, which was drawn
_OPERATIONS = [spec.id for spec in SPECS]
_LISTED = 6  # names that a sentence gives


@dataclass(frozen=True)
class Table:
    """Describe a table of degraded pictures by its file's name.

    Attributes:
        path: of the file, here or on the hub.
        set: the benchmark that was degraded, such as MMStar.
        level: a key of LEVELS.
        operation: of all its pictures; MIXED where each has its own.
    """

    path: Path
    set: str
    level: str
    operation: str


@dataclass(frozen=True)
class Choice:
    """Say which tables are wanted; None for all."""

    sets: frozenset[str] | None = None
    levels: frozenset[str] | None = None
    operations: frozenset[str] | None = None


@dataclass(frozen=True)
class Measured:
    """Keep the accuracy on a table, and that on the clean one degraded here the same way.

    `difference` is published minus own over the items that both hold; None without own ones.
    """

    set: str
    level: str
    operation: str
    published: Figure | None
    own: Figure | None = None
    difference: Figure | None = None


def read_choice(sets: str | None, levels: str | None, operations: str | None) -> Choice:
    """Read which tables are wanted from the words of the command line, separated by commas.

    Raises:
        InputError: an unknown level or operation.
    """
    return Choice(
        None if sets is None else frozenset(name.lower() for name in _names(sets)),
        None if levels is None else frozenset(map(_level, _names(levels))),
        None if operations is None else frozenset(map(_operation, _names(operations))),
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _level(name: str) -> str:
    level = MMD_LEVELS.get(name.lower(), name)
    if level not in LEVELS:
        known = ", ".join((*LEVELS, *MMD_LEVELS))
        raise InputError(f"MMD-Bench has no level {name!r}; choose from {known}")
    return level


def _operation(name: str) -> str:
    found = MIXED if name.lower() == MIXED else operation_of(name)
    if found is None:
        known = ", ".join((MIXED, *_OPERATIONS))
        raise InputError(f"there is no operation {name!r}; choose from {known}")
    return found


def tables_of(paths: Iterable[Path]) -> tuple[Table, ...]:
    """Return the tables among some files, benchmark by benchmark: levels, then operations.

    Raises:
        InputError: two files hold the same table.
    """
    found: dict[tuple[str, str, str], Table] = {}
    for path in paths:
        header = mmd_header(path)
        if header is None or header.damage is None:
            continue
        operation = header.damage.kind or MIXED
        one = Table(path, header.benchmark, header.damage.level, operation)
        first = found.setdefault((one.set.lower(), one.level, operation), one)
        if first is not one:
            raise InputError(f"{first.path} and {path} are the same table; take one of them away")
    return tuple(sorted(found.values(), key=_place))


def _place(table: Table) -> tuple[str, int, int]:
    """Return a sort key: mixed ones come first, from low to high."""
    order = [MIXED, *_OPERATIONS]
    return table.set.lower(), order.index(table.operation), list(LEVELS).index(table.level)


def chosen(tables: Sequence[Table], choice: Choice, where: str) -> tuple[Table, ...]:
    """Return the tables that are wanted.

    Raises:
        InputError: a benchmark of which there is no table, or nothing that fits.
    """
    there = list(dict.fromkeys(table.set for table in tables))
    known = {name.lower() for name in there}
    if choice.sets and (unknown := sorted(choice.sets - known)):
        listed = ", ".join(there[:_LISTED]) or "none"
        raise InputError(f"{where} has no tables of {unknown[0]!r}; there are {listed}")
    kept = tuple(
        table
        for table in tables
        if (choice.sets is None or table.set.lower() in choice.sets)
        and (choice.levels is None or table.level in choice.levels)
        and (choice.operations is None or table.operation in choice.operations)
    )
    if not kept:
        raise InputError(
            f"{where} has no table of MMD-Bench that was asked for; there are {len(tables)}, named "
            "as in MMStar_LOW_LEVEL_HIGH.tsv and MMStar_lens_blur.tsv"
        )
    return kept


def accuracy(rows: Iterable[Row], level: str) -> Figure:
    """Compute the accuracy at a level; rows about the same picture are resampled together."""
    rows = [row for row in rows if row.level == level]
    return average([row.accuracy for row in rows], [row.picture or None for row in rows])


def difference(rows: Iterable[Row], others: Iterable[Row]) -> Figure:
    """Compute how much more accurate `rows` are than `others`, over the cases of both."""
    known = {row.id: row.accuracy for row in others}
    pairs = [
        (row.accuracy - other, row.picture or None)
        for row in rows
        if row.accuracy is not None and (other := known.get(row.id)) is not None
    ]
    return average([gap for gap, _ in pairs], [picture for _, picture in pairs])


def measure(table: Table, rows: Sequence[Row] | None, own: Sequence[Row] | None) -> Measured:
    """Measure a table by the rows of its run and of the clean table degraded here, if there are."""
    what = table.set, table.level, table.operation
    return Measured(
        *what,
        published=None if rows is None else accuracy(rows, table.level),
        own=None if own is None else accuracy(own, table.level),
        difference=None if rows is None or own is None else difference(rows, own),
    )


def mean_of(figures: Mapping[str, Figure | None]) -> float | None:
    """Return the mean over benchmarks, each of which counts once; None if one is not measured."""
    values = [figure.value if figure else None for figure in figures.values()]
    return None if None in values else mean(values)
