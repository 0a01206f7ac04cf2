"""One item of a benchmark, as every reader hands it out, whatever file it was read from."""

import base64
import binascii
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robust_r1.degradations import DegradationPlan
from robust_r1.errors import ImageError
from robust_r1.images import load
from robust_r1.records.lines import Place
from robust_r1.records.options import list_literal
from robust_r1.records.tables import Row, Table

TASKS = ("mcq", "vqa", "cap")
_LONGEST_NAME = 80  # of a picture, in a sentence about it


@dataclass(frozen=True)
class Damage:
    """Say what was done to the pictures of an item before they were published.

    Attributes:
        level: "25", "50" or "100" (intensities .23, .45, .9), or R-Bench's "low", "mid" or "high".
        kind: the operation's id, R-Bench's number of the distortion, or empty where each picture
            has a damage of its own.
        plan: the steps, where the file tells them.
    """

    level: str = ""
    kind: str = ""
    plan: DegradationPlan = field(default_factory=DegradationPlan)


@dataclass(frozen=True)
class LazyPicture(ABC):
    """Stand for a picture that is read and decoded when it is asked for.

    Attributes:
        place: the row and column that names or holds it.
    """

    place: Place

    @property
    def key(self) -> str:
        """Return what pictures that are one and the same have in common, on every machine."""
        return f"row {self.place.line}"

    @abstractmethod
    def source(self) -> bytes | Path:
        """Return the encoded picture, or its file; raises RecordError where there is none."""

    def load(self) -> np.ndarray:
        """Decode the picture: uint8, (height, width, 3).

        Raises:
            RecordError: what is there is no picture, or a damaged one.
        """
        try:
            return load(self.source())
        except ImageError as error:
            reason = str(error).partition(";")[0].rstrip(".")
            wrong = reason[:1].lower() + reason[1:]
            raise self.place.fault(wrong, "replace the picture") from error


@dataclass(frozen=True)
class PictureFile(LazyPicture):
    """Stand for a picture in a file of its own, whose `name` is relative to its folder."""

    folder: Path = Path()
    name: str = ""

    @property
    def key(self) -> str:
        """Return the file's name."""
        return self.name

    def source(self) -> Path:
        """Return the file."""
        return self.folder / self.name


@dataclass(frozen=True)
class PictureBytes(LazyPicture):
    """Hold an encoded picture."""

    data: bytes = field(default=b"", repr=False)

    def source(self) -> bytes:
        """Return the bytes."""
        return self.data


@dataclass(frozen=True)
class PictureCell(LazyPicture):
    """Stand for a picture in base64 in a cell of a table, which is read from the file again.

    Attributes:
        table: the table.
        offset: the byte that the row begins at which has the picture; `line` is its line.
        part: which picture of the cell, from 0.
        owner: the index of that row.
    """

    table: Table = field(kw_only=True, repr=False)
    offset: int = field(kw_only=True)
    line: int = field(kw_only=True)
    part: int = 0
    owner: str = ""

    @property
    def key(self) -> str:
        """Return the row that has the picture."""
        return f"row {self.line}"

    def source(self) -> bytes:
        """Return the cell's bytes; raises RecordError where it is no base64."""
        texts = base64_texts(self.table.row_at(self.offset, self.line).cells["image"])
        try:
            return base64.b64decode("".join(texts[self.part].split()), validate=True)
        except (binascii.Error, ValueError, IndexError) as error:
            wrong = "what stands there is neither base64 nor the index of another row"
            raise self.place.fault(wrong, "replace the picture") from error


# How the pictures of a row are found; a row without any is a RecordError.
Pictures = Callable[[Row], tuple[LazyPicture, ...]]


@dataclass(frozen=True)
class PublishedItem:
    """Describe one question of a benchmark.

    Attributes:
        benchmark: the benchmark's name, without what its file's name says of damage.
        id: unique in its file, the same on every machine.
        question: in words, without its options and its hint.
        pictures: in the order of the file, each decoded when asked; one or more.
        choices: the options' texts in order; empty for an open question.
        truths: the right option's text; the accepted answers of an open question, or the captions;
            empty where the file keeps them hidden.
        task: a member of TASKS.
        hint: what the benchmark tells before the question, or empty.
        category: and `subcategory`, `split`: the file's own, or empty.
        language: "en", "cn", ...; empty where the file does not tell.
        damage: what was done to the pictures; None where the file tells of none.
        references: the same pictures undamaged, where the file has these as well.
        written: the question as it stands in the file, options inside where it has them there.
        place: the file and the line.
        extra: (column, text) of everything else that the file holds for it.
    """

    benchmark: str
    id: str
    question: str
    pictures: tuple[LazyPicture, ...]
    choices: tuple[str, ...] = ()
    truths: tuple[str, ...] = ()
    task: str = "vqa"
    hint: str = ""
    category: str = ""
    subcategory: str = ""
    split: str = ""
    language: str = ""
    damage: Damage | None = None
    references: tuple[LazyPicture, ...] = ()
    written: str = ""
    place: Place = Place(Path(), 0)
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def truth(self) -> str:
        """Return the first of the truths, or an empty text."""
        return self.truths[0] if self.truths else ""

    @property
    def source(self) -> str:
        """Return what the items of a file have in common that show the same picture first."""
        return self.pictures[0].key

    @property
    def asked(self) -> str:
        """Return the question with its hint before it."""
        return f"Hint: {self.hint}\n{self.question}" if self.hint else self.question

    def load_pictures(self) -> tuple[np.ndarray, ...]:
        """Decode all pictures; raises RecordError for the first that cannot be."""
        return tuple(picture.load() for picture in self.pictures)


def base64_texts(cell: str) -> list[str]:
    """Return the pictures of a cell in base64: those of a list literal, or the one."""
    listed = list_literal(cell) if cell.lstrip()[:1] == "[" else None
    texts = listed or [cell]
    return [text.partition(",")[2] if text.startswith("data:") else text for text in texts]


def files_of(names: list[str], folder: Path, place: Place) -> tuple[LazyPicture, ...]:
    """Return the pictures of a row that names files; raises RecordError for one that is not there.

    Args:
        folder: what the names are relative to.
    """
    for name in names:
        if not is_file(folder / name):
            short = name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."
            raise place.fault(f"no picture {short} in {folder}", "give the folder that has it")
    return tuple(PictureFile(place, folder, name) for name in names)


def is_file(path: Path) -> bool:
    """Tell whether a path is a file's; text that can be no path is none."""
    try:
        return path.is_file()
    except OSError:  # too long a name
        return False
