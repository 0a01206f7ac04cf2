"""How two runs of one benchmark differ, case by case, with paired 95 % bootstrap intervals.

Both models answered the same cases, so the same pictures, each with all its cases, are drawn for
both in each resample: what is hard for both then cancels out of the difference.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from robust_r1.ask.answered import Answered
from robust_r1.errors import InputError
from robust_r1.evaluation.figures import finding_counts, finding_ratios, is_false_alarm
from robust_r1.evaluation.photobench2 import view_of
from robust_r1.evaluation.runs import Run
from robust_r1.metrics import Figure, figures_of_sums

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
    figures = {
        **_perception_differences(damaged),
        "tokens": _mean_difference(pairs, lambda row: row.tokens),
    }
    if views := [pair for pair in pairs if not pair[0].plan and view_of(pair[0].source)]:
        figures["false alarm on clean"] = _mean_difference(views, is_false_alarm)
    for level in dict.fromkeys(row.level for row, _ in pairs):
        scored = [
            pair
            for pair in pairs
            if pair[0].level == level and None not in (pair[0].accuracy, pair[1].accuracy)
        ]
        if scored:
            found = _mean_difference(scored, lambda row: row.accuracy or 0.0)
            figures[f"answers, {level}"] = found
    return figures


def _mean_difference(pairs: Sequence[_Pair], value: Callable[[Answered], float]) -> Figure:
    gaps = np.array([[value(row) - value(old), 1.0] for row, old in pairs], dtype=float)
    return _of_sums(pairs, gaps, lambda sums: {"gap": sums[:, 0] / sums[:, 1]})["gap"]


def _perception_differences(pairs: Sequence[_Pair]) -> dict[str, Figure]:
    """Compare figures of `finding_ratios`, those of errors by their size."""
    sides = [[finding_counts(row.matching) for row in side] for side in zip(*pairs, strict=True)]
    counts = np.hstack(sides) if pairs else np.zeros((0, 10))
    return _of_sums(pairs, counts, _gaps)


def _gaps(sums: np.ndarray) -> dict[str, np.ndarray]:
    new, old = finding_ratios(sums[:, :5]), finding_ratios(sums[:, 5:])
    names = {"type F1": "type F1", "intensity MAE": "intensity MAE",
             "intensity bias, size": "intensity bias"}  # fmt: skip
    return {shown: np.abs(new[name]) - np.abs(old[name]) for shown, name in names.items()}


def _of_sums(
    pairs: Sequence[_Pair],
    parts: np.ndarray,
    compute: Callable[[np.ndarray], Mapping[str, np.ndarray]],
) -> dict[str, Figure]:
    return figures_of_sums(parts, compute, [row.cluster for row, _ in pairs])
