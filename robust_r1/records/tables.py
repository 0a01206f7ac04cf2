"""Tables with a header line, row by row: a row is decoded when it is its turn.

A table of pictures in base64 may have gigabytes, so no more than one row is held at a time, and a
row can be read again by the byte that it begins at. A row that cannot be read comes as an error in
its turn, and the rows after it go on.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from robust_r1.records.lines import BOM, Place, RecordError, opened

# The largest picture that can be read has 20 MB, which are 27 MB of base64. An open quote, which
# joins row after row to one, is noticed no later than here.
LONGEST_ROW = 2**25
_ENCODED = "surrogateescape"  # bytes that do not fit become marks, so that their row can be named
_MISFIT = re.compile("[\udc80-\udcff]")
# What the csv module says of a broken row, and what that means.
_BROKEN = {
    "new-line character": "a carriage return stands in a field without quotes",
    "expected after": "text follows a closing quote",
    "unexpected end": "a quote is never closed",
}
_QUOTES = "put fields that hold quotes or line breaks in quotes, and double the quotes within"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK = 2**20
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\xfe]")
_FIRST_HANZI = 0xB0  # of GB2312; signs and full-width letters lie below
_GB2312 = 0xA1  # both bytes of what GB2312 has are no less
# Of the pairs of a line, and of the lines: Chinese texts have few characters beyond GB2312, Western
# ones hardly any within.
_STRANGE = 0.2


@dataclass(frozen=True)
class Row:
    """Hold one row: a text for every column, and where it stands.

    Attributes:
        offset: the byte it begins at.
        end: the byte after it.
        next_line: the line after it.
        blobs: the pictures of columns that hold such, as the bytes of their files.
    """

    place: Place
    cells: Mapping[str, str]
    offset: int = 0
    end: int = 0
    next_line: int = 0
    blobs: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Describe a table in a file; its rows begin at byte `start`, in line `first_line`."""

    path: Path
    delimiter: str
    encoding: str
    columns: tuple[str, ...]
    start: int
    first_line: int

    def rows(self, offset: int | None = None, line: int = 0) -> Iterator[Row | RecordError]:
        """Yield the rows from the first one, or from the one at byte `offset` in line `line`.

        A row that cannot be read comes as its error.
        """
        if offset is None:
            offset, line = self.start, self.first_line
        with opened(self.path) as file:
            lines = _Lines(file, self.encoding, offset, line)
            reader = self._reader(lines)
            while True:
                offset, place = lines.offset, Place(self.path, lines.line)
                lines.begin_row()
                try:
                    fields = next(reader, None)
                except csv.Error as error:
                    yield place.fault(f"the table is broken: {_said(error)}", _QUOTES)
                    # The quote may have run over whole rows: these are read again, each for itself.
                    lines = _Lines(file, self.encoding, _line_end(file, offset), place.line + 1)
                    reader = self._reader(lines)
                    continue
                if fields is None:
                    return
                if fields:
                    yield self._row(fields, place, offset, lines)

    def row_at(self, offset: int, line: int) -> Row:
        """Read one row again; raises RecordError for what is no longer there."""
        found = next(self.rows(offset, line), None)
        if isinstance(found, Row):
            return found
        raise found or Place(self.path, line).fault("this row is gone", "leave the file alone")

    def _reader(self, lines: "_Lines") -> Iterator[list[str]]:
        _allow_long_fields()  # of this process: the table may come from another
        return csv.reader(lines, delimiter=self.delimiter, strict=True)

    def _row(
        self, fields: list[str], place: Place, offset: int, lines: "_Lines"
    ) -> Row | RecordError:
        if len(fields) != len(self.columns):
            wrong = f"{len(fields)} fields under {len(self.columns)} columns"
            return place.fault(wrong, "quote fields that hold a line break or a delimiter")
        cells = dict(zip(self.columns, fields, strict=True))
        for name, text in cells.items():
            if not text.isascii() and _MISFIT.search(text):
                wrong = f"this is not {self.encoding.upper()}"
                return place.at(name).fault(wrong, "save the table as UTF-8")
        return Row(place, cells, offset, lines.offset, lines.line)


def open_table(path: str | Path, delimiter: str, encoding: str | None = None) -> Table:
    """Read a table's header.

    Args:
        delimiter: "," or a tab.
        encoding: None takes UTF-8; a table with commas that is not UTF-8 is taken as GBK where its
            characters are those of Chinese text.

    Raises:
        DataError: a file that cannot be read or is empty, a column that is there twice, another
            encoding: UTF-16, or that of a Western spreadsheet.
    """
    path = Path(path)
    _allow_long_fields()
    with opened(path) as file:
        head = file.read(3)
        if head[:2] in _UTF16:
            raise Place(path, 1).fault("this is UTF-16", "save the table as UTF-8")
        if encoding is None:
            encoding = "utf-8" if delimiter == "\t" else _encoding(path, file)
        lines = _Lines(file, encoding, len(BOM) if head == BOM else 0, 1)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            columns = tuple(name.strip() for name in next(filter(None, reader), ()))
        except csv.Error as error:
            wrong = f"the header is broken: {_said(error)}"
            raise Place(path, 1).fault(wrong, _QUOTES) from error
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if not columns or repeated:
        wrong = f"column {', '.join(repeated)} is there twice" if repeated else "the file is empty"
        raise Place(path, 1).fault(wrong, "begin with a line of column names, each once")
    return Table(path, delimiter, encoding, columns, lines.offset, lines.line)


