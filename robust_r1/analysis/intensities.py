"""How far perceived intensities lie from applied ones."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.analysis.entries import Entry
from robust_r1.degradations import SPECS
from robust_r1.metrics import Figure, Matching, average

BINS = 20  # of a tenth each, from -1 to 1
EDGES = tuple(map(float, np.round(np.linspace(-1, 1, BINS + 1), 6)))


@dataclass(frozen=True)
class IntensityErrors:
    """Count the errors (perceived minus applied, in [-1, 1]) of all matched findings.

    Attributes:
        n: matched findings.
        mean, size: mean error and mean absolute error, None without a match.
        edges: borders of the bins, BINS + 1 values.
        counts: matched findings by bin.
        cases: by bin, the cases with such a finding.
        by_degradation: (chain name, mean error, mean absolute error) where something matched.
    """

    n: int
    mean: float | None
    size: float | None
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    cases: tuple[int, ...]
    by_degradation: tuple[tuple[str, Figure, Figure], ...]


def intensity_errors(entries: Sequence[Entry]) -> IntensityErrors:
    """Compute the errors of everything that was rightly perceived."""
    cases = np.zeros(BINS, dtype=int)
    errors: dict[str, list[float]] = {spec.chain_name: [] for spec in SPECS}
    clusters: dict[str, list[str]] = {name: [] for name in errors}
    for entry in entries:
        for name, perceived, true in entry.row.matching.matched:
            errors[name].append(perceived - true)
            clusters[name].append(entry.row.cluster)
        cases[list(bins_of(entry.row.matching))] += 1
    flat = np.array([error for values in errors.values() for error in values])
    counts = np.bincount([bin_of(error) for error in flat], minlength=BINS)
    return IntensityErrors(
        n=len(flat),
        mean=float(flat.mean()) if len(flat) else None,
        size=float(np.abs(flat).mean()) if len(flat) else None,
        edges=EDGES,
        counts=tuple(map(int, counts)),
        cases=tuple(map(int, cases)),
        by_degradation=tuple(
            (name, average(values, groups), average(map(abs, values), groups))
            for (name, values), groups in zip(errors.items(), clusters.values(), strict=True)
            if values
        ),
    )


def bin_of(error: float) -> int:
    """Return the bin of an error, 0 to BINS - 1; of two that meet in it, the upper."""
    # Perceived and applied have two decimals: without this, .45 - .35 falls below its bin.
    return min(bisect_right(EDGES, round(error, 6)) - 1, BINS - 1)


def bins_of(matching: Matching) -> set[int]:
    """Return the bins that a case has a matched finding in."""
    return {bin_of(perceived - true) for _, perceived, true in matching.matched}
