"""Twelve judged items of R-Bench with every figure worked out by hand."""

from pathlib import Path

from tests.support.benchmark_files import write_results

# Picture, type, distortion, strength; then the result of dis, ref and com; the last one of dis is
# not judged. Relative scores are 1, .5, .25, 0, .5, .25, 0, .4, .75, 1, 1, .25.
ITEMS = (
    ("a.png", "MCQ", 1, 1, 1, 1, 1),
    ("a.png", "VQA", 2, 2, 0.5, 1, 0.5),
    ("a.png", "CAP", 5, 3, 0.25, 0.5, 0.5),
    ("b.png", "MCQ", 6, 1, 0, 1, 0),
    ("b.png", "VQA", 9, 2, 0.8, 0.5, 1),
    ("b.png", "CAP", 14, 3, 0.5, 1, 0.25),
    ("c.png", "MCQ", 15, 2, 1, 0, 0),
    ("c.png", "VQA", 19, 1, 0.2, 1, 0.4),
    ("c.png", "CAP", 25, 1, 0.75, 0.75, 1),
    ("d.png", "MCQ", 28, 3, 0, 1, 1),
    ("d.png", "VQA", 33, 3, 1, 1, 1),
    ("d.png", "CAP", 31, 2, "", 0.5, 0.5),
)
# (split, part): absolute and how many it rests on, relative and how many.
FIGURES = {
    ("overall", ""): (6 / 11, 11, 5.9 / 12, 12),
    ("task", "mcq"): (0.5, 4, 0.5, 4),
    ("task", "vqa"): (0.625, 4, 0.6, 4),
    ("task", "cap"): (0.5, 3, 0.375, 4),
    ("strength", "low"): (0.4875, 4, 0.5375, 4),
    ("strength", "mid"): (2.3 / 3, 3, 0.3125, 4),
    ("strength", "high"): (0.4375, 4, 0.625, 4),
    ("step", "Environment"): (0.75, 2, 0.75, 2),
    ("step", "Camera"): (0.125, 2, 0.125, 2),
    ("step", "Analog"): (0.8, 1, 0.5, 1),
    ("step", "Source"): (0.75, 2, 0.125, 2),
    ("step", "Channel"): (0.2, 1, 0.4, 1),
    ("step", "Receive"): (0.75, 1, 0.75, 1),
    ("step", "Enhance"): (0.5, 2, 0.75, 3),
    ("group", "Blur"): (1.25 / 3, 3, 0.75, 3),
    ("group", "Luminance"): (0.75, 1, 0.75, 1),
    ("group", "Chrominance"): (0.75, 2, 0.625, 2),
    ("group", "Spatial"): (0.1, 2, 0.2, 2),
    ("group", "Noise"): (0.8, 1, 0.375, 2),
    ("group", "Compression"): (1, 1, 0, 1),
    ("group", "Wild"): (0.5, 1, 0.5, 1),
    ("task and strength", "mcq low"): (0.5, 2, 0.5, 2),
    ("task and strength", "mcq mid"): (1, 1, 0, 1),
    ("task and strength", "mcq high"): (0, 1, 1, 1),
    ("task and strength", "vqa low"): (0.2, 1, 0.4, 1),
    ("task and strength", "vqa mid"): (0.65, 2, 0.5, 2),
    ("task and strength", "vqa high"): (1, 1, 1, 1),
    ("task and strength", "cap low"): (0.75, 1, 0.75, 1),
    ("task and strength", "cap mid"): (None, 0, 0.25, 1),
    ("task and strength", "cap high"): (0.375, 2, 0.25, 2),
}


def rows_of(items: tuple[tuple, ...] = ITEMS) -> list[tuple]:
    """Return R-Bench's columns of some items."""
    return [
        (name, "What is shown?", "N", "kite", kind, 4, distortion, strength)
        for name, kind, distortion, strength, *_ in items
    ]


def write_miniature(folder: Path, items: tuple[tuple, ...] = ITEMS) -> list[Path]:
    """Write Result_dis.csv, Result_ref.csv and Result_com.csv."""
    return [
        write_results(folder / f"Result_{name}.csv", rows_of(items), [one[place] for one in items])
        for place, name in enumerate(("dis", "ref", "com"), 4)
    ]
