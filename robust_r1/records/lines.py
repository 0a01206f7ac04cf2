"""Read and write data files so that every fault is named by file, line and how to mend it."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robust_r1.errors import DataError

# The csv module refuses fields over 131072 characters; a picture in base64 has millions.
_WIDEST_FIELD = 2**28


@dataclass(frozen=True)
class Place:
    """Locate a record by its file and its line, counted from 1."""

    path: Path
    line: int

    def fault(self, wrong: str, mend: str) -> DataError:
        """Return the error to raise: "file:line: what is wrong; how to mend it"."""
        return DataError(f"{self.path}:{self.line}: {wrong}; {mend}")


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


def fields_of(value: Any, place: Place, required: Iterable[str], optional: Iterable[str]) -> Fields:
    """Check that a value is a JSON object with the required keys and no unknown one.

    Raises:
        DataError: naming all missing and unknown keys at once.
    """
    required, optional = list(required), list(optional)
    if not isinstance(value, dict):
        raise place.fault(f"this is {_short(value)}", "write a JSON object in braces")
    missing = [key for key in required if key not in value]
    unknown = [key for key in value if key not in required + optional]
    if missing or unknown:
        wrong = [f"no {', '.join(missing)}"] if missing else []
        wrong += [f"unknown {', '.join(unknown)}"] if unknown else []
        raise place.fault(
            " and ".join(wrong), f"the keys of a record are {', '.join(required + optional)}"
        )
    return Fields(place, value)


def json_lines(path: str | Path) -> Iterator[tuple[Place, Any]]:
    """Yield (place, value) for each line of a JSON Lines file in UTF-8; empty lines are skipped."""
    path = Path(path)
    for number, line in enumerate(_read(path).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        place = Place(path, number)
        text = _decode(line, place)
        if text.strip():
            yield place, _parse_json(text, place)


def json_entries(path: str | Path) -> Iterator[tuple[Place, Any]]:
    """Yield (place, value) for each entry of a file that holds one JSON list."""
    path = Path(path)
    data = _read(path)
    text = _decode(data.removeprefix(b"\xef\xbb\xbf"), Place(path, 1))
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


def table_rows(
    path: str | Path, delimiter: str, encoding: str | None = None
) -> tuple[tuple[str, ...], Iterator[tuple[Place, dict[str, str]]]]:
    """Read a table with a header line.

    Args:
        delimiter: "," or a tab.
        encoding: None takes UTF-8, or GBK where the bytes are not UTF-8.

    Returns:
        The columns, and an iterator over (place, row), a row being a text for every column.
    """
    path = Path(path)
    text = _decode_table(_read(path), encoding, path)
    csv.field_size_limit(max(csv.field_size_limit(), _WIDEST_FIELD))
    rows = _rows(text, delimiter, path)
    columns = next(rows, (Place(path, 1), []))[1]
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if not columns or repeated:
        wrong = f"column {', '.join(repeated)} is there twice" if repeated else "the file is empty"
        raise Place(path, 1).fault(wrong, "begin with a line of column names, each once")

    def dicts() -> Iterator[tuple[Place, dict[str, str]]]:
        for place, row in rows:
            if len(row) != len(columns):
                wrong = f"{len(row)} fields under {len(columns)} columns"
                raise place.fault(wrong, "quote fields that hold a line break or a delimiter")
            yield place, dict(zip(columns, row, strict=True))

    return tuple(columns), dicts()


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


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
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


def _decode_table(data: bytes, encoding: str | None, path: Path) -> str:
    encodings = (encoding,) if encoding else ("utf-8-sig", "gbk")
    for name in encodings:
        try:
            return data.decode(name)
        except UnicodeDecodeError as error:
            place = Place(path, 1 + data.count(b"\n", 0, error.start))
    raise place.fault(f"this is not {' or '.join(encodings)}", "save the file as UTF-8")


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


def _rows(text: str, delimiter: str, path: Path) -> Iterator[tuple[Place, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        place = Place(path, reader.line_num + 1)
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise place.fault(f"the table is broken ({error})", "check its quotes") from error
        if row is None:
            return
        if row:
            yield place, row


def _table_line(row: Iterable[str], delimiter: str) -> str:
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(row)
    return line.getvalue()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
