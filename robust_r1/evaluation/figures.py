"""The figures of a run, each with its number of cases and a 95 % bootstrap interval.

Everything is computed from a run's rows, so a figure can be made again from the folder alone.
Resampled are pictures, each with all its rows (`Row.cluster`): its levels, the questions about it,
of a photograph all that is shown of it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np

from robust_r1.ask.answered import Answered, level_place
from robust_r1.degradations import SPECS, find
from robust_r1.evaluation.photobench2 import NOT_SAVED, SAVED, false_alarms, view_of
from robust_r1.metrics import (
    VISIBLE,
    Figure,
    Matching,
    average,
    figures_of_sums,
    groups_of,
    resampled_counts,
)
from robust_r1.metrics.figures import SHARED_RESAMPLES

_Hit = tuple[float, str]  # 1 where a finding was perceived, else 0; what it is drawn with
# (low, high) applied intensities, from low up and below high: hardly visible, the hard middle,
# strong. Below the first a degradation counts neither way.
BANDS = ((VISIBLE, 0.3), (0.3, 0.6), (0.6, 1.0))


def headline(rows: Sequence[Answered]) -> dict[str, Figure]:
    """Compute the figures of the table in README, by name, in its order."""
    damaged = [row for row in rows if row.known and row.plan]
    clean = [row for row in rows if row.known and not row.plan]
    figures = {
        "well formed": _share(rows, lambda row: row.well_formed),
        **perception(damaged),
        **_f1_by_level(damaged),
        "false alarm on clean": _share(clean, is_false_alarm),
    }
    for saved, part in _views_by_saving(clean).items():
        figures[f"false alarm on clean, {saved}"] = _share(part, is_false_alarm)
    for level in sorted(dict.fromkeys(row.level for row in rows), key=level_place):
        part = [row for row in rows if row.level == level]
        if any(row.accuracy is not None for row in part):
            scores = (row.accuracy for row in part)
            figures[f"answers, {level}"] = average(scores, [row.cluster for row in part])
    scored = [row for row in rows if row.accuracy is not None]
    if any(row.unparsed for row in scored):
        figures["no answer found"] = _share(scored, lambda row: row.unparsed)
    asked = [row for row in rows if row.judged is not None]
    if not all(row.judged for row in asked):
        figures["not judged"] = _share(asked, lambda row: not row.judged)
    figures["tokens"] = _share(rows, lambda row: row.tokens)
    figures["length and damage, Spearman"] = length_by_damage(rows)
    return figures


def false_alarms_by_degradation(rows: Iterable[Answered]) -> dict[str, dict[str, Figure]]:
    """Compute on how many clean views of PhotoBench 2 each degradation is said falsely.

    By its id, then by whether the views were saved once (`NOT_SAVED`, `SAVED`); empty for rows of
    other benchmarks. A name that is none of the sixteen counts in the whole alone.
    """
    parts = _views_by_saving(row for row in rows if row.known and not row.plan)
    return {spec.id: _said_of(spec.chain_name, parts) for spec in SPECS} if parts else {}


def is_false_alarm(row: Answered) -> bool:
    """Tell whether a clean picture is said to be damaged.

    Of a view of PhotoBench 2 that takes a finding that can be seen, and that the view's own copy
    does not explain; of another picture any finding.
    """
    return bool(_said_falsely(row))


def recall_by_degradation(rows: Iterable[Answered], least: float) -> dict[str, Figure]:
    """Compute, for each id, how often it was perceived where it had at least this intensity."""
    hits: dict[str, list[_Hit]] = {spec.chain_name: [] for spec in SPECS}
    for row in rows:
        perceived = {finding.name for finding in row.found}
        for finding in row.true:
            if finding.intensity >= least:
                hits[finding.name].append((float(finding.name in perceived), row.cluster))
    return {spec.id: _recall(hits[spec.chain_name]) for spec in SPECS}


def recall_by_band(rows: Iterable[Answered]) -> dict[tuple[str, tuple[float, float]], Figure]:
    """Compute how often each degradation was perceived, by its id and the band of BANDS it was in.

    The id "" stands for all of them together. An intensity of 1 is in the last band.
    """
    hits: dict[tuple[str, tuple[float, float]], list[_Hit]] = {
        (id, band): [] for id in ("", *(spec.id for spec in SPECS)) for band in BANDS
    }
    for row in rows:
        perceived = {finding.name for finding in row.found}
        for finding in row.true:
            for low, high in BANDS:
                if low <= finding.intensity < high or finding.intensity == high == 1:
                    hit = (float(finding.name in perceived), row.cluster)
                    hits[find(finding.name).id, (low, high)].append(hit)
                    hits["", (low, high)].append(hit)
    return {place: _recall(found) for place, found in hits.items()}


def _recall(hits: Sequence[_Hit]) -> Figure:
    return average([hit for hit, _ in hits], [cluster for _, cluster in hits])


def _share(rows: Sequence[Answered], value: Callable[[Answered], float]) -> Figure:
    return average([float(value(row)) for row in rows], [row.cluster for row in rows])


def _f1_by_level(damaged: Sequence[Answered]) -> dict[str, Figure]:
    """Compute type F1 at each level of the views among some damaged pictures."""
    parts: dict[str, list[Answered]] = {}
    for row in damaged:
        if view_of(row.source):
            parts.setdefault(row.level, []).append(row)
    return {f"type F1, {level}": perception(part)["type F1"] for level, part in parts.items()}


def _views_by_saving(rows: Iterable[Answered]) -> dict[str, list[Answered]]:
    """Return the rows that are of views, those not saved first; nothing where none is."""
    parts: dict[str, list[Answered]] = {NOT_SAVED: [], SAVED: []}
    for row in rows:
        if view := view_of(row.source):
            parts[view.saved].append(row)
    return {saved: part for saved, part in parts.items() if part}


def _said_falsely(row: Answered) -> tuple[str, ...]:
    """Name what is said falsely of a clean picture; of a view not what its own copy explains."""
    view = view_of(row.source)
    return false_alarms(view, row.found) if view else tuple(one.name for one in row.found)


def _said_of(name: str, parts: Mapping[str, Sequence[Answered]]) -> dict[str, Figure]:
    return {
        saved: _share(part, lambda row: name in _said_falsely(row)) for saved, part in parts.items()
    }


def perception(rows: Sequence[Answered]) -> dict[str, Figure]:
    """Compute the figures of perception over all findings of damaged pictures, by name.

    Resampled are pictures, whose findings hang together; all five figures share their resamples.
    """
    counts = np.array([finding_counts(row.matching) for row in rows], dtype=float).reshape(-1, 5)
    return figures_of_sums(counts, finding_ratios, [row.cluster for row in rows])


def _kinds(items: Iterable[Hashable]) -> tuple[list, np.ndarray]:
    """Return each item once, and for each item its place among these."""
    places: dict[Hashable, int] = {}
    found = [places.setdefault(item, len(places)) for item in items]
    return list(places), np.array(found, dtype=int)


def finding_counts(matching: Matching) -> tuple[float, ...]:
    """Return matches, false alarms, misses, and the sums of errors and of absolute errors."""
    errors = [perceived - true for _, perceived, true in matching.matched]
    sizes = len(errors), len(matching.false_alarms), len(matching.misses)
    return (*sizes, sum(errors), sum(map(abs, errors)))


def finding_ratios(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Turn sums of `finding_counts`, k x 5, into figures; nan where nothing is to divide by."""
    matched, alarms, misses, errors, sizes = sums.T
    with np.errstate(invalid="ignore"):
        return {
            "type precision": matched / (matched + alarms),
            "type recall": matched / (matched + misses),
            "type F1": 2 * matched / (2 * matched + alarms + misses),
            "intensity MAE": sizes / matched,
            "intensity bias": errors / matched,
        }


