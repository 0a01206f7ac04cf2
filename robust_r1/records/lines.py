"""Read and write data files so that every fault is named by file, line and how to mend it."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from robust_r1.errors import DataError

BOM = b"\xef\xbb\xbf"  # what spreadsheets put before UTF-8


@dataclass(frozen=True)
class Place:
    """Locate a record by its file and its line, counted from 1, or a column of it."""

    path: Path
    line: int
    column: str = ""

    def at(self, column: str) -> "Place":
        """Return the place of one of the record's columns or keys."""
        return replace(self, column=column)

    def fault(self, wrong: str, mend: str) -> "RecordError":
        """Return the error to raise: "file:line: what is wrong; how to mend it"."""
        return RecordError(self, wrong, mend)

    def __str__(self) -> str:
        return f"line {self.line}" + (f", column {self.column}" if self.column else "")


class RecordError(DataError):
    """Report a broken record: where it stands, what is wrong, how to mend it."""

    def __init__(self, place: Place, wrong: str, mend: str) -> None:
        column = f"column {' '.join(place.column.split())}: " if place.column else ""
        super().__init__(f"{place.path}:{place.line}: {column}{wrong}; {mend}")
        self.place, self.wrong, self.mend = place, wrong, mend

    def __reduce__(self) -> tuple[type, tuple[Place, str, str]]:
        """Say how another process makes it again."""
        return RecordError, (self.place, self.wrong, self.mend)


@dataclass(frozen=True)
class Fields:
    """Check a JSON object and hand out its values by type; a wrong one is a DataError."""

    place: Place
    values: dict[str, Any]

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default the key must be there and the text not empty."""
        value = self.values.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.place.fault(f"{key} is {_short(value)}", "give it a text")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts as a tuple."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise self.place.fault(f"{key} is {_short(value)}", "give it a list of texts")
        return tuple(value)

    def whole(self, key: str, default: int | None = None) -> int:
        """Return a whole number of 0 or more."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.place.fault(f"{key} is {_short(value)}", "give it a whole number, 0 or more")
        return value


def fields_of(
    value: Any,
    place: Place,
    required: Iterable[str],
    optional: Iterable[str],
    strict: bool = True,
) -> Fields:
    """Check that a value is a JSON object with the required keys and, if strict, no unknown one.

    Raises:
        DataError: naming all missing and unknown keys at once.
    """
    required, optional = list(required), list(optional)
    if not isinstance(value, dict):
        raise place.fault(f"this is {_short(value)}", "write a JSON object in braces")
    missing = [key for key in required if key not in value]
    unknown = [key for key in value if strict and key not in required + optional]
    if missing or unknown:
        wrong = [f"no {', '.join(missing)}"] if missing else []
        wrong += [f"unknown {', '.join(unknown)}"] if unknown else []
        raise place.fault(
            " and ".join(wrong), f"the keys of a record are {', '.join(required + optional)}"
        )
    return Fields(place, value)


def json_lines(path: str | Path) -> Iterator[tuple[Place, Any]]:
    """Yield (place, value) for each line of a JSON Lines file in UTF-8; empty lines are skipped."""
    for place, value in json_rows(path):
        if isinstance(value, RecordError):
            raise value
        yield place, value


def json_rows(path: str | Path) -> Iterator[tuple[Place, Any]]:
    """Yield what `json_lines` does, with a RecordError as the value of a line that is broken."""
    path = Path(path)
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            place = Place(path, number)
            try:
                text = _decode(line.removeprefix(BOM if number == 1 else b""), place)
                if text.strip():
                    yield place, _parse_json(text, place)
            except RecordError as error:
                yield place, error


def json_entries(path: str | Path) -> Iterator[tuple[Place, Any]]:
    """Yield (place, value) for each entry of a file that holds one JSON list."""
    path = Path(path)
    with opened(path) as file:
        text = _decode(file.read().removeprefix(BOM), Place(path, 1))
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
    line, counted = 1, 0
    position = _skip_space(text, 0)
    if text[position : position + 1] != "[":
        raise Place(path, 1).fault("this is no JSON list", "put the records in square brackets")
    ends = "["
    while True:
        position = _skip_space(text, position + 1)
        line += text.count("\n", counted, position)
        counted, place = position, Place(path, line)
        if ends == "[" and text[position : position + 1] == "]":
            break
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise place.fault(f"the JSON is broken ({error})", "correct this record") from error
        yield place, value
        position = _skip_space(text, position)
        ends = text[position : position + 1]
        if ends == "]":
            break
        if ends != ",":
            raise place.fault("no comma follows this record", "add one, or close the list with ]")
    if text[position + 1 :].strip():
        raise Place(path, line).fault("text follows the list", "remove what stands after the ]")


def table_lines(
    columns: Iterable[str], rows: Iterable[Iterable[str]], delimiter: str
) -> Iterator[str]:
    """Yield the lines of a table, its header first."""
    yield _table_line(columns, delimiter)
    for row in rows:
        yield _table_line(row, delimiter)


def json_line(value: Any) -> str:
    """Write a value as one line of JSON, with its line end."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def write_whole(path: str | Path, chunks: Iterable[str], encoding: str = "utf-8") -> None:
    """Write a text file whole or not at all, so that a crash leaves what was there before.

    Raises:
        DataError: the file cannot be written, or a character does not exist in the encoding.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding=encoding, newline="") as file:
            file.writelines(chunks)
        os.replace(part, path)
    except OSError as error:
        raise unwritable(path, error) from error
    except UnicodeEncodeError as error:
        letter = error.object[error.start]
        raise DataError(f"{path} cannot hold the character {letter!r}; remove it") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def unwritable(path: str | Path, error: OSError) -> DataError:
    """Return the error for a file that the system would not write."""
    reason = error.strerror or str(error)
    return DataError(f"{path} could not be written: {reason}; make room or choose another folder")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes; what the system refuses is a DataError that names the file."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} could not be read: {reason}; check the path") from error


def _decode(data: bytes, place: Place) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = place.line + data.count(b"\n", 0, error.start)
        at = Place(place.path, line)
        raise at.fault("this is not UTF-8", "save the file in that encoding") from error


def _parse_json(text: str, place: Place) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise place.fault(f"the JSON is broken ({error})", "write one record a line") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _skip_space(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def _table_line(row: Iterable[str], delimiter: str) -> str:
    line = io.StringIO(newline="")
    # What the end of a line consists of is quoted within a field: a bare return would end the row.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(row)
    return line.getvalue().removesuffix("\r\n") + "\n"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
