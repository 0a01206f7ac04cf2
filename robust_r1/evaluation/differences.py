"""How two runs of one benchmark differ, case by case, with paired 95 % bootstrap intervals.

Both models answered the same cases, so the same cases are drawn for both in each resample: what is
hard for both then cancels out of the difference. On photographs the photographs are drawn, each
with all its cases.
"""

from collections.abc import Callable, Sequence

import numpy as np

from robust_r1.errors import InputError
from robust_r1.evaluation.figures import is_false_alarm
from robust_r1.evaluation.photobench2 import view_of
from robust_r1.evaluation.runs import Row, Run
from robust_r1.metrics import Figure, groups_of, pool

_RESAMPLES = 1000

# What a resample makes of one model's cases; None where nothing can be scored.
_Value = Callable[[Sequence], float | None]


def differences(run: Run, other: Run) -> dict[str, Figure]:
    """Compute what `run` has more than `other` of each figure of perception, answers and length.

    Returns:
        By name: type F1, intensity MAE, size of the intensity bias, tokens, false alarms on clean
        views of PhotoBench 2, answers by level. The cases of a figure are those that both runs
        hold.

    Raises:
        InputError: the runs are of different benchmarks or share no case.
    """
    pairs = _pairs(run, other)
    damaged = [pair for pair in pairs if pair[0].plan]
    matched = [tuple(row.matching for row in pair) for pair in damaged]
    groups, drawn = _groups(pairs), _groups(damaged)
    figures = {
        "type F1": _difference(matched, drawn, lambda part: pool(part).f1),
        "intensity MAE": _difference(matched, drawn, lambda part: pool(part).mae),
        "intensity bias, size": _difference(matched, drawn, _bias_size),
        "tokens": _mean_difference([(row.tokens, old.tokens) for row, old in pairs], groups),
    }
    if views := [pair for pair in pairs if not pair[0].plan and view_of(pair[0].source)]:
        alarms = [(is_false_alarm(row), is_false_alarm(old)) for row, old in views]
        figures["false alarm on clean"] = _mean_difference(alarms, _groups(views))
    for level in dict.fromkeys(row.level for row, _ in pairs):
        scored = [
            pair
            for pair in pairs
            if pair[0].level == level and None not in (pair[0].accuracy, pair[1].accuracy)
        ]
        if scored:
            scores = [(row.accuracy or 0.0, old.accuracy or 0.0) for row, old in scored]
            figures[f"answers, {level}"] = _mean_difference(scores, _groups(scored))
    return figures


def _pairs(run: Run, other: Run) -> list[tuple[Row, Row]]:
    if run.benchmark != other.benchmark:
        raise InputError(
            f"{run.folder} is of {run.benchmark}, {other.folder} of {other.benchmark}; "
            "compare runs of one benchmark"
        )
    known = {row.id: row for row in other.rows}
    pairs = [(row, known[row.id]) for row in run.rows if row.id in known]
    if not pairs:
        raise InputError(f"{run.folder} and {other.folder} have no case in common")
    return pairs


def _bias_size(matchings: Sequence) -> float | None:
    bias = pool(matchings).bias
    return None if bias is None else abs(bias)


def _groups(pairs: Sequence[tuple[Row, Row]]) -> list[np.ndarray]:
    """Return the places of what is drawn together: each pair, or the pairs of a photograph."""
    groups = groups_of([row.photograph for row, _ in pairs])
    if groups is None:
        return [np.array([place]) for place in range(len(pairs))]
    return [np.flatnonzero(groups == group) for group in range(groups.max() + 1)]


def _mean_difference(pairs: Sequence[tuple[float, float]], groups: list[np.ndarray]) -> Figure:
    gaps = np.array([new - old for new, old in pairs], dtype=float)
    sums = np.array([gaps[group].sum() for group in groups])
    sizes = np.array([len(group) for group in groups])
    drawn = _draws(groups)
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    return _figure(float(gaps.mean()), means.tolist(), pairs, groups)


def _difference(pairs: Sequence[tuple], groups: list[np.ndarray], value: _Value) -> Figure:
    def gap(chosen: Sequence[tuple]) -> float | None:
        new, old = (value(part) for part in zip(*chosen, strict=True))
        return None if new is None or old is None else new - old

    whole = gap(pairs) if pairs else None
    if whole is None:
        return Figure(None, len(pairs))
    draws = [gap([pairs[place] for one in drawn for place in groups[one]])
             for drawn in _draws(groups)]  # fmt: skip
    return _figure(whole, draws, pairs, groups)


def _draws(groups: list[np.ndarray]) -> np.ndarray:
    return np.random.default_rng(0).integers(len(groups), size=(_RESAMPLES, len(groups)))


def _figure(
    value: float, draws: Sequence[float | None], pairs: Sequence[tuple], groups: list[np.ndarray]
) -> Figure:
    """Give a difference its interval; of a single photograph there is none."""
    if len(groups) == 1 and len(pairs) > 1:
        return Figure(value, len(pairs))
    low, high = np.quantile([draw for draw in draws if draw is not None], [0.025, 0.975])
    return Figure(value, len(pairs), float(low), float(high))
