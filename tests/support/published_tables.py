"""A small benchmark as it is published: ten questions about scenes, as MMStar writes them."""

from collections.abc import Callable
from pathlib import Path

import cv2

from robust_r1.degradations import DegradationPlan
from robust_r1.scenes import make_item
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
