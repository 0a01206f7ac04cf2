"""What the options' probabilities tell: calibration, rank and margin of the right option, moves.

Of runs that kept them (`evaluate --logprobs`), by model and level. A model whose right answers
lose margin while as many answers stay right loses confidence before accuracy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from robust_r1.analysis.entries import Entry, by_model_and_level
from robust_r1.ask.answered import Answered
from robust_r1.metrics import (
    Figure,
    OptionOdds,
    average,
    calibration_of_sums,
    calibration_parts,
    figures_of_sums,
    move_of,
    option_odds,
)

CALIBRATION, RANK, MARGIN = "calibration error", "rank of the right option", "margin"
ACCURACY_CHANGE, MARGIN_CHANGE = "accuracy, more than clean", "margin, more than clean"
KEPT_CHANGE = "margin of kept answers, more than clean"
KEPT_FALLS = "kept answers whose margin falls"
UNCERTAINTY_CHANGE = "uncertainty, more than clean"
DESTRUCTIVE, CORRECTIVE = "destructive moves", "corrective moves"


@dataclass(frozen=True)
class ConfidenceFigures:
    """Hold the figures of one model at one level, by the names above.

    Those that compare with the clean picture are left out at the clean level; kept answers are
    right on both pictures.
    """

    model: str
    level: str
    figures: dict[str, Figure]


@dataclass(frozen=True)
class _Pair:
    """Hold one question about a clean and a damaged picture, with the odds of both."""

    entry: Entry
    clean: OptionOdds
    damaged: OptionOdds

    @property
    def gap(self) -> float | None:
        """Return by how much the answer is more right than the clean one."""
        clean, after = self.entry.clean, self.entry.row.accuracy
        before = None if clean is None else clean.accuracy
        return None if before is None or after is None else after - before

    @property
    def stays_right(self) -> bool:
        return self.entry.row.accuracy == 1 and self.gap == 0


def confidence(entries: Sequence[Entry]) -> tuple[ConfidenceFigures, ...]:
    """Compute the figures of each model and level that has any odds; clean ones come first."""
    found = []
    for model, level, part in by_model_and_level(entries):
        asked = [(entry, odds) for entry in part if (odds := _odds(entry.row))]
        if asked:
            figures = {**_at_level(asked), **_from_clean(list(_pairs(asked)))}
            found.append(ConfidenceFigures(model, level, figures))
    return tuple(found)


def _odds(row: Answered | None) -> OptionOdds | None:
    if row is None or not row.option_logprobs:
        return None
    return option_odds(row.option_logprobs, row.truth, row.choices)


def _pairs(asked: Sequence[tuple[Entry, OptionOdds]]) -> Iterator[_Pair]:
    for entry, odds in asked:
        clean = None if entry.clean is entry.row else _odds(entry.clean)
        if clean:
            yield _Pair(entry, clean, odds)


def _at_level(asked: Sequence[tuple[Entry, OptionOdds]]) -> dict[str, Figure]:
    labels = [entry.row.cluster for entry, _ in asked]
    odds = [one for _, one in asked]
    parts = calibration_parts([one.confidence for one in odds], [one.correct for one in odds])
    calibration = figures_of_sums(
        parts, lambda sums: {CALIBRATION: calibration_of_sums(sums)}, labels
    )
    return {
        **calibration,
        RANK: average([float(one.rank) for one in odds], labels),
        MARGIN: average([one.margin for one in odds], labels),
    }


def _from_clean(pairs: Sequence[_Pair]) -> dict[str, Figure]:
    if not pairs:
        return {}
    moves = [(pair, move_of(pair.clean, pair.damaged)) for pair in pairs]
    kept = [(pair, move.margin) for pair, move in moves if pair.stays_right]

    def mean(values: Sequence[float | None], of: Sequence[_Pair] = pairs) -> Figure:
        return average(values, [pair.entry.row.cluster for pair in of])

    right = [pair for pair, _ in kept]
    return {
        ACCURACY_CHANGE: mean([pair.gap for pair in pairs]),
        MARGIN_CHANGE: mean([move.margin for _, move in moves]),
        KEPT_CHANGE: mean([margin for _, margin in kept], right),
        KEPT_FALLS: mean([float(margin < 0) for _, margin in kept], right),
        UNCERTAINTY_CHANGE: mean([move.uncertainty for _, move in moves]),
        DESTRUCTIVE: mean([move.destructive for _, move in moves]),
        CORRECTIVE: mean([move.corrective for _, move in moves]),
    }


def lost_first(lines: Sequence[ConfidenceFigures]) -> str:
    """Say in a sentence whether one model loses confidence before it loses accuracy.

    `lines` are its figures by level, the weakest damage first. A loss counts where its interval
    lies below 0. Empty where nothing can be compared.
    """
    compared = [line for line in lines if line.figures.get(ACCURACY_CHANGE, Figure(None, 0)).n]
    if not compared:
        return ""
    sure, right = (_first_loss(compared, name) for name in (KEPT_CHANGE, ACCURACY_CHANGE))
    model = compared[0].model
    if sure is None and right is None:
        return f"{model} loses neither confidence nor accuracy beyond noise at any level."
    if right is None:
        return (
            f"{model} loses confidence before accuracy: from {sure} on the margin of answers that "
            "stay right falls, and accuracy falls beyond noise at no level."
        )
    if sure is None:
        return f"{model} loses accuracy from {right} on, and no confidence where it stays right."
    order = [line.level for line in compared]
    if order.index(sure) < order.index(right):
        return (
            f"{model} loses confidence before accuracy: from {sure} on the margin of answers that "
            f"stay right falls, and accuracy falls beyond noise from {right} on."
        )
    if sure == right:
        return f"{model} loses confidence and accuracy at the same level, {sure}."
    return (
        f"{model} loses accuracy before confidence: from {right} on, and the margin of answers "
        f"that stay right falls from {sure} on."
    )


def _first_loss(lines: Sequence[ConfidenceFigures], name: str) -> str | None:
    ends = ((line.level, line.figures[name].high) for line in lines)
    return next((level for level, high in ends if high is not None and high < 0), None)
