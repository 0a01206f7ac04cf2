"""R-Bench's tables: 1,485 questions about pictures under 33 distortions at three strengths.

The release is GBK-encoded. The options of a question are one text, "A.running; B.Play football",
split at `;` or its full-width form, in places with a colon after the letter; an answer to CAP is a
Python list of captions. Result tables have an index column before and the judge's `result` after
the release's columns, in UTF-8. A result may also be the calls of the judge as a list.

Source: github.com/Q-Future/R-Bench, Ref_Release.csv, result/ and, for steps and groups,
R-Bench-Script.ipynb (read in November 2026).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from robust_r1.errors import InputError
from robust_r1.metrics import judged_score
from robust_r1.records.item import Damage, Pictures, PublishedItem
from robust_r1.records.lines import Place
from robust_r1.records.names import Header
from robust_r1.records.options import list_literal, option_of_letter
from robust_r1.records.reading import Reading
from robust_r1.records.tables import Row, open_table

TYPES = ("MCQ", "VQA", "CAP")
DISTORTIONS = range(1, 34)
STRENGTHS = ("low", "mid", "high")  # 1, 2 and 3
REFERENCE = "reference"  # the level of the same picture undamaged
# The distortions by the step between scene and model at which they arise, and by their looks.
STEPS = {
    "Environment": (1, 2, 3, 4),
    "Camera": (5, 6, 7, 8),
    "Analog": (9, 10, 11, 12, 13),
    "Source": (14, 15, 16, 17, 18),
    "Channel": (19, 20, 21, 22),
    "Receive": (23, 24, 25, 26, 27),
    "Enhance": (28, 29, 30, 31, 32, 33),
}
GROUPS = {
    "Blur": (1, 5, 28),
    "Luminance": (25, 26, 27),
    "Chrominance": (14, 23, 24, 29, 30, 32, 33),
    "Spatial": (6, 13, 18, 19, 20, 21, 22),
    "Noise": (9, 10, 11, 12, 31),
    "Compression": (15, 16, 17),
    "Wild": (2, 3, 4, 7, 8),
}
COLUMNS = ("name", "question", "choice", "answer", "type", "score", "distortion", "strength")
# What of it a figure needs: that an option cannot be read does not change what a judge said.
_JUDGED = ("name", "type", "distortion", "strength", "result")
_NO_CHOICE = "N"
_NUMBERS = ("", "Unnamed: 0")  # the second once a data frame has read and written the table
_SEPARATOR = re.compile("[;\uff1b]")
_CALLS = {"0": 0, "1": 1, "2": 2, "None": None, "null": None}
_LIST = re.compile(r"\[(.*)\]", re.DOTALL)
_OPTION = re.compile(r"\s*([A-Z])\s*[.:\uff0e\uff1a]\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class RBenchResult:
    """Record what a judge said about one answer.

    Attributes:
        id: the row's number, from 0; the same in the release and in every table of results.
        name: the picture's file.
        type: a member of TYPES.
        distortion: 1 to 33.
        strength: 1 low, 2 mid, 3 high.
        result: in [0, 1]; None where it was not judged.
        place: the file and the line.
    """

    id: str
    name: str
    type: str
    distortion: int
    strength: int
    result: float | None
    place: Place


def read_rbench_results(path: str | Path, encoding: str | None = None) -> Reading[RBenchResult]:
    """Read a table of judged answers; an empty result is one that was not judged.

    The reading raises UnusableRows where more than 5 % of the rows cannot be used.

    Raises:
        DataError: a file that cannot be read, another encoding, a missing column.
    """
    table = open_table(path, ",", encoding)
    missing = [name for name in _JUDGED if name not in table.columns]
    if missing:
        named = ", ".join((*COLUMNS, "result"))
        raise Place(table.path, 1).fault(
            f"no column {', '.join(missing)}", f"a table of results has {named}"
        )
    return Reading(table.path, table.rows(), _judged, "(index)")


def rbench_item(
    row: Row,
    header: Header,
    pictures: Pictures,
    number: int,
    references: Pictures | None = None,
) -> PublishedItem:
    """Turn a row into an item.

    Args:
        pictures: how its distorted pictures are found.
        number: of the row, from 0.
        references: how the same pictures undamaged are found, where these are there.

    Raises:
        RecordError: a missing or impossible value, or an answer that names none of the options.
    """
    kind = _type(row)
    choices, truths = _known_answers(row, kind)
    for key in ("name", "question"):
        if key in row.cells and not row.cells[key].strip():
            raise row.place.at(key).fault(f"a row without {key}", "fill it in")
    strength = STRENGTHS[_number(row, "strength", range(1, 4)) - 1]
    used = {"question", "choice", "answer", "type", "strength", "distortion", *_NUMBERS}
    return PublishedItem(
        benchmark=header.benchmark,
        id=_id(row, number),
        question=row.cells["question"].strip(),
        pictures=pictures(row),
        choices=choices,
        truths=truths,
        task=kind.lower(),
        language=header.language,
        damage=Damage(strength, str(_number(row, "distortion", DISTORTIONS))),
        references=references(row) if references else (),
        written=row.cells["question"].strip(),
        place=row.place,
        extra=tuple((name, text) for name, text in row.cells.items() if name not in used),
    )


def _known_answers(row: Row, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the options of a row, none but of MCQ, and what is right: a text, or the captions."""
    answer, at = row.cells["answer"].strip(), row.place.at("answer")
    if kind == "MCQ":
        options = _options(row.cells["choice"], row.place.at("choice"))
        truth = option_of_letter(answer, options)
        if truth is None:
            wrong = f"the answer {answer!r} names none of the {len(options)} options"
            raise at.fault(wrong, f"use one of {', '.join(options)}")
        return tuple(options.values()), (truth,)
    if row.cells["choice"].strip() not in (_NO_CHOICE, ""):
        wrong = f"options in a {kind} row"
        raise row.place.at("choice").fault(wrong, f"write {_NO_CHOICE}")
    return (), _captions(answer, at) if kind == "CAP" else (answer,)


