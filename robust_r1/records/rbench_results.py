"""Write judged answers as R-Bench's own tables of results have them."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from robust_r1.errors import InputError
from robust_r1.records.options import LETTERS
from robust_r1.records.rbench import COLUMNS, STRENGTHS


@dataclass(frozen=True)
class JudgedAnswer:
    """Hold a row of a table of results.

    Attributes:
        id: the row's number in the release.
        name: the picture's file.
        task: "mcq", "vqa" or "cap".
        choices: the options' texts; empty but for "mcq".
        truths: the right option's text, the right answer, or the captions.
        distortion: 1 to 33.
        strength: a member of STRENGTHS.
        result: in [0, 1]; None where it was not judged.
    """

    id: str
    name: str
    question: str
    task: str
    choices: tuple[str, ...]
    truths: tuple[str, ...]
    distortion: int
    strength: str
    result: float | None


def write_rbench_results(path: Path, answers: Iterable[JudgedAnswer]) -> None:
    """Write a table that `read_rbench_results` and R-Bench's own script read.

    The column `score`, which says nothing about the answers, stays empty.

    Raises:
        InputError: the file is there already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("", *COLUMNS, "result"))
            writer.writerows(map(_cells, answers))
    except FileExistsError as error:
        raise InputError(f"{path} is there already; give another folder, or remove it") from error


def _cells(one: JudgedAnswer) -> tuple:
    choice, answer = "N", one.truths[0]
    if one.task == "mcq":
        choice = "; ".join(f"{LETTERS[n]}.{text}" for n, text in enumerate(one.choices))
        answer = LETTERS[one.choices.index(one.truths[0])]
    elif one.task == "cap":
        answer = repr(list(one.truths))
    strength = STRENGTHS.index(one.strength) + 1
    result = "" if one.result is None else one.result
    told = one.task.upper(), "", one.distortion, strength, result
    return one.id, one.name, one.question, choice, answer, *told
