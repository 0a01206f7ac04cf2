"""A small benchmark as it is published: ten questions about scenes, as MMStar writes them."""

from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import cv2

from robust_r1.degradations import DegradationPlan
from robust_r1.scenes import Item, make_item
from tests.support.benchmark_files import base64_of, write_tsv

ROWS = 10
SHARED = 3  # shows the picture of row 0
_SIZE = 640, 480


def write_mmstar(
    path: Path,
    rows: int = ROWS,
    broken: tuple[int, ...] = (),
    damage: Callable[[str], DegradationPlan] = lambda index: DegradationPlan(),
) -> Path:
    """Write a table with options inside the questions, `nan` beside them and a shared picture.

    Args:
        broken: rows whose picture is none.
        damage: gives the plan of the pictures of the row with an index.
    """
    return write_tsv(path, [_row(number, number in broken, damage) for number in range(rows)])


def _row(number: int, broken: bool, damage: Callable[[str], DegradationPlan]) -> tuple:
    item = make_item("test", 50 + number)
    choices = item.question.choices or ("yes", "no")
    options = ", ".join(f"{letter}: {text}" for letter, text in zip("ABCD", choices, strict=False))
    picture = damage(str(number)).apply(cv2.resize(item.clean(), _SIZE))
    image = "0" if number == SHARED else base64_of(picture)
    if broken:
        image = base64_of(picture)[:400]
    answer = "ABCD"[number % len(choices)]
    question = f"{item.question.text}\nOptions: {options}"
    return number, image, question, "nan", "nan", "", "", answer, "coarse perception", "scene"


def write_scenes(path: Path, rows: int = 16) -> Path:
    """Write a table of questions with four options in columns, whose answers are true.

    Row 1 shows the picture of row 0, row 2 has its options inside the question.
    """
    drawn = (make_item("test", number) for number in count(900))
    asked = islice((one for one in drawn if len(one.question.choices) == 4), rows)
    return write_tsv(path, [_scene_row(number, item) for number, item in enumerate(asked)])


def _scene_row(number: int, item: Item) -> tuple:
    choices = item.question.choices
    letter = "ABCD"[choices.index(item.question.answer_text)]
    text, columns = item.question.text, choices
    if number == 2:
        listed = ", ".join(f"{one}: {choice}" for one, choice in zip("ABCD", choices, strict=True))
        text, columns = f"{text}\nOptions: {listed}", ("nan",) * 4
    image = "0" if number == 1 else base64_of(item.clean())
    return number, image, text, *columns, letter, item.question.topic, "scene"
