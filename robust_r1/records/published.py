"""Open a benchmark as it was published: the file is looked at, and the format recognized.

| file | recognized by |
|---|---|
| VLMEvalKit's table, MMD-Bench's too | tabs; columns `index`, `question`, `image` |
| R-Bench's release, or its results | commas; columns `name`, `choice`, `distortion`, ... |
| questions about picture files | a column `question`, and one that names the picture |
| JSON Lines, the project's and the authors' | a brace comes first |
| parquet, of any of these columns | its first four bytes |

A folder stands for the one data file that lies in it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from robust_r1.errors import DataError
from robust_r1.records.item import Damage, Pictures, PublishedItem, files_of, is_file
from robust_r1.records.json_items import ID, json_item
from robust_r1.records.lines import BOM, Place, json_rows, opened
from robust_r1.records.names import Header, header_of
from robust_r1.records.options import list_literal
from robust_r1.records.parquet import MAGIC, ParquetFiles, open_parquet
from robust_r1.records.rbench import COLUMNS, rbench_item
from robust_r1.records.rbench_pictures import PictureFolders, picture_folders, told_apart
from robust_r1.records.reading import Reading
from robust_r1.records.tables import Row, Table, open_table
from robust_r1.records.vlmeval import (
    PICTURES,
    BlobPictures,
    EmbeddedPictures,
    question_item,
)

FORMATS = ("vlmevalkit", "rbench", "questions", "jsonl")
_NAMES = (*PICTURES, "name", "file_name", "filename", "file", "picture")  # of a picture's column
_ENDINGS = (".tsv", ".csv", ".jsonl", ".parquet")
_LOOK = 2**12
_CHUNK = 2**20
_PARTS = "-of-"  # in the names of the parts that a parquet file was cut into
# How files begin that hold a benchmark in a way that cannot be read.
_OTHERS = {
    b"PK": ("an archive or a spreadsheet", "unpack it, or save the sheet as CSV in UTF-8"),
    b"\x1f\x8b": ("packed by gzip", "unpack it"),
    b"[": ("a JSON list", "write one record a line"),
    b"\xff\xfe": ("UTF-16", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16", "save it as UTF-8"),
}


@dataclass(frozen=True)
class BenchmarkFile:
    """Describe a benchmark in a file; nothing but its beginning has been read.

    Attributes:
        path: the file, or the first of its parts.
        name: the benchmark's name, without what the file's name says of damage.
        format: a member of FORMATS.
        language: "en", "cn", ...; empty where the file's name does not tell.
        damage: what was done to all pictures, by the file's name; None for a clean set.
        references: whether R-Bench's undamaged pictures are there beside the distorted ones.
    """

    path: Path
    name: str
    format: str
    language: str
    damage: Damage | None
    _read: Callable[[], Reading[PublishedItem]] = field(repr=False)
    references: bool = False

    def read(self) -> Reading[PublishedItem]:
        """Begin to read the items, from the first one; each is decoded when it is its turn.

        Raises, while it is read:
            UnusableRows: too many rows cannot be used.
            DataError: the file holds no rows, or the system stops reading it.
        """
        return self._read()


def open_benchmark(
    path: str | Path,
    pictures: str | Path | None = None,
    encoding: str | None = None,
    name: str | None = None,
) -> BenchmarkFile:
    """Recognize a benchmark's format and make it ready to be read.

    Args:
        path: the file, or a folder with one data file in it.
        pictures: the folder that pictures' names are relative to; None for the file's own folder,
            or the one folder in it that has the first picture. Of R-Bench it may have a folder of
            distorted and one of undamaged pictures in it, see `rbench_pictures`. Of a parquet file
            with several columns of pictures, the column; None for both of R-Bench's.
        encoding: of a table; None takes UTF-8, or GBK where a table with commas is clearly that.
        name: the benchmark's; None for what the file's name says.

    Raises:
        DataError: a file that cannot be read, is empty or in no known format, a missing column,
            another encoding.
    """
    path = Path(path)
    paths = _files_in(path) if path.is_dir() else (path,)
    kind = _kind(paths[0])
    if kind == "parquet":
        return _parquet(open_parquet(paths), str(pictures) if pictures else None, name)
    folder = Path(pictures) if pictures else None
    if folder is not None and not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give the folder that has the pictures")
    if kind == "jsonl":
        return _json(paths[0], folder or paths[0].parent, name)
    return _table(open_table(paths[0], kind, encoding), folder, name)


def _files_in(folder: Path) -> tuple[Path, ...]:
    """Return the one data file of a folder, or the parts of it in their order."""
    found = [one for one in _listed(folder) if one.suffix.lower() in _ENDINGS]
    if not found:
        raise DataError(f"{folder} has no data file; one of {', '.join(_ENDINGS)} belongs there")
    if len(found) > 1 and not all(_PARTS in one.name for one in found):
        names = ", ".join(one.name for one in found[:5]) + (", ..." if len(found) > 5 else "")
        raise DataError(f"{folder} has several data files ({names}); name one of them")
    return tuple(found)


def _listed(folder: Path) -> list[Path]:
    """Return what lies in a folder, by name."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{folder} could not be read: {reason}; check the path") from error


