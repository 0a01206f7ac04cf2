"""Which degradation is taken for which.

A picture bears several degradations at once, so a wrong name is not one cell of a table by itself.
Each miss of a picture is shared equally among its false alarms; without any it was not perceived.
False alarms in a picture without a miss were nothing at all. So each row of a degradation that was
applied sums to how often it was, and the diagonal over that sum is its recall.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.analysis.entries import Entry
from robust_r1.degradations import SPECS

NAMES = tuple(spec.chain_name for spec in SPECS)
NOTHING = "nothing"
_PLACE = {name: place for place, name in enumerate(NAMES)}


@dataclass(frozen=True)
class Confusion:
    """Count how often each applied degradation (row) was perceived as each (column).

    `counts` is 17 x 17, in the order of `NAMES` with `NOTHING` last, in both directions: the last
    column counts what was not perceived, the last row what was perceived where nothing was.
    """

    pictures: int
    counts: tuple[tuple[float, ...], ...]

    def shares(self) -> tuple[tuple[float | None, ...], ...]:
        """Return each row as shares of its sum; None in rows of what was never applied."""
        return tuple(
            tuple(count / sum(row) if sum(row) else None for count in row) for row in self.counts
        )


def confusion(entries: Sequence[Entry]) -> Confusion:
    """Count which degradation was taken for which; what was too faint to see counts neither way."""
    counts = np.zeros((len(NAMES) + 1, len(NAMES) + 1))
    for entry in entries:
        matching = entry.row.matching
        for name, _, _ in matching.matched:
            counts[_PLACE[name], _PLACE[name]] += 1
        # A repeat of a name that matched confuses nothing with anything.
        matched = {name for name, _, _ in matching.matched}
        alarms = [
            _PLACE[name] for name in matching.false_alarms if name in _PLACE and name not in matched
        ]
        for name in matching.misses:
            for place in alarms or [len(NAMES)]:
                counts[_PLACE[name], place] += 1 / max(1, len(alarms))
        if not matching.misses:
            for place in alarms:
                counts[len(NAMES), place] += 1
    return Confusion(len(entries), tuple(tuple(map(float, row)) for row in counts))
