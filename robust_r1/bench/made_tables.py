"""Files to measure evaluation with: a published table of any size, a run, result tables."""

import base64
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from robust_r1.ask.case import Case
from robust_r1.bench.speed import sample_picture
from robust_r1.chain import Chain, findings_of, parse, render
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.evaluation import BenchmarkItem, Row, row_of
from robust_r1.evaluation.published import ALL_LEVELS, plan_of
from robust_r1.evaluation.runs import write_run

WIDTH, HEIGHT = 640, 480
RBENCH_ROWS = 1485
_PICTURES = 8  # different ones; more would be made longer than they are read
_QUALITY = 95  # of JPEG: that of photographs in published tables
_COLUMNS = ("index", "image", "question", "A", "B", "C", "D", "answer", "category")
_RBENCH = ("", "name", "question", "choice", "answer", "type", "score", "distortion", "strength",
           "result")  # fmt: skip
_CHOICES = ("a dog", "a cat", "a horse", "a bird")
_TASKS = ("MCQ", "VQA", "CAP")


def write_table(path: Path, size: int) -> int:
    """Write a table as VLMEvalKit's, with photographs' worth of pictures, and return its rows.

    Args:
        path: of a .tsv.
        size: bytes that it is to have, about.
    """
    cells = [_picture_cell(seed) for seed in range(_PICTURES)]
    rows = max(1, round(size / (sum(map(len, cells)) / len(cells))))
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(_COLUMNS) + "\n")
        for number in range(rows):
            question = f"What is in picture {number}?"
            row = (str(number), cells[number % _PICTURES], question, *_CHOICES, "ABCD"[number % 4])
            file.write("\t".join((*row, "coarse perception")) + "\n")
    return rows


def _picture_cell(seed: int) -> str:
    whole = sample_picture(HEIGHT, WIDTH)
    rolled = np.roll(whole, (37 * seed, 53 * seed), (0, 1))
    buffer = io.BytesIO()
    Image.fromarray(rolled).save(buffer, "JPEG", quality=_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def write_answers(folder: Path, answers: int) -> None:
    """Write a run of a published benchmark with so many answers, half of them right."""
    head = {
        "benchmark": "MMStar", "model": "bench", "precision": "none",
        "settings": {"max_new_tokens": 2048, "temperature": 0.0, "top_p": 1.0, "seed": 0},
        "terms": {"prompt": "ours", "degrade_at": "native", "levels": list(ALL_LEVELS)},
    }  # fmt: skip
    rows: list[Row] = []
    for number, (item, text) in zip(range(answers), _answered(), strict=False):
        told = 60 + number % 40, 1.5, None, "stop", "bench", GenerationSettings()
        rows.append(row_of(item, Answer(text, parse(text), *told)))  # type: ignore[arg-type]
    write_run(folder, head, rows)


def _answered() -> Iterator[tuple[BenchmarkItem, str]]:
    """Yield items, each picture at every level, and the replies of a model that is half right."""
    rng = np.random.default_rng(0)
    number = 0
    while True:
        for level in ALL_LEVELS:
            plan = plan_of("MMStar", str(number), level)
            case = Case(None, plan, f"What is in picture {number}?", _CHOICES, _CHOICES[number % 4])
            place = number % 4 if rng.random() < 0.5 else int(rng.integers(4))
            said = findings_of(plan) if rng.random() < 0.7 else ()
            words = ("It hides detail.", "The picture shows one animal.", "It is an animal.")
            text = render(Chain(said, *words, f"{place}. {_CHOICES[place]}"))
            category = ("coarse perception", "logical reasoning", "math")[number % 3]
            yield BenchmarkItem(
                case, f"{number}-{level}", str(number), "mcq", level, category=category,
                picture=str(number),
            ), text  # fmt: skip
        number += 1


def write_results(folder: Path) -> tuple[Path, ...]:
    """Write three tables of judged answers as R-Bench's release has them: dis, ref and com."""
    paths = tuple(folder / f"Bench_{kind}.csv" for kind in ("dis", "ref", "com"))
    for seed, path in enumerate(paths):
        rng = np.random.default_rng(seed)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_RBENCH)
            for number in range(RBENCH_ROWS):
                writer.writerow(_result(number, rng))
    return paths


def _result(number: int, rng: np.random.Generator) -> tuple:
    task = _TASKS[number % 3]
    choice, answer = ("A.dog; B.cat; C.horse", "B") if task == "MCQ" else ("N", "a cat")
    if task == "CAP":
        answer = "['A cat.', 'A cat on a chair.']"
    result = int(rng.integers(2)) if task == "MCQ" else round(float(rng.integers(11)) / 10, 1)
    distortion, strength = number % 33 + 1, number // 33 % 3 + 1
    name = f"{number // 3}.png"
    return number, name, "What is shown?", choice, answer, task, 3.5, distortion, strength, result
