"""Read a file of records to its end although some of its rows are broken, and tell which."""

from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from robust_r1.errors import DataError
from robust_r1.records.item import PublishedItem
from robust_r1.records.lines import Place, RecordError

MOST_UNUSABLE = 0.05  # of the rows: beyond, a figure from the rest is not the benchmark's
JUDGED_FROM = 200  # rows; before, a few broken ones say little, so that they are judged at the end
_NAMED = 20  # unusable rows that the sentence lists; the error holds all


class Identified(Protocol):
    """Have an id that is unique in a file, and a place in it."""

    @property
    def id(self) -> str:
        """Return the id."""

    @property
    def place(self) -> Place:
        """Return where it stands."""


R = TypeVar("R")
T = TypeVar("T", bound=Identified)


class UnusableRows(DataError):
    """Report a file too many of whose rows cannot be used.

    Attributes:
        unusable: the error of each, in the order of the file.
    """

    def __init__(self, path: Path, unusable: tuple[RecordError, ...], rows: int) -> None:
        listed = [f"{error.place}: {error.wrong}" for error in unusable[:_NAMED]]
        if len(unusable) > _NAMED:
            listed.append(f"and {len(unusable) - _NAMED} more")
        share = f"{len(unusable)} of the first {rows} rows cannot be used"
        most = f"{MOST_UNUSABLE:.0%}"
        super().__init__(f"{path}: {share}, more than {most}; repair them ({'; '.join(listed)})")
        self.unusable = unusable


class Reading(Generic[T]):
    """Hand out the records of a file one after the other; a row that cannot be used is left out.

    Each of these is counted and named in `unusable`. Once they are more than 5 % of the rows (from
    the 200th row on, and at the end) UnusableRows is raised, which holds the list.

    Attributes:
        rows: how many rows were read so far, usable or not.
        share: how much of the file was read so far, 0 to 1; 0 where nobody knows.
    """

    def __init__(
        self,
        path: Path,
        rows: Iterable[R | RecordError],
        turn: Callable[[R, int], T],
        key: str,
        reach: Callable[[R, int], float] | None = None,
    ) -> None:
        """Take the rows, what makes one a record, and the column that has the record's id.

        Args:
            turn: gets a row and its number from 0, unusable rows counted.
            reach: gets the same, and says how much of the file lies before the row's end, 0 to 1.
        """
        self.path, self.rows, self.share = path, 0, 0.0
        self._rows, self._turn, self._key, self._reach = iter(rows), turn, key, reach
        self._unusable: dict[int, RecordError] = {}
        self._lines: dict[str, int] = {}
        self._ended = False

    @property
    def unusable(self) -> tuple[RecordError, ...]:
        """Return why each row that was left out could not be used, in the order of the file."""
        return tuple(self._unusable[line] for line in sorted(self._unusable))

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        for row in self._rows:
            self.rows += 1
            try:
                if isinstance(row, RecordError):
                    raise row
                if self._reach:
                    self.share = self._reach(row, self.rows - 1)
                record = self._turn(row, self.rows - 1)
                self._check_id(record)
            except RecordError as error:
                self.leave_out(error)
                continue
            self._judge()
            return record
        self.share = 1.0
        self.finish()
        if not self.rows:
            raise DataError(f"{self.path} holds no rows; check that this is the right file")
        raise StopIteration

    def finish(self) -> None:
        """Judge what was read so far as a whole, where nobody wants more of it.

        Raises:
            UnusableRows: too many rows cannot be used.
        """
        self._ended = True
        self._judge()

    def leave_out(self, error: RecordError) -> None:
        """Count a row that turned out unusable, as when its picture was decoded.

        Raises:
            UnusableRows: these are too many now.
        """
        # Anew: the error that was raised holds on to the row, and to its picture, by its traceback.
        kept = RecordError(error.place, error.wrong, error.mend)
        self._unusable.setdefault(error.place.line, kept)
        self._judge()

    def _check_id(self, record: T) -> None:
        first = self._lines.setdefault(record.id, record.place.line)
        if first != record.place.line:
            wrong = f"{record.id!r} stands in line {first} too"
            raise record.place.at(self._key).fault(wrong, "give each row its own")

    def _judge(self) -> None:
        judged = self._ended or self.rows >= JUDGED_FROM
        if judged and len(self._unusable) > MOST_UNUSABLE * self.rows:
            raise UnusableRows(self.path, self.unusable, self.rows)


def with_pictures(
    reading: Reading[PublishedItem], done: Container[str] = ()
) -> Iterator[tuple[PublishedItem, tuple[np.ndarray, ...]]]:
    """Yield each item with its pictures, decoded when it is its turn.

    A picture that cannot be decoded makes its row unusable.

    Args:
        done: ids that are passed over, their pictures not decoded.

    Raises:
        UnusableRows: as the reading does.
    """
    for item in reading:
        if item.id in done:
            continue
        try:
            pictures = item.load_pictures()
        except RecordError as error:
            reading.leave_out(error)
            continue
        yield item, pictures
