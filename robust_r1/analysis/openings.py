"""Choose what the page opens with, by rules that say what they chose.

What they find for the bundled models is stored beside their runs and read from there:
`tests/support/find_openings.py` finds it anew where models or runs have changed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

from robust_r1.analysis.sweep import Sweep, run_sweep
from robust_r1.ask.answered import Answered
from robust_r1.ask.case import Case
from robust_r1.ask.links import decode
from robust_r1.ask.pipeline import finished
from robust_r1.degradations import SPECS
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.metrics import mean
from robust_r1.paths import BUNDLED_RUNS

OPENINGS = BUNDLED_RUNS / "openings.json"
SWEPT = 2  # kinds of damage of the opening sweep
# The figures of a typical case, which are the rewards that every run has of every answer.
MEANS = ("degradation", "format", "accuracy")
FLIPPING_RULE = (
    f"the page's first scene and question that the model answers rightly undamaged, and whose "
    f"answer flips under {SWEPT} kinds of damage or more: the first {SWEPT} of these"
)
TYPICAL_RULE = (
    "the case whose degradation and accuracy rewards, over all models, lie nearest to the "
    "benchmark's means at this level of damage (captions left out)"
)


@dataclass(frozen=True)
class Typical:
    """Keep the case that stands for a level of damage, and by model the level's mean rewards."""

    level: str
    case: Case
    means: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Openings:
    """Keep what was found for models of these weights (by name).

    Attributes:
        swept: a case without damage whose answer flips, and under which kinds of damage.
        typical: the cases that stand for the levels of damage, mildest first.
        benchmark: whose cases those are.
    """

    weights: Mapping[str, str]
    swept: Case
    kinds: tuple[str, ...]
    benchmark: str
    typical: tuple[Typical, ...]


def find_flipping(
    engine: Engine, cases: Iterable[Case], levels: int, seed: int
) -> tuple[Case, tuple[str, ...]]:
    """Return the first case by `FLIPPING_RULE`, and its kinds of damage in the table's order.

    Raises:
        InputError: none of the cases flips under so many kinds.
    """
    for case in cases:
        if not case.truth or not _right(engine, case, levels, seed):
            continue
        kinds: list[str] = []
        for spec in SPECS:
            *_, result = run_sweep(engine, case, Sweep((spec.id,), levels, seed=seed))
            kinds += [spec.id] if result.flips else []
            if len(kinds) == SWEPT:
                return case, tuple(kinds)
    raise InputError(f"no case flips under {SWEPT} kinds of damage")


def _right(engine: Engine, case: Case, levels: int, seed: int) -> bool:
    undamaged = next(run_sweep(engine, case, Sweep((SPECS[0].id,), levels, seed=seed)))
    return bool(finished(undamaged.steps[0].outcome)[1].accuracy)


def mean_rewards(rows: Sequence[Answered], level: str) -> dict[str, float]:
    """Return the mean rewards of one run at a level of damage, by the names in `MEANS`."""
    here = [row for row in rows if row.level == level]
    found = {
        "degradation": mean(row.degradation for row in here if row.degradation is not None),
        "format": mean(float(row.well_formed) for row in here),
        "accuracy": mean(row.accuracy for row in here if row.accuracy is not None),
    }
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def most_typical(runs: Sequence[Sequence[Answered]], level: str) -> str:
    """Return the id of the case that `TYPICAL_RULE` chooses; of several as near, the first.

    `runs` are the answers of the models to the same cases.
    """
    means = [mean_rewards(rows, level) for rows in runs]
    by_id = [{row.id: row for row in rows if row.level == level} for rows in runs]

    def distance(id: str) -> float:
        pairs = zip((rows[id] for rows in by_id), means, strict=True)
        return sum(
            abs((row.degradation or 0.0) - aim["degradation"])
            + abs((row.accuracy or 0.0) - aim["accuracy"])
            for row, aim in pairs
        )

    told = [row.id for row in by_id[0].values() if row.task != "cap" and row.accuracy is not None]
    return min(told, key=distance)


@cache
def read_openings(path: Path = OPENINGS) -> Openings:
    """Read what was found for the bundled models."""
    stored = json.loads(path.read_text("utf-8"))
    swept, training = stored["sweep"], stored["training"]
    typical = (
        Typical(level, _case(one["case"]), one["means"])
        for level, one in training["levels"].items()
    )
    return Openings(
        stored["weights"],
        _case(swept["case"]),
        tuple(swept["kinds"]),
        training["benchmark"],
        tuple(typical),
    )


def _case(query: str) -> Case:
    case, _ = decode(parse_qsl(query.removeprefix("?")), [])
    return case
