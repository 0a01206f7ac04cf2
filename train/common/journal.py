"""Files that a crash at any moment leaves whole, in folders that one process at a time writes."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from robust_r1.errors import DataError
from robust_r1.evaluation.lock import held
from robust_r1.records.lines import json_line, unwritable


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        DataError: it cannot be written; the disk is full, say.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise unwritable(path, error) from error


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder and keep it to this process until the block ends.

    Raises:
        InputError: another process writes there.
        DataError: it cannot be made.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder))
        except OSError as error:
            raise unwritable(folder, error) from error
        yield


class Journal:
    """Append JSON objects to a file, and find each again by one of its texts; a context manager.

    An object is with the system when `add` returns. What a crash left of the last line is cut off,
    and what it belonged to is simply done again. In memory are the names and places alone.
    """

    def __init__(self, path: Path, key: str) -> None:
        """Open a file, made if it is not there, whose objects are found by `key`.

        Raises:
            DataError: the file cannot be opened, or holds a line that is no object with that key.
        """
        self._path, self._key = path, key
        self._places: dict[str, tuple[int, int]] = {}  # where a line begins, and its bytes
        try:
            self._file = path.open("a+b", buffering=0)
            self._end = self._read()
            self._file.truncate(self._end)
        except OSError as error:
            raise unwritable(path, error) from error

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._file.close()

    def __contains__(self, name: object) -> bool:
        """Tell whether an object of this name was added."""
        return name in self._places

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        """Return the names in the order in which they were added."""
        return iter(self._places)

    def line(self, name: str) -> str:
        """Return the line of an object, with its end."""
        start, length = self._places[name]
        self._file.seek(start)
        return self._file.read(length).decode()

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the object of this name, or None where there is none."""
        return json.loads(self.line(name)) if name in self._places else None

    def add(self, value: Mapping[str, Any]) -> None:
        """Append an object.

        Raises:
            DataError: the disk would not take it; nothing is left of it.
        """
        data = json_line(value).encode()
        try:
            if self._file.write(data) != len(data):  # a disk that had room for a part
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
            raise unwritable(self._path, error) from error
        self._places[str(value[self._key])] = self._end, len(data)
        self._end += len(data)

    def _read(self) -> int:
        """Find the places of all whole lines, and return where these end."""
        end = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    self._places[str(json.loads(line)[self._key])] = end, len(line)
                except (ValueError, KeyError, TypeError) as error:
                    wrong = f"{self._path}:{number}: this is no line of its own"
                    raise DataError(f"{wrong}; remove the line and run it again") from error
                end += len(line)
        return end
