"""Two runs on the items that both hold: who is right where, and the items that differ most.

McNemar's test asks whether one of them wins more of the items on which exactly one is right than a
fair coin would; it is exact (McNemar 1947, by the binomial distribution). Over all levels it is the
pictures that count, by which run is right more often about them: the levels of one picture are no
independent trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1.analysis.entries import Entry, in_order, is_right
from robust_r1.ask.answered import level_place
from robust_r1.metrics import Figure, average, option_odds

EVERY = ""  # the level of a line over all levels


@dataclass(frozen=True)
class PairedLine:
    """Compare two runs at one level, or by pictures over all levels (EVERY).

    Attributes:
        n: items, or pictures, that both runs answered and that are scored.
        both, neither: on how many both are right, neither is; over all levels, ties are `both`.
        first, second: on how many that run alone is right, or is right more often.
        p: of the exact test, two-sided; 1 where the runs never differ.
        gap: accuracy of the first minus that of the second.
    """

    level: str
    n: int
    both: int
    neither: int
    first: int
    second: int
    p: float
    gap: Figure


@dataclass(frozen=True)
class Differing:
    """Hold the answers of two runs about one item, level by level, that differ.

    `weight` says by how many answers the first is more right than the second.
    """

    item: str
    weight: float
    pairs: tuple[tuple[Entry, Entry], ...]


def exact_p(first: int, second: int) -> float:
    """Return how likely a fair coin falls at least as unevenly, either way.

    >>> exact_p(0, 5), exact_p(3, 3)
    (0.0625, 1.0)
    """
    tosses, few = first + second, min(first, second)
    ways, tail = 1, 1
    for heads in range(1, few + 1):
        ways = ways * (tosses - heads + 1) // heads
        tail += ways
    return min(1.0, 2 * tail / 2**tosses)


def shared(entries: Sequence[Entry], first: str, second: str) -> tuple[tuple[Entry, Entry], ...]:
    """Return the cases that both of two models answered and that are scored, in their order."""
    theirs = {entry.row.id: entry for entry in entries if entry.model == second}
    return tuple(
        (entry, theirs[entry.row.id])
        for entry in entries
        if entry.model == first and entry.row.id in theirs
        and entry.right is not None and theirs[entry.row.id].right is not None
    )  # fmt: skip


def paired(pairs: Sequence[tuple[Entry, Entry]]) -> tuple[PairedLine, ...]:
    """Compare two runs level by level, and over all levels where there are several."""
    levels = sorted(in_order(one.row.level for one, _ in pairs), key=level_place)
    lines = [_line(level, [pair for pair in pairs if pair[0].row.level == level])
             for level in levels]  # fmt: skip
    return (*lines, _by_picture(pairs)) if len(levels) > 1 else tuple(lines)


def _line(level: str, pairs: Sequence[tuple[Entry, Entry]]) -> PairedLine:
    right = [(bool(is_right(one.row)), bool(is_right(other.row))) for one, other in pairs]
    first, second = right.count((True, False)), right.count((False, True))
    return PairedLine(
        level, len(pairs), right.count((True, True)), right.count((False, False)), first, second,
        exact_p(first, second), _gap(pairs),
    )  # fmt: skip


def _by_picture(pairs: Sequence[tuple[Entry, Entry]]) -> PairedLine:
    balance: dict[str, int] = {}
    for one, other in pairs:
        gap = int(bool(one.right)) - int(bool(other.right))
        balance[one.row.cluster] = balance.get(one.row.cluster, 0) + gap
    first = sum(gap > 0 for gap in balance.values())
    second = sum(gap < 0 for gap in balance.values())
    ties = len(balance) - first - second
    p = exact_p(first, second)
    return PairedLine(EVERY, len(balance), ties, 0, first, second, p, _gap(pairs))


def _gap(pairs: Sequence[tuple[Entry, Entry]]) -> Figure:
    gaps = [(one.row.accuracy or 0) - (other.row.accuracy or 0) for one, other in pairs]
    return average(gaps, [one.row.cluster for one, _ in pairs])


def differing(pairs: Sequence[tuple[Entry, Entry]], most: int) -> tuple[Differing, ...]:
    """Return the items on which two runs differ most, at most so many.

    By how many more answers one gets right, then by how many differ at all, then by how far the
    margins of the right option lie apart, where those are known.
    """
    items: dict[str, list[tuple[Entry, Entry]]] = {}
    for pair in pairs:
        items.setdefault(pair[0].row.source, []).append(pair)
    ranked = []
    for item, own in items.items():
        gaps = [(one.row.accuracy or 0) - (other.row.accuracy or 0) for one, other in own]
        if any(gaps):
            apart = tuple(pair for pair, gap in zip(own, gaps, strict=True) if gap)
            margins = sum(abs(_margin(one) - _margin(other)) for one, other in own)
            order = abs(sum(gaps)), sum(map(abs, gaps)), margins
            ranked.append((order, Differing(item, sum(gaps), apart)))
    ranked.sort(key=lambda pair: pair[0], reverse=True)
    return tuple(found for _, found in ranked[:most])


def _margin(entry: Entry) -> float:
    row = entry.row
    odds = option_odds(row.option_logprobs, row.truth, row.choices) if row.option_logprobs else None
    return odds.margin if odds else 0.0