def _kind(path: Path) -> str:
    """Return "parquet", "jsonl" or the delimiter of a table, by how a file begins."""
    with opened(path) as file:
        head = file.read(_LOOK).removeprefix(BOM)
    if head.startswith(MAGIC):
        return "parquet"
    text = head.lstrip()
    if not text:
        raise DataError(f"{path}:1: the file is empty; download or write it again")
    for start, (what, mend) in _OTHERS.items():
        if text.startswith(start):
            raise DataError(f"{path}:1: this is {what}; {mend}")
    if text.startswith(b"{"):
        return "jsonl"
    line = text.split(b"\n")[0]
    if b";" in line and b"," not in line and b"\t" not in line:
        raise DataError(f"{path}:1: semicolons separate the columns; save it with commas or tabs")
    return "\t" if b"\t" in line else ","


def _json(path: Path, folder: Path, name: str | None) -> BenchmarkFile:
    header = header_of(path, (), name)

    def read() -> Reading[PublishedItem]:
        lines = _lines_of(path)
        turn = partial(_json_turn, header, folder)
        return Reading(path, json_rows(path), turn, ID, lambda row, _: row[0].line / lines)

    return _file(path, "jsonl", header, read)


def _json_turn(header: Header, folder: Path, row: tuple[Place, Any], number: int) -> PublishedItem:
    return json_item(row, header, folder)


def _lines_of(path: Path) -> int:
    """Count the lines of a file; an unfinished one counts."""
    with opened(path) as file:
        return 1 + sum(chunk.count(b"\n") for chunk in iter(partial(file.read, _CHUNK), b""))


def _table(table: Table, folder: Path | None, name: str | None) -> BenchmarkFile:
    embedded = table.delimiter == "\t"
    form, column = _format(table.path, table.columns, (), embedded)
    header = header_of(table.path, table.columns, name)

    found = PictureFolders(folder, None)
    if form == "rbench":
        found = picture_folders(table.path.parent, folder)

    def read() -> Reading[PublishedItem]:
        shown: Pictures
        if form == "vlmevalkit":
            shown = EmbeddedPictures(table, folder or table.path.parent).of
        else:
            shown = _NamedPictures(column, found.distorted, table).of
        other = _NamedPictures(column, found.reference, table).of if found.reference else None
        turn, size = _turn(form, header, shown, other), table.path.stat().st_size
        return Reading(table.path, table.rows(), turn, "index", lambda row, _: row.end / size)

    return _file(table.path, form, header, read, found.reference is not None)


