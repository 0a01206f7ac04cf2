"""Curves of a run of training: what its log holds, in panels that belong together."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robust_r1.degradations import SPECS
from robust_r1.records.training_run import Measured, TrainingRun

MOST_POINTS = 500  # of a curve; a screen has no more columns for it
MOST_CURVES = 6  # of a panel
RATE = "rate"  # the label of a schedule, beside what is measured
REWARDS = ("degradation", "length", "format", "accuracy")
_FIGURES = {"precision": "precision", "recall": "recall", "f1": "F1", "mae": "intensity error"}


def _rewards(before: str = "", figure: str = "mean") -> dict[str, str]:
    return {f"{before}rewards/{name}_reward/{figure}": name for name in REWARDS}


# The panels that everybody looks at first: title, and the curves in them by their keys in the log.
_FIRST: Mapping[str, Mapping[str, str]] = {
    "Reward, the weighted sum": {"reward": "sampled", "eval_reward": "held out"},
    "Rewards, each by itself": _rewards(),
    "Loss": {"loss": "training", "eval_loss": "held out", "mix_loss": "true chains"},
    "Length of completions, tokens": {
        "completions/mean_length": "mean", "completions/min_length": "shortest",
        "completions/max_length": "longest",
    },
    "Divergence from the reference (KL)": {"kl": "KL"},
    "Learning rate": {"learning_rate": RATE},
    "Findings": {f"findings/all/{key}": name for key, name in _FIGURES.items()},
    "Rewards of samples held out": _rewards("eval_"),
    "Findings of samples held out": {
        f"eval_findings/all/{key}": name for key, name in _FIGURES.items()
    },
    "MiniBench": {
        "minibench/answers_clean": "answers, clean", "minibench/answers_damaged": "damaged",
        "minibench/type_f1": "type F1", "minibench/false_alarms": "false alarms",
        "minibench/well_formed": "well formed", "minibench/intensity_mae": "intensity error",
    },
    "Token accuracy": {
        "mean_token_accuracy": "training", "eval_mean_token_accuracy": "held out",
        "mix_token_accuracy": "true chains",
    },
}  # fmt: skip
# The rest that is known; what is in neither stands in panels by the first part of its key.
_FURTHER: Mapping[str, Mapping[str, str]] = {
    "Gradient norm": {"grad_norm": "norm"},
    "Entropy": {"entropy": "training", "eval_entropy": "held out"},
    "Cut off at the longest length, share": {"completions/clipped_ratio": "share"},
    "Groups whose rewards are all alike, share": {"frac_reward_zero_std": "share"},
    "Spread of the sum within groups": {"reward_std": "deviation"},
    "Spread of each reward": _rewards(figure="std"),
    "Length of what came to its end, tokens": {
        "completions/mean_terminated_length": "mean",
        "completions/min_terminated_length": "shortest",
        "completions/max_terminated_length": "longest",
    },
    "Seconds a step": {"step_time": "seconds"},
}
_NOT_SET = "(not set)"
WEIGHTED = "Rewards, as they are weighted"
# Totals, and what says where a row stands rather than how the run goes.
_LEFT_OUT = re.compile(
    r"train_|total_flos$|epoch$|samples$|seen$|num_|turn$|ready$|(minibench|eval_findings)/(items|sec)"
    r"|eval_(runtime|samples|steps|num)|(eval_)?findings/(?!all/)|(eval_)?findings/all/true$"
)
_BY_KIND = re.compile(r"findings/(?P<id>\w+)/f1$")


@dataclass(frozen=True)
class Curve:
    """Hold one curve: a label, and the steps and values that were measured, None where lost."""

    label: str
    steps: tuple[int, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Panel:
    """Hold curves of one kind; `first` where everybody looks at them first."""

    title: str
    curves: tuple[Curve, ...]
    first: bool = True


@dataclass(frozen=True)
class Kinds:
    """Hold how well each degradation was found over the steps: F1, None where there was none.

    Attributes:
        ids: of the degradations that were met, in the order of the table.
        steps: the last of those that a column stands for.
        values: a row a degradation.
    """

    ids: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()
    values: tuple[tuple[float | None, ...], ...] = ()


def panels_of(run: TrainingRun) -> tuple[Panel, ...]:
    """Return all that a run's log holds as curves, what everybody looks at first coming first."""
    keys = list(dict.fromkeys(key for row in run.log for key in row.values))
    left = {key for key in keys if not _LEFT_OUT.match(key)}
    found = []
    for panels, first in ((_FIRST, True), (_FURTHER, False)):
        for title, names in panels.items():
            found.append(Panel(title, tuple(_curves(run.log, names, left)), first))
            left -= set(names)
            if title == "Rewards, each by itself":
                found.append(Panel(WEIGHTED, tuple(_weighted(run))))
    found += _others(run.log, [key for key in keys if key in left])
    warm = list(dict.fromkeys(key for row in run.warmup for key in row.values))
    found += _others(run.warmup, [key for key in warm if not _LEFT_OUT.match(key)], "Warm-up: ")
    return tuple(panel for panel in found if panel.curves)


