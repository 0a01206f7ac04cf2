"""Accuracy by what a benchmark's questions have in common: category, language, prompt, task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robust_r1.analysis.entries import Entry, by_model_and_level
from robust_r1.metrics import Figure, average

# What cases can be grouped by, and how a case tells its group; empty where it is in none.
GROUPINGS: dict[str, Callable[[Entry], str]] = {
    "category": lambda entry: entry.row.category,
    "language": lambda entry: entry.row.language,
    "prompt": lambda entry: entry.terms.prompt,
}


@dataclass(frozen=True)
class GroupFigure:
    """Give the accuracy of one model in one group at one level."""

    model: str
    group: str
    level: str
    accuracy: Figure


def by_group(entries: Sequence[Entry], grouping: str) -> tuple[GroupFigure, ...]:
    """Compute accuracy by group and level; nothing where all cases are in one group or in none."""
    named = GROUPINGS[grouping]
    if len({named(entry) for entry in entries}) < 2:
        return ()
    found = []
    for model, level, part in by_model_and_level(entries):
        groups: dict[str, list[Entry]] = {}
        for entry in part:
            if entry.row.accuracy is not None:
                groups.setdefault(named(entry) or "none", []).append(entry)
        for name, own in groups.items():
            labels = [entry.row.cluster for entry in own]
            accuracy = average([entry.row.accuracy for entry in own], labels)
            found.append(GroupFigure(model, name, level, accuracy))
    return tuple(found)
