"""A small release of R-Bench with both kinds of pictures, and a model that tells them apart."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from robust_r1.chain import parse
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.images import encode_png
from tests.support.benchmark_files import DESCRIBE, write_rbench

# Picture, question, options, answer, type, score, distortion, strength.
ROWS = (
    ("a.png", "What is shown?", "A.running; B.football; C.tennis", "C", "MCQ", 4.17, 1, 2),
    ("b.png", "Is it cold?", "A.Yes;B:No", "B", "MCQ", 3.5, 9, 3),
    ("c.png", "Which bike is it?", "N", "red bmx", "VQA", 4.42, 4, 1),
    ("c.png", "Whose is it?", "N", "my uncle", "VQA", 4.42, 5, 2),
    ("d.png", DESCRIBE, "N", "['Two cats.', 'A cat on a mat.']", "CAP", 3.9, 31, 3),
    ("e.png", "Who rides?", "N", "a child", "VQA", 4.0, 16, 3),
)
# What the model says by (number of the row, whether the picture is the undamaged one).
REPLIES: Mapping[tuple[int, bool], str] = {
    (0, True): "C", (0, False): "C",  # dis 1, ref 1, com 1
    (1, True): "B", (1, False): "A",  # dis 0, ref 1, com 0
    (2, True): "A red bmx.", (2, False): "It is red.",  # dis .5, ref 1, com .5
    (3, True): "my uncle", (3, False): "my uncle",  # dis 1, ref 1, com 1
    (4, True): "Two cats.", (4, False): "A cat on a mat.",  # dis (0 + 2) / 4, ref (2 + 0) / 4
    (5, True): "a child", (5, False): "",  # no word: dis 0, com 0
}  # fmt: skip
# (dis, ref, com) by row, worked out by hand; the judge of `judge_server` counts words in common.
SCORES = ((1, 1, 1), (0, 1, 0), (0.5, 1, 0.5), (1, 1, 1), (0.5, 0.5, 0), (0, 1, 0))


def write_release(folder: Path, rows: tuple[tuple, ...] = ROWS) -> Path:
    """Write Ref_Release.csv with black pictures in `dis` and white ones in `ref`."""
    for name, value in (("dis", 0), ("ref", 255)):
        (folder / name).mkdir(parents=True)
        for picture in {row[0] for row in rows}:
            data = encode_png(np.full((40, 40, 3), value, np.uint8))
            (folder / name / picture).write_bytes(data)
    return write_rbench(folder / "Ref_Release.csv", rows)


class Teller:
    """Say to each question of the release what REPLIES has, by the brightness of the picture."""

    precision = "exact"

    def __init__(self, replies: Mapping[tuple[int, bool], str] = REPLIES) -> None:
        defaults = GenerationSettings(max_new_tokens=8)
        told = {
            "name": "teller", "label": "Teller", "source": "/nowhere", "pictures": 1,
            "max_pixels": 36864, "defaults": defaults, "bundled": False,
            "fit": staticmethod(lambda image: image),
        }  # fmt: skip
        self.info, self.replies, self.asked = type("Info", (), told), dict(replies), 0

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Return the picture as it is."""
        return image

    def generate(self, requests, settings, batch_size):
        """Answer the requests."""
        self.asked += len(requests)
        return tuple(self._answer(request, settings) for request in requests)

    def _answer(self, request, settings) -> Answer:
        (row,) = (n for n, row in enumerate(ROWS) if request.question.startswith(row[1]))
        text = self.replies[row, bool(request.images[0].mean() > 127)]
        return Answer(text, parse(text), 1, 0.1, None, "stop", "teller", settings)
