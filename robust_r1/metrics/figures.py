"""Figures over many answers: means, intervals, flips, corruption errors, robustness.

Sources: Hendrycks and Dietterich (2019) for corruption errors, R-Bench (arXiv 2410.05474) for
absolute and relative robustness, Guo et al. (2017) for the calibration error.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.errors import InputError
from robust_r1.metrics.resamples import groups_of, resampled_means, resampled_sums

SHARED_RESAMPLES = 1000  # of figures that are computed together


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole, None where the whole is 0."""
    return part / whole if whole else None


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of what was scored, leaving out None; None where nothing was."""
    scored = [value for value in values if value is not None]
    return float(np.mean(scored)) if scored else None


def bootstrap_interval(
    values: Iterable[float | None],
    seed: int = 0,
    level: float = 0.95,
    groups: Iterable[Hashable | None] | None = None,
) -> tuple[float, float] | None:
    """Return the percentile bootstrap interval of the mean, as (low, high).

    None among the values is left out; without any value there is no interval. For two models on the
    same items give the differences, which makes the interval a paired one. 2000 resamples.

    Values that share one of `groups` (one for each value) are drawn together, one with None by
    itself. Of a single group there is no interval: it does not tell how groups differ.
    """
    if not 0 < level < 1:
        raise InputError(f"The confidence level is {level}; give a number between 0 and 1.")
    values = list(values)
    labels = [None] * len(values) if groups is None else groups
    pairs = [pair for pair in zip(values, labels, strict=True) if pair[0] is not None]
    if not pairs:
        return None
    drawn = groups_of([label for _, label in pairs])
    if drawn is not None and not drawn.any():
        return None
    means = resampled_means(np.array([value for value, _ in pairs], dtype=float), seed, drawn)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Figure:
    """State a measured value, the number of cases it rests on, and its 95 % bootstrap interval.

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


def average(
    values: Iterable[float | None], groups: Iterable[Hashable | None] | None = None
) -> Figure:
    """Average what was scored; `groups` and the interval are those of `bootstrap_interval`."""
    values = list(values)
    scored = [value for value in values if value is not None]
    low, high = bootstrap_interval(values, groups=groups) or (None, None)
    return Figure(mean(scored), len(scored), low, high)


def figures_of_sums(
    parts: np.ndarray,
    compute: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    labels: Sequence[Hashable | None],
) -> dict[str, Figure]:
    """Compute figures that follow from sums over items, each with its interval.

    Args:
        parts: items x quantities, what each item brings.
        compute: from sums, k x quantities, to k values of each figure by name; nan where a figure
            cannot be had. All figures share their 1000 resamples.
        labels: what items hang together, as `groups` of `bootstrap_interval`.

    Returns:
        By name; n is the number of items, and nothing else is known of none.
    """
    n, groups = len(parts), groups_of(labels)
    if not n:
        return {name: Figure(None, 0) for name in compute(np.zeros((1, parts.shape[1])))}
    whole = compute(parts.sum(0)[None])
    if groups is not None and not groups.any():
        return {name: Figure(_known(values[0]), n) for name, values in whole.items()}
    drawn = compute(resampled_sums(parts, SHARED_RESAMPLES, groups=groups))
    return {name: _figure(values[0], drawn[name], n) for name, values in whole.items()}


def _figure(value: float, drawn: np.ndarray, n: int) -> Figure:
    known = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(known):
        return Figure(_known(value), n)
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(float(value), n, float(low), float(high))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def relative_drop(clean: float, degraded: float) -> float | None:
    """Return the share of a clean accuracy that is lost; None where there is none to lose."""
    return ratio(clean - degraded, clean)


@dataclass(frozen=True)
class Flips:
    """Count how often a degradation turns an answer, as shares of the `n` scored pairs."""

    n: int
    right_to_wrong: float | None
    wrong_to_right: float | None

    @property
    def rate(self) -> float | None:
        """Return the share of pairs that turned, either way."""
        if self.right_to_wrong is None or self.wrong_to_right is None:
            return None
        return self.right_to_wrong + self.wrong_to_right


