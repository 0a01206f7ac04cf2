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
_FEW_QUANTITIES = 8  # with more, hardly two items are alike, and looking for such takes long


def groups_of(labels: Sequence[Hashable | None]) -> np.ndarray | None:
    """Number the groups of some items by their labels, from 0; an item without one is its own.

    None where no two items share a label, unless there is but one item, which is a group: a single
    picture does not tell how pictures differ.
    """
    if all(label is None for label in labels):
        return None
    numbers: dict[Hashable, int] = {}
    names = ((place,) if label is None else label for place, label in enumerate(labels))
    found = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=int)
    return None if 1 < len(numbers) == len(found) else found


def resampled_means(
    values: np.ndarray, seed: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean of each of 2000 resamples of some values, at least one."""
    if groups is None and len(values) <= _MANY:
        return values[_few_draws(len(values), seed)].mean(1)
    parts = np.stack([values, np.ones(len(values))], axis=1)
    sums, sizes = resampled_sums(parts, RESAMPLES, seed, groups).T
    return sums / sizes


def resampled_sums(
    parts: np.ndarray, resamples: int, seed: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Sum what items bring, over each resample of the items.

    Args:
        parts: items x quantities.
        resamples, seed, groups: as for `resampled_counts`.

    Returns:
        Resamples x quantities; none of no items.
    """
    if not len(parts):
        return np.zeros((0, parts.shape[1]))
    if groups is not None:
        parts = grouped_sums(parts, groups)
    kinds, places = parts, np.arange(len(parts))
    if parts.shape[1] <= _FEW_QUANTITIES:
        kinds, places = np.unique(parts, axis=0, return_inverse=True)
    drawn = resampled_counts(places.reshape(-1), resamples, seed)
    return np.concatenate([counts @ kinds for counts in drawn])


def grouped_sums(parts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sum items x quantities over the items of each group: groups x quantities."""
    sums = np.zeros((groups.max() + 1, parts.shape[1]))
    np.add.at(sums, groups, parts)
    return sums


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
        for drawn in resampled_counts(np.arange(groups.max() + 1), resamples, seed):
            spread = (np.bincount(places, weights=row[groups]) for row in drawn)
            yield np.stack(list(spread))
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
