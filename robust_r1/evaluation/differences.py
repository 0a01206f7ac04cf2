"""How two runs of one benchmark differ, case by case, with paired 95 % bootstrap intervals.

Both models answered the same cases, so the same cases are drawn for both in each resample: what is
hard for both then cancels out of the difference.
"""

from collections.abc import Callable, Sequence

import numpy as np

from robust_r1.errors import InputError
from robust_r1.evaluation.runs import Row, Run
from robust_r1.metrics import Figure, pool

_RESAMPLES = 1000

# What a resample makes of one model's cases; None where nothing can be scored.
_Value = Callable[[Sequence], float | None]


def differences(run: Run, other: Run) -> dict[str, Figure]:
    """Compute what `run` has more than `other` of each figure of perception, answers and length.

    Returns:
        By name: type F1, intensity MAE, size of the intensity bias, tokens, answers by level. The
        cases of a figure are those that both runs hold.

    Raises:
        InputError: the runs are of different benchmarks or share no case.
    """
    pairs = _pairs(run, other)
    damaged = [pair for pair in pairs if pair[0].plan]
    matched = [tuple(row.matching for row in pair) for pair in damaged]
    figures = {
        "type F1": _difference(matched, lambda part: pool(part).f1),
        "intensity MAE": _difference(matched, lambda part: pool(part).mae),
        "intensity bias, size": _difference(matched, _bias_size),
        "tokens": _mean_difference([(row.tokens, old.tokens) for row, old in pairs]),
    }
    for level in dict.fromkeys(row.level for row, _ in pairs):
        scored = [
            (row.accuracy, old.accuracy)
            for row, old in pairs
            if row.level == level and None not in (row.accuracy, old.accuracy)
        ]
        if scored:
            figures[f"answers, {level}"] = _mean_difference(scored)
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


def _mean_difference(pairs: list[tuple[float, float]]) -> Figure:
    gaps = np.array([new - old for new, old in pairs], dtype=float)
    drawn = np.random.default_rng(0).integers(len(gaps), size=(_RESAMPLES, len(gaps)))
    low, high = np.quantile(gaps[drawn].mean(1), [0.025, 0.975])
    return Figure(float(gaps.mean()), len(gaps), float(low), float(high))


def _difference(pairs: Sequence[tuple], value: _Value) -> Figure:
    def gap(chosen: Sequence[tuple]) -> float | None:
        new, old = (value(part) for part in zip(*chosen, strict=True))
        return None if new is None or old is None else new - old

    whole = gap(pairs) if pairs else None
    if whole is None:
        return Figure(None, len(pairs))
    rng = np.random.default_rng(0)
    draws = [
        gap([pairs[index] for index in drawn])
        for drawn in rng.integers(len(pairs), size=(_RESAMPLES, len(pairs)))
    ]
    low, high = np.quantile([draw for draw in draws if draw is not None], [0.025, 0.975])
    return Figure(whole, len(pairs), float(low), float(high))
