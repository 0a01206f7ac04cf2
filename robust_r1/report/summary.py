"""All figures of some answered cases, in one record: what page, report and API show."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from robust_r1.analysis.confidence import ConfidenceFigures, confidence, lost_first
from robust_r1.analysis.confusion import (
    ORDER,
    Confusion,
    Mistake,
    confusion,
    mistakes,
    with_chains,
)
from robust_r1.analysis.corruption import Corruption, corruption
from robust_r1.analysis.costs import Cost, costs
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.groups import GROUPINGS, GroupFigure, by_group
from robust_r1.analysis.intensities import IntensityErrors, intensity_errors
from robust_r1.analysis.robustness import LevelFigures, RobustnessRow, by_level, robustness
from robust_r1.evaluation import false_alarms_by_degradation, headline, paired_differences
from robust_r1.metrics import Figure

MISTAKES = 12  # confusions of a model that are listed, the most frequent first
# (model, figure by name), in the order of the models.
Headlines = tuple[tuple[str, dict[str, Figure]], ...]
# (model, figure by id and whether the views were saved once), in the order of the models.
FalseAlarms = tuple[tuple[str, dict[str, dict[str, Figure]]], ...]


@dataclass(frozen=True)
class Details:
    """Collect the figures beside the headline.

    `errors` holds (model, errors) in the order of the models, since a histogram over several models
    would say nothing about any of them; `false_alarms` likewise, of the clean views of PhotoBench 2
    by degradation and whether they were saved once, and nothing where there are none. For the same
    reason there is one confusion matrix a model, with its most frequent mistakes; models that list
    no degradations have none, and are named in `without_chains`. `confidence` is of the models that
    kept their options' probabilities; `groups` by what cases are grouped by.
    """

    levels: tuple[LevelFigures, ...]
    robustness: tuple[RobustnessRow, ...]
    confusions: tuple[Confusion, ...]
    mistakes: tuple[tuple[Mistake, ...], ...]
    without_chains: tuple[str, ...]
    errors: tuple[tuple[str, IntensityErrors], ...]
    false_alarms: FalseAlarms
    corruption: tuple[Corruption, ...]
    confidence: tuple[ConfidenceFigures, ...]
    costs: tuple[Cost, ...]
    groups: tuple[tuple[str, tuple[GroupFigure, ...]], ...]

    @property
    def lost_first(self) -> tuple[str, ...]:
        """Say for each model whether it loses confidence before accuracy, where that is known."""
        models = in_order(one.model for one in self.confidence)
        said = (
            lost_first([one for one in self.confidence if one.model == model]) for model in models
        )
        return tuple(filter(None, said))


@dataclass(frozen=True)
class Summary:
    """Collect all figures of some answered cases."""

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
    listing = with_chains(entries)
    confusions = tuple(confusion(entries, model) for model in listing)
    return Details(
        levels=by_level(entries),
        robustness=robustness(entries),
        confusions=confusions,
        mistakes=tuple(mistakes(entries, found, MISTAKES) for found in confusions),
        without_chains=tuple(
            model for model in in_order(entry.model for entry in entries) if model not in listing
        ),
        errors=tuple((model, intensity_errors(part)) for model, part in by_model(entries)),
        false_alarms=false_alarms(entries),
        corruption=corruption(entries),
        confidence=confidence(entries),
        costs=costs(entries),
        groups=tuple(
            (grouping, found) for grouping in GROUPINGS if (found := by_group(entries, grouping))
        ),
    )


def differences_from(entries: Sequence[Entry], model: str) -> Headlines:
    """Compute what each other model has more than this one, over the cases of both."""
    parts = dict(by_model(entries))
    base = [entry.row for entry in parts.pop(model, [])]
    return tuple(
        (other, paired_differences([entry.row for entry in part], base))
        for other, part in parts.items()
    )


def false_alarms(entries: Sequence[Entry]) -> FalseAlarms:
    """Compute what each model that was shown views of PhotoBench 2 says falsely of clean ones."""
    found = (
        (model, false_alarms_by_degradation(entry.row for entry in part))
        for model, part in by_model(entries)
    )
    return tuple((model, alarms) for model, alarms in found if alarms)


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
        "confusion": {
            "names": list(ORDER),
            "models": {
                one.model: {"counts": one.counts, "cases": one.applied}
                for one in found.confusions
            },
            "without_chains": list(found.without_chains),
        },
        "intensity_errors": {model: asdict(errors) for model, errors in found.errors},
        "false_alarms": {
            model: false_alarm_values(alarms) for model, alarms in found.false_alarms
        },
        **robustness_values(found),
    }


def robustness_values(found: Details) -> dict:
    """Return what damage costs, as values that JSON can hold."""
    return {
        "degradations": {one.model: corruption_values(one) for one in found.corruption},
        "confidence": {
            "figures": [asdict(one) for one in found.confidence],
            "lost_first": list(found.lost_first),
        },
        "costs": [asdict(one) for one in found.costs],
        "groups": {
            grouping: [asdict(one) for one in figures] for grouping, figures in found.groups
        },
    }


def corruption_values(found: Corruption) -> dict:
    """Return what degradations cost a model as values that JSON can hold."""
    worst = found.worst
    return {
        "base": found.base or None,
        "worst": worst.name if worst else None,
        "lines": [asdict(line) for line in found.lines],
    }


def false_alarm_values(alarms: Mapping[str, Mapping[str, Figure]]) -> dict:
    """Return the false alarms of one model as values that JSON can hold."""
    return {
        id: {saved: asdict(figure) for saved, figure in by_saving.items()}
        for id, by_saving in alarms.items()
    }


def named_false_alarms(
    alarms: Sequence[Mapping[str, Mapping[str, Figure]]],
) -> list[dict[str, Figure]]:
    """Name the figures of each model's false alarms, leaving out what none says of any view."""
    places = dict.fromkeys((id, saved) for one in alarms for id in one for saved in one[id])
    said = [
        (id, saved)
        for id, saved in places
        if any(one.get(id, {}).get(saved) and one[id][saved].value for one in alarms)
    ]
    return [
        {f"{id}, {saved}": one[id][saved] for id, saved in said if saved in one.get(id, {})}
        for one in alarms
    ]
