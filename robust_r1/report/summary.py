"""All figures of some answered cases, in one record: what page, report and API show."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from robust_r1.analysis.confusion import NAMES, NOTHING, Confusion, confusion
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.intensities import IntensityErrors, intensity_errors
from robust_r1.analysis.robustness import LevelFigures, RobustnessRow, by_level, robustness
from robust_r1.evaluation import headline
from robust_r1.metrics import Figure


@dataclass(frozen=True)
class Summary:
    """Hold the figures of some answered cases.

    `headlines` holds (model, figure by name), in the order of the models; `errors` likewise, since
    a histogram over several models would say nothing about any of them.
    """

    cases: int
    headlines: tuple[tuple[str, dict[str, Figure]], ...]
    levels: tuple[LevelFigures, ...]
    robustness: tuple[RobustnessRow, ...]
    confusion: Confusion
    errors: tuple[tuple[str, IntensityErrors], ...]


def summarize(entries: Sequence[Entry]) -> Summary:
    """Compute every figure of some answered cases; of none, an empty record."""
    parts = [
        (model, [entry for entry in entries if entry.model == model])
        for model in in_order(entry.model for entry in entries)
    ]
    return Summary(
        cases=len(entries),
        headlines=tuple((model, headline([entry.row for entry in part])) for model, part in parts),
        levels=by_level(entries),
        robustness=robustness(entries),
        confusion=confusion(entries),
        errors=tuple((model, intensity_errors(part)) for model, part in parts),
    )


def to_values(summary: Summary) -> dict:
    """Return a summary as values that JSON can hold."""
    return {
        "cases": summary.cases,
        "headline": {
            model: {name: asdict(figure) for name, figure in figures.items()}
            for model, figures in summary.headlines
        },
        "levels": [asdict(one) | {"flip_rate": one.flips.rate} for one in summary.levels],
        "robustness": {
            row.model: {" ".join(place): asdict(figure) for place, figure in row.cells.items()}
            | {"overall": asdict(row.overall)}
            for row in summary.robustness
        },
        "confusion": {"names": [*NAMES, NOTHING], "counts": summary.confusion.counts},
        "intensity_errors": {model: asdict(errors) for model, errors in summary.errors},
    }
