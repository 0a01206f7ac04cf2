"""All figures of some answered cases, in one record: what page, report and API show."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from robust_r1.analysis.confusion import NAMES, NOTHING, Confusion, confusion
from robust_r1.analysis.entries import Entry
from robust_r1.analysis.intensities import IntensityErrors, intensity_errors
from robust_r1.analysis.robustness import LevelFigures, RobustnessRow, by_level, robustness
from robust_r1.evaluation import headline
from robust_r1.metrics import Figure

# (model, figure by name), in the order of the models.
Headlines = tuple[tuple[str, dict[str, Figure]], ...]


@dataclass(frozen=True)
class Details:
    """Hold the figures beside the headline.

    `errors` holds (model, errors) in the order of the models, since a histogram over several models
    would say nothing about any of them.
    """

    levels: tuple[LevelFigures, ...]
    robustness: tuple[RobustnessRow, ...]
    confusion: Confusion
    errors: tuple[tuple[str, IntensityErrors], ...]


@dataclass(frozen=True)
class Summary:
    """Hold all figures of some answered cases."""

    cases: int
    headlines: Headlines
    details: Details


def summarize(entries: Sequence[Entry]) -> Summary:
    """Compute every figure of some answered cases; of none, an empty record."""
    return Summary(len(entries), headlines(entries), details(entries))


def headlines(entries: Sequence[Entry]) -> Headlines:
    """Compute the headline figures of each model."""
    return tuple(
        (model, headline([entry.row for entry in part])) for model, part in by_model(entries)
    )


def details(entries: Sequence[Entry]) -> Details:
    """Compute the figures beside the headline."""
    return Details(
        levels=by_level(entries),
        robustness=robustness(entries),
        confusion=confusion(entries),
        errors=tuple((model, intensity_errors(part)) for model, part in by_model(entries)),
    )


def by_model(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return each model with its cases, in the order in which models come."""
    parts: dict[str, list[Entry]] = {}
    for entry in entries:
        parts.setdefault(entry.model, []).append(entry)
    return list(parts.items())


def to_values(summary: Summary) -> dict:
    """Return a summary as values that JSON can hold."""
    found = summary.details
    return {
        "cases": summary.cases,
        "headline": {
            model: {name: asdict(figure) for name, figure in figures.items()}
            for model, figures in summary.headlines
        },
        "levels": [asdict(one) | {"flip_rate": one.flips.rate} for one in found.levels],
        "robustness": {
            row.model: {" ".join(place): asdict(figure) for place, figure in row.cells.items()}
            | {"overall": asdict(row.overall)}
            for row in found.robustness
        },
        "confusion": {"names": [*NAMES, NOTHING], "counts": found.confusion.counts},
        "intensity_errors": {model: asdict(errors) for model, errors in found.errors},
    }