def _curves(
    rows: Sequence[Measured], names: Mapping[str, str], known: set[str]
) -> Iterator[Curve]:
    for key, label in names.items():
        if key in known:
            yield _curve(rows, key, label)


def _curve(rows: Sequence[Measured], key: str, label: str, times: float = 1.0) -> Curve:
    points = [(row.step, row.values[key]) for row in rows if key in row.values]
    values = (None if value is None else times * value for _, value in points)
    return Curve(label, tuple(step for step, _ in points), tuple(values))


def _weighted(run: TrainingRun) -> Iterator[Curve]:
    """Yield what each reward adds to the sum, where they do not all count alike."""
    weights = {name: weight for name, weight in run.weights.items() if name in REWARDS}
    if all(weight == 1 for weight in weights.values()):
        return
    known = {key for row in run.log for key in row.values}
    for key, name in _rewards().items():
        if key in known and weights.get(name):
            yield _curve(run.log, key, f"{name} x {weights[name]:g}", weights[name])


def _others(rows: Sequence[Measured], keys: Sequence[str], before: str = "") -> Iterator[Panel]:
    """Yield panels of what nobody has named, together as the first part of their keys is."""
    parts: dict[str, list[str]] = {}
    for key in keys:
        parts.setdefault(key.partition("/")[0], []).append(key)
    for name, members in parts.items():
        for place in range(0, len(members), MOST_CURVES):
            chosen = members[place : place + MOST_CURVES]
            curves = tuple(_curve(rows, key, key.partition("/")[2] or key) for key in chosen)
            yield Panel(f"{before}{name}", curves, first=False)


def kinds_of(run: TrainingRun, columns: int) -> Kinds:
    """Return F1 by degradation over the steps, in so many columns at most."""
    rows = [row for row in run.log if any(map(_BY_KIND.match, row.values))]
    parts = [part for part in np.array_split(np.arange(len(rows)), columns) if len(part)]
    if not parts:
        return Kinds()
    table = {
        spec.id: tuple(_mean(rows, part, f"findings/{spec.id}/f1") for part in parts)
        for spec in SPECS
    }
    met = tuple(id for id, values in table.items() if any(value is not None for value in values))
    steps = tuple(rows[part[-1]].step for part in parts)
    return Kinds(met, steps, tuple(table[id] for id in met))


def _mean(rows: Sequence[Measured], part: np.ndarray, key: str) -> float | None:
    values = [value for at in part if (value := rows[at].values.get(key)) is not None]
    return sum(values) / len(values) if values else None


def smoothed(curve: Curve, weight: float) -> Curve:
    """Return the exponential moving average of a curve, without the bias of its first values.

    Args:
        curve: with gaps where a value is None; those stay.
        weight: of what came before, from 0 (no smoothing) to below 1.
    """
    mean, whole = 0.0, 0.0
    values: list[float | None] = []
    for value in curve.values:
        if value is None:
            values.append(None)
            continue
        mean = weight * mean + (1 - weight) * value
        whole = weight * whole + (1 - weight)
        values.append(mean / whole)
    return Curve(curve.label, curve.steps, tuple(values))


def thinned(curve: Curve, most: int = MOST_POINTS) -> Curve:
    """Return a curve of so many points at most that keeps the least and greatest of each part."""
    if len(curve.steps) <= most:
        return curve
    values = np.array([np.nan if value is None else value for value in curve.values])
    kept = {0, len(values) - 1}
    for part in np.array_split(np.arange(len(values)), most // 2 - 1):
        known = part[~np.isnan(values[part])]
        if len(known):
            kept |= {int(known[values[known].argmin()]), int(known[values[known].argmax()])}
    chosen = sorted(kept)
    return Curve(
        curve.label,
        tuple(curve.steps[at] for at in chosen),
        tuple(curve.values[at] for at in chosen),
    )


def ends_of(run: TrainingRun, key: str) -> tuple[float, float] | None:
    """Return the means of the first and of the last tenth of what was measured under a key."""
    values = [value for row in run.log if (value := row.values.get(key)) is not None]
    if len(values) < 2:
        return None
    tenth = max(1, len(values) // 10)
    return float(np.mean(values[:tenth])), float(np.mean(values[-tenth:]))


def differing(first: TrainingRun, second: TrainingRun) -> tuple[str, ...]:
    """Say for each setting in which two runs differ what it is in both, by its name."""
    one, other = dict(_settings(first.settings)), dict(_settings(second.settings))
    return tuple(
        f"{key} {one.get(key, _NOT_SET)} against {other.get(key, _NOT_SET)}"
        for key in dict.fromkeys((*one, *other))
        if one.get(key) != other.get(key)
    )


def _settings(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings by their names, those within others too."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