def _parquet(files: ParquetFiles, column: str | None, name: str | None) -> BenchmarkFile:
    path = files.paths[0]
    if not files.blobs:
        raise DataError(f"{path} has no column of pictures; one with their bytes is needed")
    blob = column or files.blobs[0]
    if blob not in files.blobs:
        raise DataError(f"{path} has no column of pictures {blob}; there is {files.blobs[0]}")
    form, _ = _format(path, files.columns, (blob,), "index" in files.columns)
    other = ""
    if column is None and len(files.blobs) > 1:
        distorted, other = told_apart(files.blobs) if form == "rbench" else ("", "")
        if not (distorted and other):
            named = ", ".join(sorted(files.blobs))
            raise DataError(f"{path} has several columns of pictures; choose one of {named}")
        blob = distorted
    header = header_of(path, files.columns, name)

    def read() -> Reading[PublishedItem]:
        reference = BlobPictures(other).of if other else None
        turn = _turn(form, header, BlobPictures(blob).of, reference)
        rows = files.rows(*filter(None, (blob, other)))
        return Reading(path, rows, turn, "index", lambda _, number: (number + 1) / files.count)

    return _file(path, form, header, read, bool(other))


def _file(
    path: Path,
    form: str,
    header: Header,
    read: Callable[[], Reading[PublishedItem]],
    references: bool = False,
) -> BenchmarkFile:
    told = header.benchmark, form, header.language, header.damage
    return BenchmarkFile(path, *told, read, references)


def _turn(
    form: str, header: Header, shown: Pictures, other: Pictures | None = None
) -> Callable[[Row, int], PublishedItem]:
    if form == "rbench":
        return lambda row, number: rbench_item(row, header, shown, number, other)
    return lambda row, _: question_item(row, header, shown)


def _format(
    path: Path, columns: tuple[str, ...], blobs: tuple[str, ...], indexed: bool
) -> tuple[str, str]:
    """Return a table's format, and the column that names or holds pictures.

    Args:
        blobs: the column that holds them as bytes, if there is one.
        indexed: whether rows need an index, by which others share their pictures.

    Raises:
        DataError: what the format that comes nearest lacks.
    """
    there = {*columns, *blobs}
    # Nothing else has such columns: a table with some of them is R-Bench's, the others missing.
    if {"choice", "distortion"} & there and "type" in there:
        missing = [name for name in COLUMNS if name not in there and (name != "name" or not blobs)]
        if missing:
            raise _lacking(path, missing, f"R-Bench's columns are {', '.join(COLUMNS)}")
        return "rbench", blobs[0] if blobs else "name"
    column = blobs[0] if blobs else next((name for name in _NAMES if name in there), "")
    missing = [name for name in ("index",) if indexed and name not in there]
    missing += [] if "question" in there else ["question"]
    missing += [] if column else ["image"]
    if missing:
        expected = "VLMEvalKit's table" if indexed else "a table of questions about pictures"
        raise _lacking(path, missing, f"add it; {expected} is expected")
    return ("vlmevalkit" if indexed else "questions"), column


def _lacking(path: Path, missing: list[str], mend: str) -> DataError:
    return Place(path, 1).fault(f"no column {', '.join(missing)}", mend)


class _NamedPictures:
    """Find the pictures of rows that name files."""

    def __init__(self, column: str, folder: Path | None, table: Table) -> None:
        self.column, self.folder, self.table = column, folder, table

    def of(self, row: Row) -> tuple:
        """Return a row's pictures; raises RecordError where there is none."""
        at, text = row.place.at(self.column), row.cells[self.column].strip()
        if not text:
            raise at.fault("a row without a picture", "name its file")
        names = list_literal(text) or [text]
        self.folder = self.folder or _folder_of(names[0], self.table.path.parent)
        return files_of(names, self.folder, at)


def _folder_of(name: str, home: Path) -> Path:
    """Return the folder that a picture lies in: the table's own, or the one below it that has it.

    Raises:
        DataError: several have it.
    """
    below = [one for one in _listed(home) if one.is_dir() and is_file(one / name)]
    if is_file(home / name) or not below:
        return home
    if len(below) > 1:
        named = " and ".join(one.name for one in below)
        raise DataError(f"{name} lies in {named} of {home}; say which folder has the pictures")
    return below[0]