def length_by_damage(rows: Sequence[Answered]) -> Figure:
    """Compute Spearman's rank correlation of tokens with the total applied intensity."""
    if not rows:
        return Figure(None, 0)
    kinds, places = _kinds((row.plan.total_intensity, row.tokens) for row in rows)
    pair = [np.unique(values, return_inverse=True)[1] for values in zip(*kinds, strict=True)]
    (value,) = _spearman(np.bincount(places)[None], *pair)
    groups = groups_of([row.cluster for row in rows])
    if np.isnan(value) or (groups is not None and not groups.any()):
        return Figure(None if np.isnan(value) else float(value), len(rows))
    drawn = resampled_counts(places, SHARED_RESAMPLES, groups=groups)
    resampled = np.concatenate([_spearman(counts, *pair) for counts in drawn])
    low, high = np.quantile(resampled[~np.isnan(resampled)], [0.025, 0.975])
    return Figure(float(value), len(rows), float(low), float(high))


def _spearman(counts: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rank correlation in each of some resamples; nan where one side is constant.

    `counts`, resamples x kinds, says how often each kind comes; `first` and `second` give the order
    of the kinds on both sides, as whole numbers from 0 of which none is left out.
    """
    one, other = _ranks(counts, first), _ranks(counts, second)
    with np.errstate(invalid="ignore"):
        return (counts * one * other).sum(1) / np.sqrt(
            (counts * one**2).sum(1) * (counts * other**2).sum(1)
        )


def _ranks(counts: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rank the kinds in each resample, minus the mean rank; equal ones share theirs.

    Ranks are whole or half numbers, so that their sums are exact.
    """
    sorting = np.argsort(order)
    starts = np.searchsorted(order[sorting], np.arange(order.max() + 1))
    sizes = np.add.reduceat(counts[:, sorting], starts, axis=1)
    ranks = np.cumsum(sizes, axis=1) - (sizes + sizes.sum(1, keepdims=True)) / 2
    return ranks[:, order]
