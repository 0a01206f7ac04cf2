"""The figures of a run, each with its number of cases and a 95 % bootstrap interval.

Everything is computed from a run's rows, so a figure can be made again from the folder alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.chain import Finding
from robust_r1.degradations import SPECS
from robust_r1.evaluation.runs import Row
from robust_r1.metrics import Matching, bootstrap_interval, match_findings, mean
from robust_r1.metrics import pool as pool_matchings

# Below this nobody can be asked to see a degradation; it counts neither way.
VISIBLE = 0.1
_RESAMPLES = 1000


@dataclass(frozen=True)
class Figure:
    """Hold a measured value, the number of cases it rests on, and its 95 % bootstrap interval.

    `value` is None where nothing could be scored; `low` and `high` are None where there is no
    interval.
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Show value, interval and n: "0.812 (0.79 to 0.83, n = 300)"."""
        if self.value is None:
            return f"not scored (n = {self.n})"
        if self.low is None:
            return f"{self.value:.3f} (n = {self.n})"
        return f"{self.value:.3f} ({self.low:.2f} to {self.high:.2f}, n = {self.n})"


def headline(rows: Sequence[Row]) -> dict[str, Figure]:
    """Compute the figures of the table in README, by name, in its order."""
    damaged = [row for row in rows if row.plan]
    clean = [row for row in rows if not row.plan]
    figures = {
        "well formed": average(float(row.well_formed) for row in rows),
        "type precision": pooled(damaged, lambda matching: matching.precision),
        "type recall": pooled(damaged, lambda matching: matching.recall),
        "type F1": pooled(damaged, lambda matching: matching.f1),
        "intensity MAE": pooled(damaged, lambda matching: matching.mae),
        "intensity bias": pooled(damaged, lambda matching: matching.bias),
        "false alarm on clean": average(float(bool(row.found)) for row in clean),
    }
    for level in dict.fromkeys(row.level for row in rows):
        scores = [row.accuracy for row in rows if row.level == level]
        if any(score is not None for score in scores):
            figures[f"answers, {level}"] = average(scores)
    figures["tokens"] = average(float(row.tokens) for row in rows)
    figures["length and damage, Spearman"] = length_by_damage(rows)
    return figures


def recall_by_degradation(rows: Iterable[Row], least: float) -> dict[str, Figure]:
    """Compute, for each id, how often it was perceived where it had at least this intensity."""
    hits: dict[str, list[float]] = {spec.chain_name: [] for spec in SPECS}
    for row in rows:
        perceived = {finding.name for finding in row.found}
        for finding in row.true:
            if finding.intensity >= least:
                hits[finding.name].append(float(finding.name in perceived))
    return {spec.id: average(hits[spec.chain_name]) for spec in SPECS}


def average(values: Iterable[float | None]) -> Figure:
    """Average what was scored, with the percentile bootstrap interval."""
    scored = [value for value in values if value is not None]
    low, high = bootstrap_interval(scored) or (None, None)
    return Figure(mean(scored), len(scored), low, high)


def pooled(rows: Sequence[Row], figure: Callable[[Matching], float | None]) -> Figure:
    """Compute a figure over all findings; resampled are pictures, whose findings hang together."""
    matchings = [match_visible(row) for row in rows]
    value = figure(pool_matchings(matchings))
    rng = np.random.default_rng(0)
    draws = [
        figure(pool_matchings([matchings[index] for index in drawn]))
        for drawn in rng.integers(len(matchings), size=(_RESAMPLES, len(matchings)))
    ] if matchings else []  # fmt: skip
    known = [draw for draw in draws if draw is not None]
    if value is None or not known:
        return Figure(value, len(rows))
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(value, len(rows), float(low), float(high))


def match_visible(row: Row) -> Matching:
    """Match findings; what was applied too weakly to be seen counts neither way."""
    faint = {finding.name for finding in row.true if finding.intensity < VISIBLE}
    return match_findings(_without(row.found, faint), _without(row.true, faint))


def length_by_damage(rows: Sequence[Row]) -> Figure:
    """Compute Spearman's rank correlation of tokens with the total applied intensity."""
    totals = np.array([row.plan.total_intensity for row in rows])
    tokens = np.array([row.tokens for row in rows], dtype=float)
    value = _spearman(totals, tokens)
    if value is None:
        return Figure(None, len(rows))
    rng = np.random.default_rng(0)
    draws = [
        _spearman(totals[drawn], tokens[drawn])
        for drawn in rng.integers(len(rows), size=(_RESAMPLES, len(rows)))
    ]
    low, high = np.quantile([draw for draw in draws if draw is not None], [0.025, 0.975])
    return Figure(value, len(rows), float(low), float(high))


def _without(findings: Iterable[Finding], names: set[str]) -> list[Finding]:
    return [finding for finding in findings if finding.name not in names]


def _spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    ranks = [_ranks(values) for values in (first, second)]
    if min(values.std() for values in ranks) == 0:
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Rank values from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[inverse]
