"""Corrupted copies of VLMEvalKit's tables: the same rows, their pictures damaged by plans.

A table is read once, row by row, for all of its copies. Pictures are written into the table without
loss; a column `image_path` is left out, since VLMEvalKit would save them by its names: as JPEG, or
not at all where the clean picture is there. A row that cannot be used is left out and counted, as
when a benchmark is evaluated.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from robust_r1.degradations import DegradationPlan
from robust_r1.evaluation.growing import Copy, GrowingCopy
from robust_r1.images import encode_png
from robust_r1.records import LazyPicture, PictureCell, Place, Reading, RecordError
from robust_r1.records.tables import Row, Table
from robust_r1.records.vlmeval import EmbeddedPictures

_IMAGE, _PATH = "image", "image_path"


@dataclass(frozen=True)
class Written:
    """Tell what became of a copy.

    Attributes:
        path: of the table.
        manifest: beside it.
        rows: how many it has.
        state: "written", or "skipped" where it was there, whole.
        left_out: why each row of the source that is not in it could not be used.
    """

    path: Path
    manifest: Path
    rows: int
    state: str
    left_out: tuple[RecordError, ...]


@dataclass(frozen=True)
class Entry:
    """Hold a row of the source, all but its pictures.

    Attributes:
        shows: the index of the row whose picture it shows; empty where it has its own.
        end: the byte of the source after it.
    """

    id: str
    place: Place
    cells: Mapping[str, str]
    pictures: tuple[LazyPicture, ...]
    shows: str
    end: int


@dataclass(frozen=True)
class Task:
    """Ask for pictures under some plans; without plans, only whether they can be read."""

    entry: Entry
    pictures: tuple[LazyPicture, ...]
    plans: tuple[DegradationPlan, ...]


@dataclass(frozen=True)
class Damaged:
    """Give a cell with the damaged pictures for each plan of a task, or why there is none."""

    entry: Entry
    cells: tuple[str, ...] = ()
    fault: RecordError | None = None


# Does a function to each task, the results in the order of the tasks, as `map` does.
Each = Callable[[Callable[[Task], Damaged], Iterable[Task]], Iterator[Damaged]]


def write_copies(
    table: Table,
    folder: Path,
    copies: Sequence[Copy],
    pictures: Path | None = None,
    each: Each = map,
    report: Callable[[int, int], None] = lambda rows, end: None,
) -> tuple[Written, ...]:
    """Write the copies of a table that are not there yet, and go on with those that were begun.

    Args:
        pictures: what the paths of pictures are relative to; None for the table's own folder.
        each: damages pictures, one after the other or on several processes.
        report: gets the number of rows that were read, and the byte of the source after the last.

    Raises:
        UnusableRows: too many rows cannot be used.
        InputError: a copy is there that was made in another way, or another process writes it.
        DataError: a table that cannot be read, a file that cannot be written, a broken manifest.
    """
    shown = [name for name in table.columns if name != _PATH]
    columns = shown if _IMAGE in shown else [*shown, _IMAGE]
    with ExitStack() as stack:
        grown = [
            stack.enter_context(GrowingCopy(folder, table.path, columns, copy)) for copy in copies
        ]
        begun = [copy for copy in grown if not copy.whole]
        if begun:
            _Copying(table, pictures or table.path.parent, begun).run(each, report)
        done = [(copy, "written" if copy in begun else "skipped") for copy in grown]
        return tuple(
            Written(copy.path, copy.manifest, copy.rows, state, tuple(copy.left_out.values()))
            for copy, state in done
        )


class _Copying:
    """Bring the copies of a table to their end in one pass over it."""

    def __init__(self, table: Table, folder: Path, copies: Sequence[GrowingCopy]) -> None:
        self.copies = copies
        self._found = EmbeddedPictures(table, folder)
        self._reading = Reading(table.path, table.rows(), self._entry, "index")
        self._lost: set[str] = set()  # the rows whose own picture cannot be read

    def run(self, each: Each, report: Callable[[int, int], None]) -> None:
        told = 0
        for damaged in each(damage, self._tasks()):
            entry = damaged.entry
            if fault := self._fault(damaged):
                self._lost.add(entry.id)
                self._reading.leave_out(fault)
            told = self._tell_faults(told, entry.place.line)
            if not fault:
                self._add(entry, iter(damaged.cells))
            report(self._reading.rows, entry.end)
        self._tell_faults(told)
        for copy in self.copies:
            copy.finish()

    def _entry(self, row: Row, number: int) -> Entry:
        """Turn a row into an entry; raises RecordError for one without index or picture."""
        index = row.cells["index"].strip()
        if not index:
            raise row.place.at("index").fault("a row without index", "number each row")
        shown = self._found.of(row)
        first = shown[0]
        other = first.owner if isinstance(first, PictureCell) and first.owner != index else ""
        dropped = (_PATH,) if other else (_PATH, _IMAGE)
        cells = {name: text for name, text in row.cells.items() if name not in dropped}
        return Entry(index, row.place, cells, shown, other, row.end)

    def _tasks(self) -> Iterator[Task]:
        for entry in self._reading:
            behind = [copy for copy in self.copies if copy.last < entry.place.line]
            if not entry.shows:
                plans = tuple(copy.draw(entry.id) for copy in behind)
                yield Task(entry, entry.pictures if behind else (), plans)
            else:
                # A row that comes later has not been looked at yet.
                later = [one for one in entry.pictures if _comes_later(one, entry)]
                yield Task(entry, tuple(later) if behind else (), ())

    def _fault(self, damaged: Damaged) -> RecordError | None:
        """Return why a row is left out, as found now or before the interruption."""
        entry = damaged.entry
        if damaged.fault:
            return damaged.fault
        if entry.shows in self._lost:
            wrong = f"the picture of the row {entry.shows!r}, which this one shows, cannot be read"
            return entry.place.at(_IMAGE).fault(wrong, "replace the picture")
        known = (copy.left_out.get(entry.place.line) for copy in self.copies)
        return next(filter(None, known), None)

    def _tell_faults(self, told: int, line: int | None = None) -> int:
        """Note the rows before a line that were left out since `told` of them were."""
        unusable = self._reading.unusable
        for fault in unusable[told:]:
            if line is not None and fault.place.line > line:
                break
            told += 1
            for copy in self.copies:
                copy.leave_out(fault)
        return told

    def _add(self, entry: Entry, cells: Iterator[str]) -> None:
        for copy in self.copies:
            if copy.last >= entry.place.line:
                continue
            own = {} if entry.shows else {_IMAGE: next(cells)}
            copy.add(entry.place.line, entry.id, {**entry.cells, **own}, entry.shows)


def damage(task: Task) -> Damaged:
    """Read the pictures of a row and write them, damaged by each plan, as cells of a table."""
    try:
        images = [picture.load() for picture in task.pictures]
    except RecordError as error:
        return Damaged(task.entry, fault=error)
    cells = []
    for plan in task.plans:
        texts = [base64.b64encode(encode_png(plan.apply(image))).decode() for image in images]
        cells.append(texts[0] if len(texts) == 1 else repr(texts))
    return Damaged(task.entry, tuple(cells))


def _comes_later(picture: LazyPicture, entry: Entry) -> bool:
    return isinstance(picture, PictureCell) and picture.line > entry.place.line
