"""Accuracy by strength of the damage, and the robustness table in the paper's layout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from robust_r1.analysis.entries import Entry, in_order, is_right
from robust_r1.ask.answered import Answered
from robust_r1.metrics import Figure, Flips, average, flips

TASKS = ("mcq", "vqa", "cap")
STRENGTHS = ("low", "mid", "high")


@dataclass(frozen=True)
class LevelFigures:
    """Summarize what came of one model at one level; `task` is empty for all tasks together."""

    model: str
    task: str
    level: str
    accuracy: Figure
    tokens: Figure
    flips: Flips


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
    for model, level, chosen in _split(entries):
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


def _split(entries: Sequence[Entry]) -> Iterator[tuple[str, str, list[Entry]]]:
    parts: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        parts.setdefault((entry.model, entry.row.level), []).append(entry)
    for model in in_order(entry.model for entry in entries):
        own = [(level, chosen) for (other, level), chosen in parts.items() if other == model]
        # What the damage is compared with comes first, wherever its cases stand.
        for level, chosen in sorted(own, key=lambda pair: pair[0] != "clean"):
            yield model, level, chosen


def _level(model: str, task: str, level: str, part: Sequence[Entry]) -> LevelFigures:
    twins = [entry for entry in part if entry.clean is not None and entry.clean is not entry.row]
    turned = flips(
        [_score(entry.clean) for entry in twins if entry.clean],
        [_score(entry.row) for entry in twins],
    )
    groups = [entry.row.cluster for entry in part]
    return LevelFigures(
        model, task, level, _accuracy([entry.row for entry in part]),
        average([float(entry.row.tokens) for entry in part], groups), turned,
    )  # fmt: skip


def _accuracy(rows: Sequence[Answered]) -> Figure:
    return average([row.accuracy for row in rows], [row.cluster for row in rows])


def _score(row: Answered) -> float | None:
    right = is_right(row)
    return None if right is None else float(right)
