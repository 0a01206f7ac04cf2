"""Parquet files, as the Hub has them: one row at a time, pictures as the bytes of their files.

`pyarrow` reads them. It comes with the packages for training and is imported only here, when such a
file is opened.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robust_r1.errors import DataError
from robust_r1.records.lines import Place
from robust_r1.records.tables import Row

MAGIC = b"PAR1"
_ROWS = 16  # decoded at a time: pictures of several megabytes each may be among them
_BUFFER = 2**20  # bytes read at a time, so that a group of rows is not held whole


@dataclass(frozen=True)
class ParquetFiles:
    """Describe a table in one parquet file, or in the parts that it was cut into.

    Attributes:
        columns: those that hold texts and numbers.
        blobs: those that hold pictures.
        count: how many rows there are in all.
    """

    paths: tuple[Path, ...]
    columns: tuple[str, ...]
    blobs: tuple[str, ...]
    count: int

    def rows(self, *blobs: str) -> Iterator[Row]:
        """Yield the rows with the pictures of these columns; the line of a row is its number."""
        number = 0
        for path in self.paths:
            for values in _values(path, [*self.columns, *blobs]):
                number += 1
                pictures = {blob: _pictures(values.pop(blob)) for blob in blobs}
                cells = {name: _text(value) for name, value in values.items()}
                yield Row(Place(path, number), cells, blobs=pictures)


def open_parquet(paths: tuple[Path, ...]) -> ParquetFiles:
    """Read which columns a parquet file has.

    Raises:
        DataError: `pyarrow` is not installed, the file is damaged, or its parts do not fit.
    """
    schemas, count = [], 0
    for path in paths:
        with _opened(path) as file:
            count += file.metadata.num_rows
            schemas.append({field.name: _holds_bytes(field.type) for field in file.schema_arrow})
    for path, schema in zip(paths, schemas, strict=True):
        if schema != schemas[0]:
            raise DataError(f"{path} has other columns than {paths[0]}; open them one by one")
    columns = tuple(name for name, blob in schemas[0].items() if not blob)
    blobs = tuple(name for name, blob in schemas[0].items() if blob)
    return ParquetFiles(paths, columns, blobs, count)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a parquet file; what is wrong with it, now or as it is read, is a DataError."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataError(
            f"{path} is a parquet file, and the package pyarrow that reads these is not installed; "
            "run: pip install pyarrow"
        ) from error
    try:
        with ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            yield file
    except (OSError, UnicodeDecodeError, ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{path} could not be read: {reason}; download it again") from error


def _values(path: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    with _opened(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
            yield from batch.to_pylist()


def _holds_bytes(kind: Any) -> bool:
    """Tell whether a column holds bytes, pictures as the Hub has them ({bytes, path}), or lists."""
    name = str(kind)
    if name.startswith(("list", "large_list")):
        return _holds_bytes(kind.value_type)
    if name.startswith("struct"):
        return any(kind.field(place).name == "bytes" for place in range(kind.num_fields))
    return name in ("binary", "large_binary")


def _pictures(value: Any) -> tuple[bytes, ...]:
    if isinstance(value, list):
        return tuple(data for one in value for data in _pictures(one) or (b"",))
    data = value.get("bytes") if isinstance(value, dict) else value
    return (data,) if data else ()


def _text(value: Any) -> str:
    """Return a value as a table's cell has it: lists as list literals, nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