def _id(row: Row, number: int) -> str:
    """Return a row's number as the tables of results have it, in a column without name."""
    told = (row.cells.get(name, "").strip() for name in _NUMBERS)
    return next(filter(None, told), str(number))


def _judged(row: Row, number: int) -> RBenchResult:
    return RBenchResult(
        _id(row, number),
        row.cells["name"],
        _type(row),
        _number(row, "distortion", DISTORTIONS),
        _number(row, "strength", range(1, 4)),
        _result(row),
        row.place,
    )


def _type(row: Row) -> str:
    kind = row.cells["type"].strip()
    if kind not in TYPES:
        wrong = f"unknown type {kind!r}"
        raise row.place.at("type").fault(wrong, f"use one of {', '.join(TYPES)}")
    return kind


def _options(text: str, at: Place) -> dict[str, str]:
    """Split the options; a piece without the next letter belongs to the option before it."""
    options: list[str] = []
    for piece in _SEPARATOR.split(text):
        match = _OPTION.fullmatch(piece)
        if match and match[1] == chr(ord("A") + len(options)):
            options.append(match[2])
        elif options and piece.strip():
            options[-1] = f"{options[-1]}; {piece.strip()}"
        elif piece.strip():
            raise at.fault(f"the options {text!r} do not begin with A.", "letter them A, B, ...")
    if len(options) < 2:
        raise at.fault(f"{len(options)} options in {text!r}", "give an MCQ two or more")
    return {chr(ord("A") + number): option for number, option in enumerate(options)}


def _captions(text: str, at: Place) -> tuple[str, ...]:
    listed = list_literal(text)
    if not listed:
        raise at.fault("the captions are no list of texts", "write ['one', 'two']")
    return tuple(listed)


def _number(row: Row, key: str, allowed: range) -> int:
    text = row.cells[key].strip()
    if not (text.isascii() and text.isdecimal() and int(text) in allowed):
        bounds = f"from {allowed.start} to {allowed.stop - 1}"
        raise row.place.at(key).fault(f"{text!r} stands there", f"give a whole number {bounds}")
    return int(text)


def _result(row: Row) -> float | None:
    text, at = row.cells["result"].strip(), row.place.at("result")
    if text.startswith("["):
        return _of_calls(text, _type(row).lower(), at)
    try:
        value = float(text) if text else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 <= value <= 1:
        wrong = f"{text!r} stands there"
        raise at.fault(wrong, "give a number from 0 to 1, or leave it empty")
    return value


def _of_calls(text: str, task: str, at: Place) -> float | None:
    """Return what a list of a judge's calls comes to."""
    match = _LIST.fullmatch(text)
    said = [call.strip() for call in match[1].split(",")] if match and match[1].strip() else []
    if match is None or not all(call in _CALLS for call in said):
        raise at.fault(f"{text!r} stands there", "list what the judge said, as in [1, 0, None]")
    try:
        return judged_score(task, [_CALLS[call] for call in said])
    except InputError as error:
        wrong, _, mend = str(error).partition("; ")
        raise at.fault(wrong, mend) from error
