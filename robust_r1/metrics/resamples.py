"""Bootstrap resamples (Efron 1979): as many items as there are, drawn with replacement.

A figure of a resample depends only on how often each kind of item was drawn, so items that are
alike are drawn together wherever that is faster.

Items that hang together, as several views of one photograph do, are drawn as groups (the cluster
bootstrap, Davison and Hinkley 1997, 3.8): drawn one by one they would pass for more than they are.
"""

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

import numpy as np

RESAMPLES = 2000
# Up to so many items are drawn one by one, as they were when their figures were first published,
# and their draws are kept for the next figure. Of more items the kinds are drawn by count, which is
# the same distribution: drawing a count takes some 90 ns or more, drawing an item 6 ns.
_MANY, _COUNT_COSTS = 1000, 16
_CELLS = 1_000_000  # items that are drawn at a time: 8 MB


def groups_of(labels: Sequence[Hashable | None]) -> np.ndarray | None:
    """Number the groups of some items by their labels, from 0; an item without one is its own.

    None where no item has a label.
    """
    if all(label is None for label in labels):
        return None
    numbers: dict[Hashable, int] = {}
    names = ((place,) if label is None else label for place, label in enumerate(labels))
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=int)


def resampled_means(
    values: np.ndarray, seed: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean of each of 2000 resamples of some values, at least one."""
    if groups is None and len(values) <= _MANY:
        return values[_few_draws(len(values), seed)].mean(1)
    kinds, places = np.unique(values, return_inverse=True)
    if groups is not None:
        counts = np.concatenate(list(resampled_counts(places, RESAMPLES, seed, groups)))
        return counts @ kinds / counts.sum(1)
    sums = [counts @ kinds for counts in resampled_counts(places, RESAMPLES, seed)]
    return np.concatenate(sums) / len(values)


def resampled_counts(
    places: np.ndarray, resamples: int, seed: int = 0, groups: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Count how often each kind of item comes in each resample, some resamples at a time.

    Args:
        places: the kind of each item, whole numbers from 0 of which none is left out.
        resamples: how many, up to `RESAMPLES`.
        seed: of the draws; the first resamples of a seed are the same however many there are.
        groups: the group of each item, whole numbers from 0 of which none is left out; then as many
            groups are drawn as there are, each with all its items.

    Returns:
        Arrays of resamples x kinds; nothing for no items.
    """
    n = len(places)
    if not n:
        return
    sizes = np.bincount(places)
    if groups is not None:
        spread = np.zeros((groups.max() + 1, len(sizes)), dtype=int)
        np.add.at(spread, (groups, places), 1)
        for drawn in resampled_counts(np.arange(len(spread)), resamples, seed):
            yield drawn @ spread
        return
    if n > _MANY and n >= _COUNT_COSTS * len(sizes):
        yield np.random.default_rng(seed).multinomial(n, sizes / n, size=resamples)
        return
    for drawn in _draws(n, resamples, seed):
        yield np.array([np.bincount(row, minlength=len(sizes)) for row in places[drawn]])


def _draws(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    if n <= _MANY:
        yield _few_draws(n, seed)[:resamples]
        return
    rng, rows = np.random.default_rng(seed), max(1, _CELLS // n)
    for done in range(0, resamples, rows):
        yield rng.integers(n, size=(min(rows, resamples - done), n))


@lru_cache(maxsize=4)  # of 16 MB at most
def _few_draws(n: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    drawn.flags.writeable = False  # the next figure uses the same
    return drawn
