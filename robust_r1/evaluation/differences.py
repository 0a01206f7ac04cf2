"""How two runs of one benchmark differ, case by case, with paired 95 % bootstrap intervals.

Both models answered the same cases, so the same cases are drawn for both in each resample: what is
hard for both then cancels out of the difference. On photographs the photographs are drawn, each
with all its cases.
"""

from collections.abc import Sequence

import numpy as np

from robust_r1.ask.answered import Answered
from robust_r1.errors import InputError
from robust_r1.evaluation.figures import finding_counts, finding_ratios, is_false_alarm
from robust_r1.evaluation.photobench2 import view_of
from robust_r1.evaluation.runs import Run
from robust_r1.metrics import Figure, groups_of

_RESAMPLES = 1000
_Pair = tuple[Answered, Answered]


def differences(run: Run, other: Run) -> dict[str, Figure]:
    """Compute what `run` has more than `other` of each figure of perception, answers and length.

    Returns:
        By name: type F1, intensity MAE, size of the intensity bias, tokens, false alarms on clean
        views of PhotoBench 2, answers by level. The cases of a figure are those that both runs
        hold.

    Raises:
        InputError: the runs are of different benchmarks, judged by different judges, or share no
            case.
    """
    if run.benchmark != other.benchmark:
        raise InputError(
            f"{run.folder} is of {run.benchmark}, {other.folder} of {other.benchmark}; "
            "compare runs of one benchmark"
        )
    if _who(run) != _who(other):
        raise InputError(
            f"{run.folder} was judged by {run.judge or 'nobody'}, {other.folder} by "
            f"{other.judge or 'nobody'}; compare runs that one judge has judged"
        )
    found = paired_differences(run.rows, other.rows)
    if not found:
        raise InputError(f"{run.folder} and {other.folder} have no case in common")
    return found


def _who(run: Run) -> tuple[str, str] | None:
    """Return a run's judge and prompts; where the judge is served does not matter."""
    return None if run.judge is None else (run.judge.model, run.judge.prompts)


def paired_differences(rows: Sequence[Answered], others: Sequence[Answered]) -> dict[str, Figure]:
    """Compute `differences` of some cases of one benchmark; nothing where none is in common."""
    known = {row.id: row for row in others}
    pairs = [(row, known[row.id]) for row in rows if row.id in known]
    if not pairs:
        return {}
    damaged = [pair for pair in pairs if pair[0].plan]
    groups, drawn = _groups(pairs), _groups(damaged)
    figures = {
        "type F1": _ratio_difference(damaged, drawn, "type F1"),
        "intensity MAE": _ratio_difference(damaged, drawn, "intensity MAE"),
        "intensity bias, size": _ratio_difference(damaged, drawn, "intensity bias"),
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


def _groups(pairs: Sequence[_Pair]) -> list[np.ndarray]:
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
    return _figure(float(gaps.mean()), means, len(pairs), len(groups))


def _ratio_difference(pairs: Sequence[_Pair], groups: list[np.ndarray], name: str) -> Figure:
    """Compare a figure of `finding_ratios`, which is one of error by its size."""
    if not pairs:
        return Figure(None, 0)
    drawn = np.stack([np.bincount(one, minlength=len(groups)) for one in _draws(groups)])
    whole, resampled = np.zeros(1), np.zeros(len(drawn))
    for side, sign in ((0, 1), (1, -1)):
        counts = np.array([finding_counts(pair[side].matching) for pair in pairs])
        sums = np.array([counts[group].sum(0) for group in groups])
        whole = whole + sign * np.abs(finding_ratios(sums.sum(0)[None])[name])
        resampled = resampled + sign * np.abs(finding_ratios(drawn @ sums)[name])
    if np.isnan(whole[0]):
        return Figure(None, len(pairs))
    return _figure(float(whole[0]), resampled[~np.isnan(resampled)], len(pairs), len(groups))


def _draws(groups: list[np.ndarray]) -> np.ndarray:
    return np.random.default_rng(0).integers(len(groups), size=(_RESAMPLES, len(groups)))


def _figure(value: float, draws: np.ndarray, n: int, groups: int) -> Figure:
    """Give a difference its interval; of a single photograph there is none."""
    if groups == 1 and n > 1:
        return Figure(value, n)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Figure(value, n, float(low), float(high))