def flips(clean: Sequence[float | None], degraded: Sequence[float | None]) -> Flips:
    """Compare accuracies (1 or 0) of the same items clean and degraded; unscored pairs are out.

    Raises ValueError where the two have different lengths.
    """
    pairs = [
        (before, after)
        for before, after in zip(clean, degraded, strict=True)
        if before is not None and after is not None
    ]
    lost = sum(before > after for before, after in pairs)
    won = sum(before < after for before, after in pairs)
    return Flips(len(pairs), ratio(lost, len(pairs)), ratio(won, len(pairs)))


def corruption_error(errors: Sequence[float], base_errors: Sequence[float]) -> float | None:
    """Return a degradation's error over its levels, relative to the base model's (1 = as bad).

    None where the base makes no error.
    """
    return ratio(sum(errors), sum(base_errors))


def relative_corruption_error(
    errors: Sequence[float], clean: float, base_errors: Sequence[float], base_clean: float
) -> float | None:
    """Return the *growth* of the error over the clean one, relative to the base model's.

    None where the base does not get worse: there is nothing to divide by.
    """
    growth = sum(error - clean for error in errors)
    base_growth = sum(error - base_clean for error in base_errors)
    return growth / base_growth if base_growth > 0 else None


def mean_corruption_error(
    errors: Mapping[str, Sequence[float]], base_errors: Mapping[str, Sequence[float]]
) -> float | None:
    """Return mCE: the mean corruption error over degradations, those without one left out."""
    return mean(corruption_error(errors[name], base_errors[name]) for name in errors)


def relative_mean_corruption_error(
    errors: Mapping[str, Sequence[float]],
    clean: float,
    base_errors: Mapping[str, Sequence[float]],
    base_clean: float,
) -> float | None:
    """Return relative mCE: the mean over the degradations by which the base gets worse."""
    return mean(
        relative_corruption_error(errors[name], clean, base_errors[name], base_clean)
        for name in errors
    )


def absolute_robustness(distorted: Sequence[float | None]) -> float | None:
    """Return R-Bench's absolute robustness: the mean judgement of answers on distorted pictures."""
    return mean(distorted)


def relative_score(consistency: float | None, reference: float | None) -> float | None:
    """Return consistency x reference of one item, None where either was not judged."""
    return None if consistency is None or reference is None else consistency * reference


def relative_robustness(
    consistency: Sequence[float | None], reference: Sequence[float | None]
) -> float | None:
    """Return R-Bench's relative robustness: mean(consistency x reference), unjudged items out.

    Raises ValueError where the two have different lengths.
    """
    pairs = zip(consistency, reference, strict=True)
    return mean(relative_score(same, right) for same, right in pairs)


CALIBRATION_BINS = 15


def calibration_error(
    confidences: Sequence[float], correct: Sequence[float], bins: int = CALIBRATION_BINS
) -> float | None:
    """Return the expected calibration error over equally wide bins of confidence in [0, 1]."""
    if not len(confidences):
        return None
    parts = calibration_parts(confidences, correct, bins)
    return float(calibration_of_sums(parts.sum(0)[None])[0])


def calibration_parts(
    confidences: Sequence[float], correct: Sequence[float], bins: int = CALIBRATION_BINS
) -> np.ndarray:
    """Return what each answer brings to the calibration error: answers x (bins + 1).

    In the column of its bin by how much confidence exceeds correctness, in the last one 1.
    """
    sure, right = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=float)
    parts = np.zeros((len(sure), bins + 1))
    place = np.minimum((sure * bins).astype(int), bins - 1)
    parts[np.arange(len(sure)), place] = sure - right
    parts[:, -1] = 1
    return parts


def calibration_of_sums(sums: np.ndarray) -> np.ndarray:
    """Return the calibration error of each of some sums, k x (bins + 1), of those parts."""
    return np.abs(sums[:, :-1]).sum(1) / sums[:, -1]
