"""VLMEvalKit's tables: tab-separated questions with their pictures in base64.

A picture cell of at most 64 characters names another row's index and shares its picture. Any table
put as NAME.tsv into the user's LMUData folder loads there as a multiple-choice set, so corrupted
copies are named NAME_Robust_25.tsv, NAME_Robust_50.tsv and NAME_Robust_100.tsv.

Tables carry columns of their own (`bench`, `source`, ...). These are kept, so that a copy differs
from its original in the pictures alone; everything else that does not fit is an error.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robust_r1.degradations import LEVELS, DegradationPlan
from robust_r1.errors import DataError, ImageError, InputError
from robust_r1.images import encode_png, load
from robust_r1.records.lines import Place, json_line, table_lines, table_rows, write_whole

LONGEST_REFERENCE = 64
_NAMED = (
    "index", "image", "image_path", "question", "hint", "answer",
    "category", "l2_category", "split",
)  # fmt: skip
_LETTER = re.compile("[A-Z]")


@dataclass(frozen=True)
class VlmRow:
    """Read off one question of a table; texts are empty where a cell is or a column is not there.

    Attributes:
        index: the row's name, unique in its table.
        image: the picture in base64; empty for a shared one or one that is a file.
        shared: index of the row whose picture this row shows, or empty.
        image_path: the picture's file, or empty.
        options: (letter, text) for each option that is there; none for an open question.
        extra: (column, text) for the columns that only this table has.
    """

    index: str
    question: str
    image: str = ""
    shared: str = ""
    image_path: str = ""
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    answer: str = ""
    category: str = ""
    l2_category: str = ""
    split: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class VlmTable:
    """Keep a table: its columns in the order of the file, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[VlmRow, ...]

    def picture(self, row: VlmRow, folder: str | Path = ".") -> np.ndarray:
        """Decode a row's picture: uint8, (height, width, 3).

        Args:
            folder: what a picture's path is relative to.

        Raises:
            DataError: no picture, or one that cannot be decoded.
        """
        owner = row
        if row.shared:
            owner = next(other for other in self.rows if other.index == row.shared)
        try:
            if not owner.image:
                return load(Path(folder) / owner.image_path)
            return load(base64.b64decode(owner.image, validate=True))
        except (ImageError, binascii.Error) as error:
            raise DataError(
                f"the picture of row {owner.index} cannot be read: {error}; repair the row"
            ) from error


def read_vlmeval(path: str | Path) -> VlmTable:
    """Read a VLMEvalKit table; option columns may be missing or empty.

    Raises:
        DataError: a broken table, a missing column, an index that is there twice, a row without a
            picture or with a reference to a row that has none of its own, or an answer that names
            no option.
    """
    columns, rows = table_rows(path, "\t")
    missing = [name for name in ("index", "question") if name not in columns]
    if missing or not {"image", "image_path"} & set(columns):
        missing += [] if {"image", "image_path"} & set(columns) else ["image"]
        wrong = f"no column {', '.join(missing)}"
        raise Place(Path(path), 1).fault(wrong, "add it; a VLMEvalKit table is expected")
    found: dict[str, tuple[Place, VlmRow]] = {}
    for place, cells in rows:
        row = _row(cells, place)
        if row.index in found:
            other = found[row.index][0].line
            raise place.fault(f"index {row.index} stands in line {other} too", "number each row")
        found[row.index] = place, row
    for place, row in found.values():
        if row.shared and (row.shared not in found or not found[row.shared][1].image):
            raise place.fault(
                f"the picture {row.shared!r} is neither base64 nor the index of a row that has one",
                "put a picture there or name such a row",
            )
    return VlmTable(columns, tuple(row for _, row in found.values()))


def write_vlmeval(path: str | Path, table: VlmTable) -> None:
    """Write a table, whole or not at all; `read_vlmeval` gives it back.

    Raises:
        DataError: the file cannot be written, or a row has what no column can hold.
    """
    write_whole(path, table_lines(table.columns, _cells(table), "\t"))


def corrupted_name(name: str, level: str) -> str:
    """Return the name of a corrupted copy: MMStar_Robust_25 for MMStar at level 25.

    Raises:
        InputError: a level that LEVELS does not have.
    """
    if level not in LEVELS:
        raise InputError(f"no level {level!r}; use one of {', '.join(LEVELS)}")
    return f"{name}_Robust_{level}"


def write_corrupted(
    folder: str | Path,
    name: str,
    level: str,
    table: VlmTable,
    draw: Callable[[str], DegradationPlan],
    pictures: str | Path = ".",
) -> Path:
    """Write NAME_Robust_LEVEL.tsv with degraded pictures, and a manifest of their plans beside it.

    Args:
        folder: where both files go; the manifest is NAME_Robust_LEVEL.manifest.jsonl, a line
            `{"index": ..., "level": ..., "plan": ...}` for each picture.
        table: the clean table.
        draw: gives the plan of the picture of the row with an index; rows that share a picture
            share its degraded copy too.
        pictures: what the paths of pictures are relative to.

    Returns:
        The path of the table. Pictures are encoded without loss.

    Raises:
        DataError: a picture that cannot be read, a file that cannot be written.
    """
    path = Path(folder) / f"{corrupted_name(name, level)}.tsv"
    columns = table.columns if "image" in table.columns else (*table.columns, "image")
    manifest: list[str] = []

    def rows() -> Iterator[list[str]]:
        for row in table.rows:
            if not row.shared:
                plan = draw(row.index)
                damaged = encode_png(plan.apply(table.picture(row, pictures)))
                row = replace(row, image=base64.b64encode(damaged).decode("ascii"))
                steps = json.loads(plan.to_json())
                manifest.append(json_line({"index": row.index, "level": level, "plan": steps}))
            yield _row_cells(row, columns)

    write_whole(path, table_lines(columns, rows(), "\t"))
    write_whole(path.with_suffix(".manifest.jsonl"), manifest)
    return path


def _row(cells: dict[str, str], place: Place) -> VlmRow:
    values = {name: cells.get(name, "") for name in _NAMED}
    if not values["index"].strip():
        raise place.fault("a row without index", "number each row")
    options = tuple(
        (name, text) for name, text in cells.items() if _LETTER.fullmatch(name) and text.strip()
    )
    extra = tuple(
        (name, text)
        for name, text in cells.items()
        if name not in _NAMED and not _LETTER.fullmatch(name)
    )
    answer = values["answer"].strip()
    if options and _LETTER.fullmatch(answer) and answer not in dict(options):
        wrong = f"the answer {answer} names none of the options {', '.join(dict(options))}"
        raise place.fault(wrong, "correct the answer or add the option")
    picture = values.pop("image")
    if picture.lstrip().startswith("["):
        raise place.fault("a row with several pictures", "leave it out; one picture can be shown")
    if not picture and not values["image_path"]:
        raise place.fault("a row without a picture", "put base64 or another row's index there")
    short = len(picture) <= LONGEST_REFERENCE
    values |= {"shared": picture} if short else {"image": picture}
    return VlmRow(options=options, extra=extra, **values)


def _cells(table: VlmTable) -> Iterator[list[str]]:
    for row in table.rows:
        yield _row_cells(row, table.columns)


def _row_cells(row: VlmRow, columns: tuple[str, ...]) -> list[str]:
    values = {name: getattr(row, name) for name in _NAMED if name != "image"}
    values |= {"image": row.shared or row.image} | dict(row.options) | dict(row.extra)
    lost = [name for name, text in values.items() if text and name not in columns]
    if lost:
        raise DataError(f"row {row.index} has {', '.join(lost)}; add a column for it")
    return [values.get(column, "") for column in columns]
