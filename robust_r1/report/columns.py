"""Runs as the columns of a table: which go together, and what each is called.

Runs of one model that were asked alike are one column where they are parts of one benchmark: its
levels (MMStar, MMStar_Robust_25 ...), its languages (MMMB_en, MMMB_cn ...), its shards. Two runs of
one model that were asked otherwise are two columns, named by what differs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from robust_r1.analysis.entries import Entry, Terms, gather, in_order, with_twins
from robust_r1.ask.prompts import OURS
from robust_r1.errors import InputError
from robust_r1.evaluation import Row, Run
from robust_r1.evaluation.published import AS_PUBLISHED

_LONGEST = 40  # characters of a prompt of somebody's own in a column's name


@dataclass(frozen=True)
class _Part:
    """Hold a run of a column: what it says of its asking, and its entries."""

    run: Run
    entries: tuple[Entry, ...]


def entries_of(runs: Sequence[Run]) -> tuple[Entry, ...]:
    """Return the cases of some runs, column by column, each beside its clean twin.

    Raises:
        InputError: runs of different benchmarks, or two of one model that were asked alike about
            the same.
    """
    return joined([(run, entries_of_run(run)) for run in runs])


def entries_of_run(run: Run) -> tuple[Entry, ...]:
    """Return the cases of one run, in its order."""
    return gather(run.benchmark, run.model, run.rows, terms_of(run))


def joined(read: Sequence[tuple[Run, tuple[Entry, ...]]]) -> tuple[Entry, ...]:
    """Put runs together whose cases are read already; see `entries_of`."""
    families = sorted({entries[0].family if entries else run.benchmark for run, entries in read})
    if len(families) > 1:
        raise InputError(
            f"the runs are of {' and '.join(families)}; show one benchmark at a time"
        )
    columns = _columns(_renamed(read))
    names = _names([column[0].run for column in columns])
    found: list[Entry] = []
    for column, name in zip(columns, names, strict=True):
        entries = [entry for part in column for entry in part.entries]
        if name != column[0].run.model:
            entries = [replace(entry, model=name) for entry in entries]
        found += with_twins(entries) if len(column) > 1 else entries
    return tuple(found)


def terms_of(run: Run) -> Terms:
    """Return how a run was asked, as far as analyses look at it."""
    told = run.terms
    return Terms(
        engine=run.model,
        prompt=str(told.get("prompt", OURS)),
        degrade_at=str(told.get("degrade_at", "")),
        file=str(told.get("file", "")),
        bytes=int(told.get("bytes", 0)),
        eyes=run.eyes,
        max_pixels=run.max_pixels,
    )


def _language(run: Run) -> str:
    return run.rows[0].language if run.rows else ""


def _renamed(read: Sequence[tuple[Run, tuple[Entry, ...]]]) -> list[_Part]:
    """Tell the items of several languages apart, which have the same indexes."""
    if len({_language(run) for run, _ in read}) < 2:
        return [_Part(*one) for one in read]
    return [
        _Part(run, tuple(_in_language(entry, _language(run)) for entry in entries))
        for run, entries in read
    ]


def _in_language(entry: Entry, language: str) -> Entry:
    if not isinstance(entry.row, Row) or not language:
        return entry
    row, item = entry.row, entry.row.source
    named = replace(
        row, id=f"{language}/{row.id}", source=f"{language}/{item}", picture=row.picture or item
    )
    clean = entry.clean
    if isinstance(clean, Row):
        clean = named if clean is row else replace(clean, id=f"{language}/{clean.id}")
    return replace(entry, row=named, clean=clean)


def _columns(parts: Iterable[_Part]) -> list[list[_Part]]:
    columns: list[list[_Part]] = []
    for part in parts:
        same = [column for column in columns if _alike(column[0].run, part.run)]
        if not same:
            columns.append([part])
            continue
        here = {entry.row.id for other in same[0] for entry in other.entries}
        if not here.isdisjoint(entry.row.id for entry in part.entries):
            raise InputError(
                f"two runs are of {part.run.model} and were asked alike; give one run of each "
                "model, or runs that differ in prompt, precision or settings"
            )
        same[0].append(part)
    return columns


def _alike(run: Run, other: Run) -> bool:
    """Tell whether two runs are of one model, asked alike as far as both tell."""
    one, two = _asked(run), _asked(other)
    return all(one[key] == two[key] for key in one if key in two)


def _asked(run: Run) -> dict[str, Any]:
    """Return what makes two runs of one model two columns, by the names that they are told by."""
    at = str(run.terms.get("degrade_at", "fitted"))
    damaged = {} if at == AS_PUBLISHED else {"degraded": at}
    return {
        "model": run.model,
        "prompt": str(run.terms.get("prompt", OURS)),
        "eyes": run.eyes or "none",
        "precision": run.precision,
        **asdict(run.settings),
        **damaged,
    }


def _names(runs: Sequence[Run]) -> list[str]:
    """Name each column by its model, and by what else tells it from others of that model."""
    names = []
    for run in runs:
        alike = [_asked(other) for other in runs if other.model == run.model]
        mine = _asked(run)
        apart = [
            key for key in in_order(key for one in alike for key in one)
            if len({str(one.get(key)) for one in alike}) > 1 or (key == "eyes" and run.eyes)
        ]  # fmt: skip
        told = [_told(key, mine[key]) for key in apart if key in mine]
        names.append(", ".join([run.model, *told]))
    return names


def _told(key: str, value: Any) -> str:
    words = " ".join(str(value).split())
    words = words if len(words) <= _LONGEST else words[: _LONGEST - 3] + "..."
    return words if key == "precision" else f"{key.replace('_', ' ')} {words}"
