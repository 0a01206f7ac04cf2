"""The rows that `perceive` keeps while it works: by them the same command goes on after a kill.

JSON lines, one picture a row, which also says by what model and how it was seen. Of `-o x.jsonl`
that is the file itself; beside `-o x.csv` and `-o x.html`, which are made of them, it is called
`x.csv.jsonl` and `x.html.jsonl`.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from robust_r1.analysis.perception import Perception
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation.lock import take
from robust_r1.images import encode_large
from robust_r1.report.perceptions import perception_values, read_perception

ENDINGS = (".jsonl", ".csv", ".html")
_ROWS = ".jsonl"
_GONE = (0, 0)


@dataclass(frozen=True)
class Row:
    """Hold what is kept of a picture: the findings, which file that was, a small copy (JPEG)."""

    perception: Perception
    size: int
    modified: int
    thumbnail: bytes = b""

    @property
    def current(self) -> bool:
        """Tell whether the file is the one that was looked at; one that is gone counts as it."""
        now = _version(Path(self.perception.file))
        return now in ((self.size, self.modified), _GONE)


@dataclass
class Rows:
    """Keep rows in a file; `by_file` are all that it holds, in their order."""

    path: Path
    terms: Mapping[str, str]
    thumbnails: bool
    by_file: dict[str, Row] = field(default_factory=dict)

    def add(self, perceptions: Sequence[Perception]) -> None:
        """Append some pictures at once: after a kill all of them are there, or none."""
        rows = [_row(one, self.thumbnails) for one in perceptions if not one.problem]
        self.by_file |= {row.perception.file: row for row in rows}
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            data = "".join(self._line(row) for row in rows).encode()
            while data:
                data = data[os.write(file, data) :]
        finally:
            os.close(file)

    def read(self) -> None:
        """Read the file, and cut off what a kill left half-written.

        Rows of pictures that have changed since are left out, and taken from the file.

        Raises:
            InputError: its rows were made in another way, or by something else.
        """
        text = self.path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        lines = whole.decode("utf-8", "replace").split("\n")[:-1]
        rows = [self._read(number, line) for number, line in enumerate(lines, 1)]
        kept = [row for row in rows if row.current]
        self.by_file = {row.perception.file: row for row in kept}
        if len(kept) < len(rows):
            part = self.path.with_name(f".{self.path.name}.part")
            part.write_text("".join(map(self._line, kept)), encoding="utf-8")
            part.replace(self.path)
        elif whole != text:
            os.truncate(self.path, len(whole))

    def _line(self, row: Row) -> str:
        values = {**self.terms, **perception_values(row.perception)}
        values |= {"bytes": row.size, "modified": row.modified}
        if row.thumbnail:
            values["thumbnail"] = base64.b64encode(row.thumbnail).decode("ascii")
        # As ASCII: a file's name may be no Unicode, and must come back as it was.
        return json.dumps(values) + "\n"

    def _read(self, number: int, line: str) -> Row:
        try:
            values = json.loads(line)
            found = {name: str(values[name]) for name in self.terms}
            thumbnail = base64.b64decode(values.get("thumbnail", ""))
            size, modified = int(values["bytes"]), int(values["modified"])
            row = Row(read_perception(values), size, modified, thumbnail)
        except (ValueError, KeyError, TypeError, DataError) as error:
            raise InputError(
                f"{self.path}:{number} is not a row of perceive; give another file with -o."
            ) from error
        wrong = [
            f"{name} {found[name]}, not {now}"
            for name, now in self.terms.items()
            if found[name] != now
        ]
        if wrong:
            raise InputError(
                f"{self.path} holds pictures seen in another way ({'; '.join(wrong)}); give "
                "another file with -o."
            )
        return row


def check_output(output: Path) -> None:
    """Raise InputError for a file that cannot be written as asked, or that is somebody else's."""
    if output.suffix.lower() not in ENDINGS:
        raise InputError(f"-o {output} ends in none of {', '.join(ENDINGS)}; give one of these.")
    if output.is_dir():
        raise InputError(f"-o {output} is a folder; give a file.")
    if output.exists() and not rows_path(output).exists():
        raise InputError(
            f"{output} is there already, without the rows that perceive keeps in "
            f"{rows_path(output).name}; give another file with -o, or remove it."
        )


def rows_path(output: Path) -> Path:
    """Return where the rows of an output lie."""
    if output.suffix.lower() == _ROWS:
        return output
    return output.with_name(output.name + _ROWS)


@contextmanager
def open_rows(output: Path, terms: Mapping[str, str]) -> Iterator[Rows]:
    """Open the rows of an output, made if need be, for this process alone.

    Raises:
        InputError: another process writes there, or what is there was made in another way.
    """
    path = rows_path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            take(file)
        except (BlockingIOError, PermissionError) as error:
            raise InputError(
                f"another process writes {output}; wait for its end, or give another file with -o."
            ) from error
        rows = Rows(path, terms, thumbnails=output.suffix.lower() == ".html")
        rows.read()
        yield rows


def _row(one: Perception, thumbnails: bool) -> Row:
    small = encode_large(one.thumbnail) if thumbnails and one.thumbnail is not None else b""
    return Row(one, *_version(Path(one.file)), small)


def _version(path: Path) -> tuple[int, int]:
    """Return what changes when a file does: its bytes and the time of its last change in ns."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return _GONE
    return found.st_size, found.st_mtime_ns
