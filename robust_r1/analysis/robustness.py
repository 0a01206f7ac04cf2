"""Accuracy by strength of the damage, and the robustness table in the paper's layout."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.analysis.entries import Entry, by_model_and_level, in_order, is_right
from robust_r1.ask.answered import Answered
from robust_r1.metrics import Figure, Flips, average, figures_of_sums, flips

TASKS = ("mcq", "vqa", "cap")
STRENGTHS = ("low", "mid", "high")


@dataclass(frozen=True)
class LevelFigures:
    """Summarize what came of one model at one level; `task` is empty for all tasks together.

    Attributes:
        flips: how the damage turned answers, as shares of the pairs that are scored clean too.
        drop: the share of the clean accuracy that is lost, over the same questions.
        lost, won: the shares of `flips`, from right to wrong and the other way.
    """

    model: str
    task: str
    level: str
    accuracy: Figure
    tokens: Figure
    flips: Flips
    drop: Figure
    lost: Figure
    won: Figure


@dataclass(frozen=True)
class RobustnessRow:
    """Fill one line of the paper's table: `cells` by (task, strength), then all together."""

    model: str
    cells: dict[tuple[str, str], Figure]
    overall: Figure


def by_level(entries: Sequence[Entry]) -> tuple[LevelFigures, ...]:
    """Compute accuracy, length and flips for each model, task and level that there is.

    For each model all tasks together come first (if there are several), then each by itself.
    Nothing is returned for levels at which no answer is scored.
    """
    found = []
    for model, level, chosen in by_model_and_level(entries):
        tasks = in_order(entry.row.task for entry in chosen)
        for task in ("", *tasks) if len(tasks) > 1 else tasks:
            part = [entry for entry in chosen if not task or entry.row.task == task]
            found.append(_level(model, task, level, part))
    return tuple(found)


def robustness(entries: Sequence[Entry]) -> tuple[RobustnessRow, ...]:
    """Compute R-Bench's absolute robustness: the mean score of answers on damaged pictures.

    Overall is the mean over all cases at low, mid and high, as R-Bench takes it. Models without a
    scored case of that kind are left out.
    """
    rows = []
    for model in in_order(entry.model for entry in entries):
        parts: dict[tuple[str, str], list[Answered]] = {
            (task, strength): [] for task in TASKS for strength in STRENGTHS
        }
        for entry in entries:
            place = (entry.row.task, entry.row.level)
            if entry.model == model and place in parts:
                parts[place].append(entry.row)
        overall = _accuracy([row for part in parts.values() for row in part])
        if overall.n:
            cells = {place: _accuracy(part) for place, part in parts.items()}
            rows.append(RobustnessRow(model, cells, overall))
    return tuple(rows)


def _level(model: str, task: str, level: str, part: Sequence[Entry]) -> LevelFigures:
    rows = [entry.row for entry in part]
    twins = [
        (entry.clean, entry.row)
        for entry in part
        if entry.clean is not None and entry.clean is not entry.row
    ]
    scores = [(_score(clean), _score(row)) for clean, row in twins]
    tokens = average([float(row.tokens) for row in rows], [row.cluster for row in rows])
    return LevelFigures(
        model, task, level, _accuracy(rows), tokens, flips(*_sides(scores)), _drop(twins),
        _turned(twins, scores, (1.0, 0.0)), _turned(twins, scores, (0.0, 1.0)),
    )  # fmt: skip


def _sides(
    scores: Sequence[tuple[float | None, float | None]],
) -> tuple[list[float | None], list[float | None]]:
    return [clean for clean, _ in scores], [damaged for _, damaged in scores]


def _drop(twins: Sequence[tuple[Answered, Answered]]) -> Figure:
    scored = [
        (clean.accuracy, row.accuracy, row.cluster)
        for clean, row in twins
        if clean.accuracy is not None and row.accuracy is not None
    ]
    parts = np.array([pair[:2] for pair in scored], dtype=float).reshape(-1, 2)

    def drop(sums: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore", divide="ignore"):
            lost = (sums[:, 0] - sums[:, 1]) / sums[:, 0]
        return {"drop": np.where(sums[:, 0] > 0, lost, np.nan)}

    return figures_of_sums(parts, drop, [cluster for *_, cluster in scored])["drop"]


def _turned(
    twins: Sequence[tuple[Answered, Answered]],
    scores: Sequence[tuple[float | None, float | None]],
    way: tuple[float, float],
) -> Figure:
    told = [None if None in pair else float(pair == way) for pair in scores]
    return average(told, [row.cluster for _, row in twins])


def _accuracy(rows: Sequence[Answered]) -> Figure:
    return average([row.accuracy for row in rows], [row.cluster for row in rows])


def _score(row: Answered) -> float | None:
    right = is_right(row)
    return None if right is None else float(right)