def _allow_long_fields() -> None:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW))


class _Lines:
    """Hand out the lines of a file as text, and know where the next one begins."""

    def __init__(self, file: BinaryIO, encoding: str, offset: int, line: int) -> None:
        file.seek(offset)
        self.file, self.encoding = file, encoding
        self.offset, self.line = offset, line
        self.begin_row()

    def begin_row(self) -> None:
        self.room = LONGEST_ROW

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        data = self.file.readline(self.room + 1)
        if not data:
            raise StopIteration
        if len(data) > self.room:
            raise csv.Error(f"a row of over {LONGEST_ROW // 2**20} MB")
        self.room -= len(data)
        self.offset += len(data)
        self.line += 1
        return data.decode(self.encoding, _ENCODED)


def _said(error: csv.Error) -> str:
    """Say in plain words what the csv module found."""
    text = str(error)
    return next((words for start, words in _BROKEN.items() if start in text), text)


def _line_end(file: BinaryIO, offset: int) -> int:
    """Return the byte after the line that begins at `offset`."""
    file.seek(offset)
    while data := file.readline(_CHUNK):
        offset += len(data)
        if data.endswith(b"\n"):
            break
    return offset


def _lines_of(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not ASCII, with their numbers; a very long one in pieces."""
    file.seek(0)
    number = 1
    while line := file.readline(LONGEST_ROW):
        if not line.isascii():
            yield number, line
        number += line.endswith(b"\n")


def _encoding(path: Path, file: BinaryIO) -> str:
    """Return "utf-8" or "gbk", whichever the most lines are in; raise RecordError for a third."""
    unicode = chinese = 0
    neither: list[tuple[int, bytes, int]] = []
    for number, line in _lines_of(file):
        if _misfit(line, "utf-8") is None:
            unicode += 1  # by chance only, were the table in another encoding
        elif (start := _not_chinese(line)) is None:
            chinese += 1
        else:
            neither.append((number, line, start))
    if unicode >= chinese + len(neither):
        return "utf-8"
    if len(neither) <= _STRANGE * (chinese + len(neither)):
        return "gbk"
    file.seek(0)
    number, line, start = neither[0]
    at = Place(path, number, _column(file.readline(LONGEST_ROW), line, start))
    word = line[max(start - 12, 0) : start + 12].decode("cp1252", "replace").strip()
    wrong = f"this is neither UTF-8 nor GBK, but as from a Western spreadsheet, cp1252: {word!r}"
    raise at.fault(wrong, "save the table as UTF-8, or name its encoding")


def _misfit(line: bytes, encoding: str) -> int | None:
    """Return where a line leaves an encoding, or None."""
    try:
        line.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _not_chinese(line: bytes) -> int | None:
    """Return where a line leaves GBK, or reads as GBK by chance; None where it is likely GBK."""
    misfit = _misfit(line, "gbk")
    if misfit is not None:
        return misfit
    starts = [pair.start() for pair in _PAIR.finditer(line)]
    strange = [start for start in starts if _is_strange(line, start)]
    return strange[0] if len(strange) > _STRANGE * len(starts) else None


def _is_strange(line: bytes, start: int) -> bool:
    """Tell whether a pair of bytes is more likely two Western letters than a Chinese character.

    Text in GBK hardly leaves GB2312, whose bytes are both high, and its characters do not stand
    alone within Latin words; an accented letter has Latin letters beside it.
    """
    lead, trail = line[start], line[start + 1]
    if lead < _GB2312 or trail < _GB2312:
        return True
    beside = line[start - 1 : start] + line[start + 2 : start + 3]
    return lead >= _FIRST_HANZI and beside.isascii() and any(chr(one).isalpha() for one in beside)


def _column(header: bytes, line: bytes, start: int) -> str:
    """Name the column that a byte of a line lies in, as well as the line alone tells."""
    try:
        names = next(csv.reader([header.removeprefix(BOM).decode("latin-1")]), [])
        # What stands before the byte, a field of which may still be open.
        before = next(csv.reader([line[:start].decode("latin-1")]), [""])
    except csv.Error:
        return ""
    return names[len(before) - 1] if len(before) <= len(names) else ""
