"""The notebook: tags, notes and saved filters in one SQLite file that survives restarts.

Several programs may write at once: the file is in WAL mode, each operation is one transaction of a
connection of its own, and a writer waits for the one before it. A note is written over only by
somebody who has seen its newest text.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robust_r1.errors import DataError, InputError
from robust_r1.paths import OWN_RUNS

VARIABLE = "ROBUST_R1_NOTEBOOK"
MAX_NOTE, MAX_NAME = 4000, 40
_PAGE = 4096  # bytes of a page of SQLite's, by its default
_WAIT = 10.0  # seconds that a writer waits for another one
# Each step brings the file to the version that is its number; steps are only ever added.
_MIGRATIONS = (
    """
    CREATE TABLE notes (
        run TEXT NOT NULL, case_id TEXT NOT NULL, text TEXT NOT NULL, revision INTEGER NOT NULL,
        PRIMARY KEY (run, case_id)
    ) WITHOUT ROWID;
    CREATE TABLE tags (
        run TEXT NOT NULL, case_id TEXT NOT NULL, tag TEXT NOT NULL,
        PRIMARY KEY (run, case_id, tag)
    ) WITHOUT ROWID;
    CREATE INDEX tags_by_name ON tags (tag);
    """,
    """
    CREATE TABLE filters (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    """,
)


@dataclass(frozen=True)
class Marks:
    """Show what people wrote about a case; `revision` counts the changes of the note, from 0."""

    tags: tuple[str, ...] = ()
    note: str = ""
    revision: int = 0


class Notebook:
    """Keep tags, notes and filters in a file, which the first writer makes.

    The file grows to `most_bytes`, if that is given; `before_making` is called before it is made.

    Every method raises DataError where the file is no notebook, was written by a newer version, is
    locked for long, or cannot be read or written; nothing in it is changed then.
    """

    def __init__(
        self,
        path: Path,
        most_bytes: int | None = None,
        before_making: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self._most_bytes, self._before_making = most_bytes, before_making

    def marks(self, run: str, case_id: str) -> Marks:
        """Return the marks of a case."""
        with self._open() as file:
            tags = file.execute(
                "SELECT tag FROM tags WHERE run = ? AND case_id = ? ORDER BY tag", (run, case_id)
            )
            note = file.execute(
                "SELECT text, revision FROM notes WHERE run = ? AND case_id = ?", (run, case_id)
            ).fetchone()
            return Marks(tuple(tag for (tag,) in tags), *(note or ("", 0)))

    def all_marks(self) -> dict[tuple[str, str], Marks]:
        """Return the marks of every case that has any, by (run, case id)."""
        with self._open() as file:
            tags: dict[tuple[str, str], list[str]] = {}
            for run, case_id, tag in file.execute("SELECT * FROM tags ORDER BY tag"):
                tags.setdefault((run, case_id), []).append(tag)
            notes = {row[:2]: row[2:] for row in file.execute("SELECT * FROM notes")}
        return {
            key: Marks(tuple(tags.get(key, ())), *notes.get(key, ("", 0)))
            for key in {*tags, *notes}
        }

    def set_tags(
        self, run: str, case_id: str, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Add and remove tags of a case; what others added meanwhile stays."""
        names = [_name(tag, "tag") for tag in add]
        with self._open(write=True) as file:
            for tag in names:
                file.execute("INSERT OR IGNORE INTO tags VALUES (?, ?, ?)", (run, case_id, tag))
            for tag in remove:
                file.execute(
                    "DELETE FROM tags WHERE run = ? AND case_id = ? AND tag = ?",
                    (run, case_id, tag),
                )

    def tag_all(self, keys: Iterable[tuple[str, str]], tag: str, remove: bool = False) -> str:
        """Give many cases, by (run, case id), a tag, or take it from them; return it as kept."""
        tag = _name(tag, "tag")
        change = (
            "DELETE FROM tags WHERE run = ? AND case_id = ? AND tag = ?"
            if remove
            else "INSERT OR IGNORE INTO tags VALUES (?, ?, ?)"
        )
        with self._open(write=True) as file:
            file.executemany(change, ((run, case_id, tag) for run, case_id in keys))
        return tag

    def write_note(self, run: str, case_id: str, text: str, revision: int) -> Marks:
        """Write the note of a case over the revision that the writer has seen.

        Raises:
            InputError: too long a note, or somebody else has changed it since.
        """
        text = text.strip()
        if len(text) > MAX_NOTE:
            raise InputError(f"the note has {len(text)} characters; shorten it to {MAX_NOTE}")
        with self._open(write=True) as file:
            found = file.execute(
                "SELECT text, revision FROM notes WHERE run = ? AND case_id = ?", (run, case_id)
            ).fetchone() or ("", 0)
            if found[1] != revision and found[0] != text:
                raise InputError(
                    f'somebody else has changed this note since; it now reads "{found[0][:120]}": '
                    "open the case again and add yours"
                )
            file.execute(
                "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)",
                (run, case_id, text, found[1] + 1),
            )
        return self.marks(run, case_id)

    def tags(self) -> tuple[str, ...]:
        """Return every tag in use, in alphabetical order."""
        with self._open() as file:
            return tuple(tag for (tag,) in file.execute("SELECT DISTINCT tag FROM tags ORDER BY 1"))

    def tagged(self, tag: str) -> frozenset[tuple[str, str]]:
        """Return (run, case id) of every case with a tag."""
        with self._open() as file:
            return frozenset(
                file.execute("SELECT run, case_id FROM tags WHERE tag = ?", (tag,)).fetchall()
            )

    def filters(self) -> dict[str, str]:
        """Return the saved filters, text by name."""
        with self._open() as file:
            return dict(file.execute("SELECT name, body FROM filters ORDER BY name").fetchall())

    def save_filter(self, name: str, body: str) -> str:
        """Save a filter, over one of the same name; return the name as it is kept."""
        name = _name(name, "name for the filter")
        with self._open(write=True) as file:
            file.execute("INSERT OR REPLACE INTO filters VALUES (?, ?)", (name, body))
        return name

    def delete_filter(self, name: str) -> None:
        """Delete a saved filter; one that is not there is deleted already."""
        with self._open(write=True) as file:
            file.execute("DELETE FROM filters WHERE name = ?", (name,))

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a connection; what was written counts once the block is over, or not at all."""
        try:
            # Nothing is made for somebody who only looks.
            there = write or self.path.exists()
            if write and not self.path.exists():
                self._before_making()
                self.path.parent.mkdir(parents=True, exist_ok=True)
            file = sqlite3.connect(
                self.path if there else ":memory:", timeout=_WAIT, isolation_level=None
            )
        except (OSError, sqlite3.Error) as error:
            raise DataError(self._sentence(error)) from error
        try:
            if there:
                file.execute("PRAGMA journal_mode = WAL")
            if self._most_bytes is not None:
                file.execute(f"PRAGMA max_page_count = {self._most_bytes // _PAGE}")
            self._migrate(file)
            file.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            yield file
            file.execute("COMMIT")
        except sqlite3.Error as error:
            raise DataError(self._sentence(error)) from error
        finally:
            file.close()  # rolls back what was not committed

    def _migrate(self, file: sqlite3.Connection) -> None:
        if self._version(file) == len(_MIGRATIONS):
            return
        file.execute("BEGIN IMMEDIATE")
        # Asked again: another program may have done it while this one waited.
        for number in range(self._version(file), len(_MIGRATIONS)):
            for statement in filter(str.strip, _MIGRATIONS[number].split(";")):
                file.execute(statement)
            file.execute(f"PRAGMA user_version = {number + 1}")
        file.execute("COMMIT")

    def _version(self, file: sqlite3.Connection) -> int:
        (version,) = file.execute("PRAGMA user_version").fetchone()
        if version > len(_MIGRATIONS):
            raise DataError(
                f"{self.path} was written by a newer version (notebook {version}, this one reads "
                f"{len(_MIGRATIONS)}): update the program, or set {VARIABLE} to another file"
            )
        return version

    def _sentence(self, error: Exception) -> str:
        words = str(error)
        if "not a database" in words or "malformed" in words:
            return f"{self.path} is no notebook: move it away, or set {VARIABLE} to another file"
        if "is full" in words and self._most_bytes is not None:
            return (
                f"the notebook holds all that it may, {self._most_bytes / 1e6:g} MB: shorten or "
                "delete notes"
            )
        if "locked" in words:
            return f"{self.path} is locked by another program: close it and try again"
        return (
            f"the notebook {self.path} cannot be used ({words}): mend that, or set {VARIABLE} to "
            "another file"
        )


def default_notebook() -> Notebook:
    """Return the notebook that the environment names, else the one beside your own runs."""
    named = os.environ.get(VARIABLE)
    return Notebook(Path(named) if named else OWN_RUNS / "notebook.sqlite")


def _name(text: str, what: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > MAX_NAME:
        raise InputError(f"give a {what} of 1 to {MAX_NAME} characters, got {len(name)}")
    return name
