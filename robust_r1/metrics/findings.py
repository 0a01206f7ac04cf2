"""Perceived against true degradations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robust_r1.chain import Finding, Parsed
from robust_r1.metrics.figures import mean, ratio

# Below this intensity nobody can be asked to see a degradation; it counts neither way.
VISIBLE = 0.1


@dataclass(frozen=True)
class Matching:
    """Match perceived findings to true ones by name, one to one.

    `matched` holds (name, perceived intensity, true intensity); `false_alarms` and `misses` hold
    names. A name perceived twice matches once, its repeat is a false alarm.
    """

    matched: tuple[tuple[str, float, float], ...] = ()
    false_alarms: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()

    @property
    def precision(self) -> float | None:
        """Return the share of perceived findings that are true; None where none is perceived."""
        return ratio(len(self.matched), len(self.matched) + len(self.false_alarms))

    @property
    def recall(self) -> float | None:
        """Return the share of true findings that are perceived; None where none is true."""
        return ratio(len(self.matched), len(self.matched) + len(self.misses))

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of precision and recall; None where both sides are empty."""
        matched = 2 * len(self.matched)
        return ratio(matched, matched + len(self.false_alarms) + len(self.misses))

    @property
    def mae(self) -> float | None:
        """Return the mean absolute intensity error of the matches; None without a match."""
        return mean(abs(perceived - true) for _, perceived, true in self.matched)

    @property
    def bias(self) -> float | None:
        """Return the mean of perceived minus true intensity (above 0: exaggerates), or None."""
        return mean(perceived - true for _, perceived, true in self.matched)


def match_findings(predicted: Iterable[Finding], true: Iterable[Finding]) -> Matching:
    """Match perceived to true findings by chain name, one to one, in the order of the first."""
    waiting: dict[str, list[float]] = {}
    for finding in true:
        waiting.setdefault(finding.name, []).append(finding.intensity)
    matched, false_alarms = [], []
    for finding in predicted:
        if waiting.get(finding.name):
            matched.append((finding.name, finding.intensity, waiting[finding.name].pop(0)))
        else:
            false_alarms.append(finding.name)
    misses = tuple(name for name, intensities in waiting.items() for _ in intensities)
    return Matching(tuple(matched), tuple(false_alarms), misses)


def match_visible(predicted: Iterable[Finding], true: Sequence[Finding]) -> Matching:
    """Match findings; what was applied too weakly to be seen counts neither way."""
    faint = {finding.name for finding in true if finding.intensity < VISIBLE}
    return match_findings(_without(predicted, faint), _without(true, faint))


def _without(findings: Iterable[Finding], names: set[str]) -> list[Finding]:
    return [finding for finding in findings if finding.name not in names]


def pool(matchings: Iterable[Matching]) -> Matching:
    """Put the matchings of many pictures together, for figures over all of their findings."""
    matchings = list(matchings)
    return Matching(
        tuple(match for matching in matchings for match in matching.matched),
        tuple(name for matching in matchings for name in matching.false_alarms),
        tuple(name for matching in matchings for name in matching.misses),
    )


def degradation_score(predicted: Sequence[Finding], true: Sequence[Finding]) -> float:
    """Score perceived against true findings (paper Eq. 6).

    Each match by name earns 1 - |difference of intensity|; each false alarm (repeats included) and
    each miss costs 1. Two empty lists score 1. The result lies between minus the number of findings
    on both sides and the number of true ones.
    """
    if not predicted and not true:
        return 1.0
    matching = match_findings(predicted, true)
    earned = sum(1 - abs(perceived - true) for _, perceived, true in matching.matched)
    return earned - len(matching.false_alarms) - len(matching.misses)


def perception_score(parsed: Parsed, true: Sequence[Finding]) -> float:
    """Score a parsed chain's findings as `degradation_score` does.

    On an undegraded picture an empty list earns its 1 only where the chain says so: a TYPE section
    that is missing, unclosed or unreadable scores 0, or silence would pay.
    """
    findings = parsed.chain.findings
    if not findings and not true:
        return float(all(problem.section != "TYPE" for problem in parsed.problems))
    return degradation_score(findings, true)
