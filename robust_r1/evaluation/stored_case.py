"""The case of a saved answer in a run's folder, where a benchmark would draw its own again."""

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from robust_r1.ask.case import Case, Exchange
from robust_r1.ask.picture import Picture
from robust_r1.engine import GenerationSettings

SAVED = "saved answers"  # what such runs are of
SET = "as set"  # the level of a picture under the plan that somebody set: no strength of a scale
PICTURES = "pictures"  # the folder of the pictures, in the run's own
# A name that leads out of the folder is none.
_FILE = re.compile(r"[a-z0-9-]+\.png")


def pictures_here(case: Case) -> bool:
    """Tell whether all files of a case's pictures are still there."""
    files = [one.path for one in (case.picture, *case.further) if one is not None]
    return all(Path(file).is_file() for file in files)


def to_values(case: Case) -> dict[str, Any]:
    """Return what the other columns of a run do not say of a case as JSON values.

    Files are written by their names; the settings must be known.
    """
    assert case.picture is not None and case.settings is not None
    return {
        "picture": Path(case.picture.path).name,
        "further": [Path(one.path).name for one in case.further],
        "turns": [asdict(turn) for turn in case.turns()],
        "template": case.template,
        "settings": asdict(case.settings),
        "example": case.picture.example,
        "seed": case.seed,
    }


def from_values(values: dict[str, Any], case: Case, run: Path) -> Case:
    """Complete a case by what `to_values` wrote for a run's folder.

    Raises:
        ValueError: a file's name that leads elsewhere.
    """
    names = [values["picture"], *values["further"]]
    if not all(isinstance(name, str) and _FILE.fullmatch(name) for name in names):
        raise ValueError("a picture's name must be small letters, digits and hyphens, .png")
    first, *further = (str(run / PICTURES / name) for name in names)
    return replace(
        case,
        picture=Picture(values["example"], first),
        further=tuple(Picture(path=file) for file in further),
        earlier=tuple(Exchange(turn["question"], turn["answer"]) for turn in values["turns"]),
        template=values["template"],
        settings=GenerationSettings(**values["settings"]),
        seed=values["seed"],
    )
