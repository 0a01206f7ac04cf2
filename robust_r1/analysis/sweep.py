"""Sweep the intensity of some degradations: what is perceived, and when the answer flips.

Perceived against applied intensity is the calibration curve; chain length against total intensity
is Fig. 3 of the paper.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import Outcome, ask_through, flipped
from robust_r1.degradations import SPECS, DegradationPlan, find
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.metrics import mean

# All sixteen degradations at eleven intensities fit; at a second or so an answer on two cores that
# is some minutes, and others on the page get their turns in between.
MAX_STEPS = 200
MIN_LEVELS, MAX_LEVELS = 2, 101  # intensities have two decimals
TOGETHER = "together"


@dataclass(frozen=True)
class Sweep:
    """Say what is swept: degradations by n evenly spaced intensities from 0 to 1.

    One after the other, or with `together` all at the same intensity at a time. The undamaged
    picture comes first and once. `ids` are put into the order of the table.

    Raises:
        InputError: no degradation, an unknown one, too few or too many levels, or more than
            `MAX_STEPS` steps.
    """

    ids: tuple[str, ...]
    levels: int = 6
    together: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        wanted = {find(name).id for name in self.ids}
        object.__setattr__(self, "ids", tuple(spec.id for spec in SPECS if spec.id in wanted))
        if not self.ids:
            raise InputError("Nothing is swept yet: choose at least one degradation.")
        count = self.count
        if self.levels > 1 and count > MAX_STEPS:
            raise InputError(
                f"This sweep has {count:,} steps, each a whole answer of the model; at most "
                f"{MAX_STEPS} keep the wait within minutes: take fewer degradations or levels."
            )
        if not MIN_LEVELS <= self.levels <= MAX_LEVELS:
            raise InputError(
                f"A sweep has {MIN_LEVELS} to {MAX_LEVELS} levels of intensity, not {self.levels}."
            )

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names of the curves: a degradation's id each, or one for all together."""
        return (TOGETHER,) if self.together else self.ids

    @property
    def count(self) -> int:
        """Return the number of steps, the undamaged picture included."""
        return 1 + (1 if self.together else len(self.ids)) * (self.levels - 1)

    def plans(self) -> Iterator[tuple[str, float, DegradationPlan]]:
        """Yield (series, intensity, plan) of every step; the undamaged one's series is empty."""
        yield "", 0.0, DegradationPlan()
        for name in self.series:
            for value in np.linspace(0, 1, self.levels)[1:]:
                level = round(float(value), 2)
                ids = self.ids if self.together else (name,)
                yield name, level, DegradationPlan.of(dict.fromkeys(ids, level), seed=self.seed)


@dataclass(frozen=True)
class Step:
    """Keep one step: its series (empty for the undamaged picture), its intensity and its answer.

    `flipped` tells whether the answer differs from the undamaged picture's; None if neither has
    one, or for the undamaged picture itself.
    """

    series: str
    level: float
    outcome: Outcome
    flipped: bool | None = None


@dataclass(frozen=True)
class Perceived:
    """Mark one point of the calibration curve: `perceived` is None where it went unnoticed."""

    id: str
    applied: float
    perceived: float | None


@dataclass(frozen=True)
class Onset:
    """Tell of one degradation the lowest intensities at which something happens; None for never.

    Attributes:
        id: of the degradation.
        noticed, missed: where it is named, and where it is not.
        flipped: where the answer differs from the undamaged picture's.
    """

    id: str
    noticed: float | None
    missed: float | None
    flipped: float | None


@dataclass(frozen=True)
class SweepResult:
    """Show a sweep as far as it has come.

    Attributes:
        sweep, case, model: what was swept, asked, and whom; the case's own plan counts for nothing.
        steps: those done, in the order of `Sweep.plans`.
        finished: whether all are done; a stopped sweep never is.
        eyes: name of the model that looked before that one answered; empty where it did itself.
    """

    sweep: Sweep
    case: Case
    model: str
    steps: tuple[Step, ...] = ()
    finished: bool = False
    eyes: str = ""

    @property
    def damaged(self) -> tuple[Step, ...]:
        """Return the steps without the undamaged one."""
        return tuple(step for step in self.steps if step.series)

    @property
    def points(self) -> tuple[Perceived, ...]:
        """Return the calibration points of every swept degradation at every damaged step."""
        return tuple(
            _perceived(step.outcome, id)
            for step in self.damaged
            for id in (self.sweep.ids if self.sweep.together else (step.series,))
        )

    def bias(self, id: str | None = None) -> float | None:
        """Return mean perceived minus applied intensity where noticed; None without a point.

        Of one degradation, or of all; above 0 exaggerates.
        """
        return mean(
            point.perceived - point.applied
            for point in self.points
            if point.perceived is not None and id in (None, point.id)
        )

    def noticed(self, id: str | None = None) -> tuple[int, int]:
        """Return how many of the points were noticed, and how many there are."""
        points = [point for point in self.points if id in (None, point.id)]
        return sum(point.perceived is not None for point in points), len(points)

    @property
    def onsets(self) -> tuple[Onset, ...]:
        """Return the onsets of the degradations that were reached, the earliest flip first.

        Of those that flip as early, and of those that never do, the first to be missed comes first.
        """
        found = [self._onset(id) for id in dict.fromkeys(point.id for point in self.points)]
        return tuple(sorted(found, key=lambda one: (_late(one.flipped), _late(one.missed))))

    def _onset(self, id: str) -> Onset:
        points = [point for point in self.points if point.id == id]
        flips = [step.level for step in self.flips if step.series in (id, TOGETHER)]
        return Onset(
            id,
            min((one.applied for one in points if one.perceived is not None), default=None),
            min((one.applied for one in points if one.perceived is None), default=None),
            min(flips, default=None),
        )

    @property
    def flips(self) -> tuple[Step, ...]:
        """Return the steps whose answer differs from the undamaged picture's."""
        return tuple(step for step in self.steps if step.flipped)


def run_sweep(
    engine: Engine,
    case: Case,
    sweep: Sweep,
    stop: threading.Event | None = None,
    cache: AnswerCache | None = None,
) -> Iterator[SweepResult]:
    """Ask a case at every step, under the step's plan; yield the result after each.

    Setting `stop` ends it within a token, and the step on its way is dropped. Raises RobustR1Error
    where the model fails.
    """
    case.check()
    eyes = engine.info.eyes.name if engine.info.eyes else ""
    result = SweepResult(sweep, case, engine.info.name, eyes=eyes)
    for series, level, plan in sweep.plans():
        if stop is not None and stop.is_set():
            return
        outcome = ask_through(engine, replace(case, plan=plan), stop, cache)
        if outcome is None:
            return
        flip = flipped(outcome, result.steps[0].outcome) if result.steps else None
        steps = (*result.steps, Step(series, level, outcome, flip))
        result = replace(result, steps=steps, finished=len(steps) == sweep.count)
        yield result


def _late(level: float | None) -> float:
    """Return what sorts an onset: one that never comes is later than all."""
    return 2.0 if level is None else level


def _perceived(outcome: Outcome, id: str) -> Perceived:
    said = {finding.name: finding.intensity for finding in reversed(outcome.findings)}
    return Perceived(id, outcome.case.plan.intensities[id], said.get(find(id).chain_name))
