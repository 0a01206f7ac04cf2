"""A corrupted copy of a table while it is written: after a kill at any moment it goes on.

The rows go into a hidden file, which takes the copy's name when it is whole, so that no other
program ever loads half a table. `NAME.manifest.jsonl` begins with what the copy is made of and how,
and then has a line for each row of the source, in order:

    {"line": 2, "index": "0", "plan": {"steps": [...]}, "end": 81234}
    {"line": 3, "index": "1", "shows": "0", "end": 81402}
    {"line": 4, "column": "image", "left_out": "the picture is damaged", "end": 81402}

`end` is the byte of the copy after the row. A line is appended after its row, so that the manifest
tells how far the copy is whole; what lies beyond is cut off.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from robust_r1.degradations import DegradationPlan
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation.lock import take
from robust_r1.records import Place, RecordError, UnusableRows
from robust_r1.records.lines import json_line, opened, table_lines, unwritable

_MANIFEST = ".manifest.jsonl"
_AWAY = "give another folder with -o, or remove both files"


@dataclass(frozen=True)
class Copy:
    """Describe a copy.

    Attributes:
        name: of its file, without ".tsv".
        draw: gives the plan of the pictures of the row with an index.
        way: how it is made, for the first line of its manifest.
    """

    name: str
    draw: Callable[[str], DegradationPlan]
    way: Mapping[str, Any]


def noted_plans(table: Path) -> dict[str, DegradationPlan]:
    """Return what was done to the pictures of a copy's rows, by their index.

    Nothing where no manifest lies beside the table, or one of another table.

    Raises:
        DataError: a line that is not as `degrade` writes it.
    """
    manifest = table.with_suffix(_MANIFEST)
    if not manifest.is_file():
        return {}
    plans: dict[str, DegradationPlan] = {}
    shown: dict[str, str] = {}
    end = 0
    for number, line in enumerate(manifest.read_text("utf-8").splitlines(), 1):
        try:
            noted = json.loads(line)
            end = noted["end"]
            if "plan" in noted:
                plans[noted["index"]] = DegradationPlan.from_values(noted["plan"])
            elif "shows" in noted:
                shown[noted["index"]] = noted["shows"]
        except (ValueError, KeyError, TypeError, InputError) as error:
            raise DataError(
                f"{manifest}:{number} is not as degrade writes it; write the copy anew, or take "
                "the manifest away"
            ) from error
    plans |= {index: plans[owner] for index, owner in shown.items() if owner in plans}
    return plans if end == table.stat().st_size else {}


class GrowingCopy:
    """Append rows to a copy, and know how far it is; a context that holds it to one process.

    Attributes:
        whole: whether it was there to its end.
        last: the line of the last row of the source that it has, or has left out; 0 for none.
        rows: how many it has.
        left_out: why rows are not in it, by their line.
    """

    def __init__(self, folder: Path, source: Path, columns: Sequence[str], copy: Copy) -> None:
        """Take the folder that it lies in, the table that it is made of and its columns.

        Raises, as it is entered:
            InputError: it is there and was made in another way, or another process writes it.
            DataError: a broken manifest, or a file that cannot be written.
        """
        self.source, self.columns, self.draw = source, columns, copy.draw
        self.path = folder / f"{copy.name}.tsv"
        self.manifest = self.path.with_suffix(_MANIFEST)
        self._part = folder / f".{copy.name}.tsv.part"
        self._head = {"source": source.name, "bytes": source.stat().st_size, **copy.way}
        self.whole, self.last, self.rows = False, 0, 0
        self.left_out: dict[int, RecordError] = {}
        self._end = self._noted = 0  # bytes of the copy and of the manifest that are whole
        self._notes: IO[bytes] | None = None
        self._held = False

    def __enter__(self) -> Self:
        """Take hold of the copy, and cut off what an interruption left half-written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._rows = self._part.open("ab", buffering=0)
        except OSError as error:
            raise unwritable(self.path, error) from error
        with ExitStack() as stack:
            stack.callback(self._leave)
            self._take()
            self._resume()
            stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Let go of it; one that can never become whole leaves nothing behind."""
        useless = isinstance(error, UnusableRows) and not self.whole
        if useless:
            self._rows.truncate(0)
        self._leave()
        if useless:
            self.manifest.unlink()

    def _leave(self) -> None:
        """Close the files; an empty one goes."""
        self._rows.close()
        if self._notes is not None:
            self._notes.close()
        if self._held and self._part.exists() and not self._part.stat().st_size:
            self._part.unlink()

    def add(self, line: int, index: str, cells: Mapping[str, str], shows: str = "") -> None:
        """Append the row of a line of the source.

        Args:
            cells: by column; what is missing is empty.
            shows: the index of the row whose picture it shows; empty where it has its own.

        Raises:
            DataError: the system would not write.
        """
        self._append_row([cells.get(name, "") for name in self.columns])
        how = {"shows": shows} if shows else {"plan": _json(self.draw(index))}
        self._note({"line": line, "index": index, **how})
        self.last, self.rows = line, self.rows + 1

    def leave_out(self, fault: RecordError) -> None:
        """Note why a row of the source is not in the copy."""
        if fault.place.line > self.last:
            column = {"column": fault.place.column} if fault.place.column else {}
            self._note({"line": fault.place.line, **column, "left_out": fault.wrong})
            self.last = fault.place.line
            self.left_out[self.last] = fault

    def finish(self) -> None:
        """Give the file its name: the copy is whole."""
        self._rows.close()
        try:
            os.replace(self._part, self.path)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.whole = True

    def _take(self) -> None:
        try:
            take(self._rows)
        except (BlockingIOError, PermissionError) as error:
            raise InputError(
                f"another process writes {self.path}; wait for its end, or give another folder "
                "with -o"
            ) from error
        self._held = True

    def _resume(self) -> None:
        """Find out how far the copy is, and make ready to append to it."""
        self.whole = self.path.exists()
        size = (self.path if self.whole else self._part).stat().st_size
        if self.manifest.exists():
            with opened(self.manifest) as notes:
                self._read(notes, size)
        if self.whole:
            if self._end != size:
                raise InputError(f"{self.path} is there and not as its manifest says; {_AWAY}")
            return
        try:
            self._notes = self.manifest.open("ab", buffering=0)
            self._rows.truncate(self._end)
            self._notes.truncate(self._noted)
        except OSError as error:
            raise unwritable(self.path, error) from error
        if not self._noted:
            self._append_row(self.columns)
            self._note(self._head)

    def _read(self, notes: IO[bytes], size: int) -> None:
        """Read the manifest, as far as the copy, of `size` bytes, has its rows."""
        for number, data in enumerate(notes, 1):
            if not data.endswith(b"\n"):
                return  # cut off: its row is simply made again
            try:
                note = json.loads(data)
                end = note.pop("end")
                if end > size:
                    return
                self._take_note(note, number)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise DataError(
                    f"{self.manifest}:{number} is no line of a manifest; {_AWAY}"
                ) from None
            self._end, self._noted = end, self._noted + len(data)

    def _take_note(self, note: dict[str, Any], number: int) -> None:
        if number == 1:
            self._compare(note)
            return
        self.last = note["line"]
        if "left_out" in note:
            place = Place(self.source, self.last, note.get("column", ""))
            self.left_out[self.last] = place.fault(note["left_out"], "repair the row")
            return
        self.rows += 1
        if "plan" in note and note["plan"] != _json(self.draw(note["index"])):
            raise InputError(f"{self.manifest}:{number} has another plan than now; {_AWAY}")

    def _compare(self, head: dict[str, Any]) -> None:
        differs = [
            f"{name} {head.get(name)} there, {self._head.get(name)} now"
            for name in sorted({*head, *self._head})
            if head.get(name) != self._head.get(name)
        ]
        if differs:
            raise InputError(
                f"{self.path} was made from another table or with other settings "
                f"({'; '.join(differs)}); {_AWAY}"
            )

    def _append_row(self, cells: Sequence[str]) -> None:
        data = "".join(table_lines(cells, (), "\t")).encode()
        _write(self._rows, data, self.path)
        self._end += len(data)

    def _note(self, note: Mapping[str, Any]) -> None:
        data = json_line({**note, "end": self._end}).encode()
        assert self._notes is not None  # it is open while rows are appended
        _write(self._notes, data, self.manifest)
        self._noted += len(data)


def _json(plan: DegradationPlan) -> Any:
    return json.loads(plan.to_json())


def _write(file: IO[bytes], data: bytes, path: Path) -> None:
    left = memoryview(data)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        raise unwritable(path, error) from error
