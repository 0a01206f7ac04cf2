"""The figures of a run, each with its number of cases and a 95 % bootstrap interval.

Everything is computed from a run's rows, so a figure can be made again from the folder alone.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from robust_r1.degradations import SPECS
from robust_r1.evaluation.runs import Row
from robust_r1.metrics import Figure, Matching, average, match_visible

_RESAMPLES = 1000
# Rows of resamples that are drawn at a time: 100 x 10,000 draws are 8 MB.
_DRAWN_AT_ONCE = 100


def headline(rows: Sequence[Row]) -> dict[str, Figure]:
    """Compute the figures of the table in README, by name, in its order."""
    damaged = [row for row in rows if row.plan]
    clean = [row for row in rows if not row.plan]
    figures = {
        "well formed": average(float(row.well_formed) for row in rows),
        **perception(damaged),
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


def perception(rows: Sequence[Row]) -> dict[str, Figure]:
    """Compute the figures of perception over all findings of damaged pictures, by name.

    Resampled are pictures, whose findings hang together; all five share their resamples.
    """
    counts = np.array([_counts(match_visible(row.found, row.true)) for row in rows]).reshape(-1, 5)
    whole = _ratios(counts.sum(0, keepdims=True))
    sums = [counts[drawn].sum(1) for drawn in _draws(len(rows))]
    resampled = _ratios(np.concatenate(sums)) if sums else whole
    return {
        name: _figure(whole[name][0], resampled[name], len(rows)) if len(rows) else Figure(None, 0)
        for name in whole
    }


def _counts(matching: Matching) -> tuple[float, ...]:
    """Return matches, false alarms, misses, and the sums of errors and of absolute errors."""
    errors = [perceived - true for _, perceived, true in matching.matched]
    sizes = len(errors), len(matching.false_alarms), len(matching.misses)
    return (*sizes, sum(errors), sum(map(abs, errors)))


def _ratios(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Turn sums of counts, k x 5, into figures; nan where there is nothing to divide by."""
    matched, alarms, misses, errors, sizes = sums.T
    with np.errstate(invalid="ignore"):
        return {
            "type precision": matched / (matched + alarms),
            "type recall": matched / (matched + misses),
            "type F1": 2 * matched / (2 * matched + alarms + misses),
            "intensity MAE": sizes / matched,
            "intensity bias": errors / matched,
        }


def _figure(value: float, resampled: np.ndarray, n: int) -> Figure:
    known = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(known):
        return Figure(None if np.isnan(value) else float(value), n)
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(float(value), n, float(low), float(high))


def _draws(n: int) -> Iterator[np.ndarray]:
    """Draw indices for the resamples of n items, some rows at a time; nothing for no items."""
    rng = np.random.default_rng(0)
    for _ in range(0, _RESAMPLES if n else 0, _DRAWN_AT_ONCE):
        yield rng.integers(n, size=(_DRAWN_AT_ONCE, n))


def length_by_damage(rows: Sequence[Row]) -> Figure:
    """Compute Spearman's rank correlation of tokens with the total applied intensity."""
    pairs = [
        np.unique(values, return_inverse=True)[1]
        for values in ([row.plan.total_intensity for row in rows], [row.tokens for row in rows])
    ]
    if not rows:
        return Figure(None, 0)
    resampled = [
        _spearman(*(kinds[one] for kinds in pairs)) for drawn in _draws(len(rows)) for one in drawn
    ]
    # None becomes nan, which counts as not known.
    value, *rest = np.array([_spearman(*pairs), *resampled], dtype=float)
    return _figure(value, np.array(rest), len(rows))


def _spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the rank correlation of two rows of whole numbers from 0; None if one is constant."""
    ranks = [_ranks(values) for values in (first, second)]
    if min(values.std() for values in ranks) == 0:
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Rank whole numbers from 0 on; equal ones share their mean rank."""
    counts = np.bincount(values)
    return (np.cumsum(counts) - (counts + 1) / 2)[values]
