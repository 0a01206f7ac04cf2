"""Benchmarks of a few rows, written as the published files are, with what is odd in them."""

import base64
import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from robust_r1.images import encode_png

TSV = ("index", "image", "question", "A", "B", "C", "D", "answer", "category", "l2_category")
RBENCH = ("name", "question", "choice", "answer", "type", "score", "distortion", "strength")
DESCRIBE = (
    "Please describe this image in general. Directly provide the description, do not include "
    'prefix like "This image depicts".'
)
# As in Ref_Release.csv: a colon after a letter, full-width separators, a list with an apostrophe,
# a space after a list; the last row's answer lies beyond its options.
RBENCH_ROWS = (
    ("a.png", "What is shown?", "A.running; B.Play football; C.tennis", "C", "MCQ", 4.17, 1, 2),
    ("b.png", "How does the chair move?", "A.Hand handling;B:Wheel rolling;C.It can't move", "B",
     "MCQ", 2.89, 4, 1),
    ("c.png", "What color are the legs?", "A.red;B.white;C.black;D.orange；E.yellow", "E", "MCQ",
     3.97, 2, 2),
    ("d.png", "What type of bike is it?", "N", "bmx", "VQA", 4.42, 1, 1),
    ("e.png", "What letters are there?", "N", 'The letters are "ICCI"', "VQA", 3.85, 2, 2),
    ("f.png", "What does the sign say?", "N", "北京", "VQA", 3.5, 33, 3),
    ("g.png", DESCRIBE, "N", "['A cat.', \"A child's cat.\"]", "CAP", 3.9, 31, 3),
    ("h.png", DESCRIBE, "N", "['Two teacups.', 'A table.'] ", "CAP", 2.9, 4, 2),
    ("a.png", "Is it cold?", "A.Yes; B.No", "B", "MCQ", 3.5, 9, 3),
    ("j.png", "Should all stop?", "A.Only one vehicle; B.All cars; from all sides", "C", "MCQ", 3.0,
     32, 1),
)  # fmt: skip


def base64_of(picture: np.ndarray) -> str:
    """Return a picture as a table's cell has it."""
    return base64.b64encode(encode_png(picture)).decode("ascii")


def table_text(columns: Sequence[str], rows: Iterable[Sequence], delimiter: str) -> str:
    """Return a table as a data frame writes it: quoted where it must be, lines end in a newline."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def write_tsv(path: Path, rows: Iterable[Sequence], columns: Sequence[str] = TSV) -> Path:
    """Write a table of VLMEvalKit's."""
    path.write_text(table_text(columns, rows, "\t"), "utf-8")
    return path


def write_rbench(path: Path, rows: Iterable[Sequence] = RBENCH_ROWS, encoding: str = "gbk") -> Path:
    """Write a table of R-Bench's, and no pictures."""
    path.write_bytes(table_text(RBENCH, rows, ",").encode(encoding))
    return path


def write_results(path: Path, rows: Sequence[Sequence], results: Sequence[object]) -> Path:
    """Write a table of results as a data frame does, rows numbered from 0."""
    numbered = [
        (number, *row, result)
        for number, (row, result) in enumerate(zip(rows, results, strict=True))
    ]
    path.write_text(table_text(("", *RBENCH, "result"), numbered, ","), "utf-8")
    return path
