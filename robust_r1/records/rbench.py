"""R-Bench's tables: 1,485 questions about pictures under 33 distortions at three strengths.

The release is GBK-encoded. The options of a question are one text, "A.running; B.Play football",
split at `;` or its full-width form; an answer to CAP is a Python list of captions. Result tables
have an index column before and the judge's `result` after the release's columns, in UTF-8.

Source: github.com/Q-Future/R-Bench, Ref_Release.csv and result/ (read in November 2026).
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from robust_r1.records.lines import Place, table_lines, table_rows, write_whole

TYPES = ("MCQ", "VQA", "CAP")
DISTORTIONS = range(1, 34)
STRENGTHS = range(1, 4)  # low, mid, high
COLUMNS = ("name", "question", "choice", "answer", "type", "score", "distortion", "strength")
_NO_CHOICE = "N"
_SEPARATOR = re.compile("[;\uff1b]")
_OPTION = re.compile(r"\s*([A-Z])\s*[.\uff0e]\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class RBenchItem:
    """Describe one question of R-Bench.

    Attributes:
        name: the picture's file.
        question: the question in words, without the options.
        options: the options' texts in the order of their letters; empty for VQA and CAP.
        answers: the letter of the right option (MCQ), the answer (VQA), the captions (CAP).
        type: a member of TYPES.
        score: the picture's quality score in the release.
        distortion: 1 to 33.
        strength: 1 low, 2 mid, 3 high.
    """

    name: str
    question: str
    options: tuple[str, ...]
    answers: tuple[str, ...]
    type: str
    score: float
    distortion: int
    strength: int


@dataclass(frozen=True)
class RBenchResult:
    """Pair an item with the judge's result in [0, 1]; None where it was not judged."""

    item: RBenchItem
    result: float | None


def read_rbench(path: str | Path, encoding: str | None = None) -> list[RBenchItem]:
    """Read the release's table.

    Args:
        encoding: None takes UTF-8, or GBK where the bytes are not UTF-8.

    Raises:
        DataError: a broken table or row.
    """
    _, rows = _table(path, COLUMNS, encoding)
    return [_item(cells, place) for place, cells in rows]


def read_rbench_results(path: str | Path, encoding: str | None = None) -> list[RBenchResult]:
    """Read a table of judged answers; an empty result is one that was not judged.

    Raises:
        DataError: a broken table or row, or a result outside [0, 1].
    """
    _, rows = _table(path, ("", *COLUMNS, "result"), encoding)
    return [RBenchResult(_item(cells, place), _result(cells, place)) for place, cells in rows]


def write_rbench(path: str | Path, items: Iterable[RBenchItem], encoding: str = "gbk") -> None:
    """Write items as the release's table is written.

    Raises:
        DataError: the file cannot be written, or a character is not in the encoding.
    """
    write_whole(path, table_lines(COLUMNS, map(_cells, items), ","), encoding)


def write_rbench_results(path: str | Path, results: Iterable[RBenchResult]) -> None:
    """Write judged answers in UTF-8, rows numbered from 0.

    Raises:
        DataError: the file cannot be written.
    """
    rows = (
        [str(number), *_cells(one.item), "" if one.result is None else repr(one.result)]
        for number, one in enumerate(results)
    )
    write_whole(path, table_lines(("", *COLUMNS, "result"), rows, ","))


def _table(
    path: str | Path, expected: tuple[str, ...], encoding: str | None
) -> tuple[tuple[str, ...], Iterator[tuple[Place, dict[str, str]]]]:
    columns, rows = table_rows(path, ",", encoding)
    if set(columns) != set(expected):
        missing = [name or "(index)" for name in expected if name not in columns]
        unknown = [name or "(index)" for name in columns if name not in expected]
        wrong = [f"no column {', '.join(missing)}"] if missing else []
        wrong += [f"unknown column {', '.join(unknown)}"] if unknown else []
        named = ", ".join(name or "(index)" for name in expected)
        raise Place(Path(path), 1).fault(" and ".join(wrong), f"the columns are {named}")
    return columns, rows


def _item(cells: dict[str, str], place: Place) -> RBenchItem:
    kind = cells["type"]
    if kind not in TYPES:
        raise place.fault(f"unknown type {kind!r}", f"use one of {', '.join(TYPES)}")
    options = _options(cells["choice"], place) if kind == "MCQ" else ()
    answers = _captions(cells["answer"], place) if kind == "CAP" else (cells["answer"],)
    letters = [chr(ord("A") + number) for number in range(len(options))]
    if kind == "MCQ" and answers[0] not in letters:
        wrong = f"the answer {answers[0]!r} names none of the {len(options)} options"
        raise place.fault(wrong, f"use one of {', '.join(letters)}")
    if kind != "MCQ" and cells["choice"] != _NO_CHOICE:
        raise place.fault(f"options in a {kind} row", f"write {_NO_CHOICE} as its choice")
    for key in ("name", "question"):
        if not cells[key].strip():
            raise place.fault(f"no {key}", "fill it in")
    try:
        score = float(cells["score"])
    except ValueError:
        raise place.fault(f"score {cells['score']!r} is no number", "correct it") from None
    distortion = _number(cells, "distortion", DISTORTIONS, place)
    strength = _number(cells, "strength", STRENGTHS, place)
    text = cells["name"], cells["question"]
    return RBenchItem(*text, options, answers, kind, score, distortion, strength)


def _options(text: str, place: Place) -> tuple[str, ...]:
    """Split the options; a piece without the next letter belongs to the option before it."""
    options: list[str] = []
    for piece in _SEPARATOR.split(text):
        match = _OPTION.fullmatch(piece)
        if match and match[1] == chr(ord("A") + len(options)):
            options.append(match[2])
        elif options and piece.strip():
            options[-1] = f"{options[-1]}; {piece.strip()}"
        elif piece.strip():
            raise place.fault(f"the options {text!r} do not begin with A.", "letter them A, B, ...")
    if len(options) < 2:
        raise place.fault(f"{len(options)} options in {text!r}", "give an MCQ two or more")
    return tuple(options)


def _captions(text: str, place: Place) -> tuple[str, ...]:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    good = isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    if not good:
        raise place.fault("the captions are no list of texts", "write ['one', 'two']")
    return tuple(value)


def _number(cells: dict[str, str], key: str, allowed: range, place: Place) -> int:
    text = cells[key]
    if not (text.isascii() and text.isdecimal() and int(text) in allowed):
        bounds = f"from {allowed.start} to {allowed.stop - 1}"
        raise place.fault(f"{key} is {text!r}", f"give a whole number {bounds}")
    return int(text)


def _result(cells: dict[str, str], place: Place) -> float | None:
    text = cells["result"].strip()
    try:
        value = float(text) if text else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 <= value <= 1:
        raise place.fault(f"result is {text!r}", "give a number from 0 to 1, or leave it empty")
    return value


def _cells(item: RBenchItem) -> list[str]:
    options = "; ".join(f"{chr(ord('A') + n)}.{text}" for n, text in enumerate(item.options))
    answer = repr(list(item.answers)) if item.type == "CAP" else item.answers[0]
    cells = [item.name, item.question, options or _NO_CHOICE, answer, item.type, repr(item.score)]
    return [*cells, str(item.distortion), str(item.strength)]
