"""Compare models, or plans, side by side: what the chains and the answers have in common."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import Outcome, ask_through, flipped
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.errors import InputError

MAX_SIDES = 3  # columns that can be read beside one another
MAX_QUESTIONS = 12


@dataclass(frozen=True)
class Side:
    """Say who answers about which damage: a model's name and label, a plan, the picture's title.

    `pinned` marks a column of an earlier run, kept to compare with. `eyes` names the model that
    looks before that one answers; empty where it looks itself.
    """

    model: str
    label: str
    plan: DegradationPlan
    picture: str = ""
    pinned: bool = False
    eyes: str = ""


@dataclass(frozen=True)
class Column:
    """Collect one side's answers, at most one for a question."""

    side: Side
    outcomes: tuple[Outcome, ...] = ()

    def find(self, case: Case) -> Outcome | None:
        """Return the answer to a question; None where this side was not asked, or not yet.

        Another true answer does not make another question: it is not what the model is asked.
        """
        return next((one for one in self.outcomes if one.case.prompt == case.prompt), None)


@dataclass(frozen=True)
class Difference:
    """Say how an answer differs from the reference's.

    Attributes:
        findings: for each name that either perceived, in the reference's order first:
            (name, the reference's intensity or None, this one's or None).
        answer: whether the answers differ; None if neither has one.
        tokens: this chain's tokens minus the reference's.
    """

    findings: tuple[tuple[str, float | None, float | None], ...]
    answer: bool | None
    tokens: int

    @property
    def distance(self) -> float:
        """Return the sum of the intensity differences; a finding of one side counts whole, 1."""
        return sum(
            1.0 if old is None or new is None else abs(new - old) for _, old, new in self.findings
        )


@dataclass(frozen=True)
class Comparison:
    """Set columns of answers to the same questions side by side, as far as they have come.

    `cases` are the questions, whose damage is that of each column; `reference` is the index of the
    column that the others are compared with.
    """

    cases: tuple[Case, ...]
    columns: tuple[Column, ...]
    reference: int = 0

    @property
    def done(self) -> int:
        """Return how many answers there are."""
        found = (column.find(case) for case in self.cases for column in self.columns)
        return sum(outcome is not None for outcome in found)

    def difference(self, case: Case, column: int) -> Difference | None:
        """Return how a column differs from the reference; None where either has no answer."""
        outcome = self.columns[column].find(case)
        reference = self.columns[self.reference].find(case)
        if column == self.reference or outcome is None or reference is None:
            return None
        return difference(outcome, reference)

    def by_difference(self) -> tuple[Case, ...]:
        """Return the questions, most different first: answers, then findings, then length."""
        return tuple(sorted(self.cases, key=self._sameness))

    def swapped(self) -> "Comparison":
        """Return the same with the first column moved to the end; the reference stays in place."""
        return replace(self, columns=(*self.columns[1:], self.columns[0]))

    @property
    def pin(self) -> Column | None:
        """Return the column that is kept for later runs; None without one."""
        return next((column for column in self.columns if column.side.pinned), None)

    def pinned(self, index: int | None) -> "Comparison":
        """Return the same with this column pinned and no other; with None none is."""
        columns = (
            replace(column, side=replace(column.side, pinned=place == index))
            for place, column in enumerate(self.columns)
        )
        return replace(self, columns=tuple(columns))

    def beside(self, column: Column) -> "Comparison":
        """Return the same with a column of an earlier run put first, pinned, as the reference."""
        return replace(self, columns=(column, *self.columns), reference=0).pinned(0)

    def _sameness(self, case: Case) -> tuple[float, ...]:
        found = [self.difference(case, column) for column in range(len(self.columns))]
        gaps = [gap for gap in found if gap is not None]
        return (
            -sum(bool(gap.answer) for gap in gaps),
            -sum(gap.distance for gap in gaps),
            -sum(abs(gap.tokens) for gap in gaps),
        )


def difference(outcome: Outcome, reference: Outcome) -> Difference:
    """Compare one answer with another to the same question."""
    old = {finding.name: finding.intensity for finding in reversed(reference.findings)}
    new = {finding.name: finding.intensity for finding in reversed(outcome.findings)}
    perceived = (finding.name for finding in (*reference.findings, *outcome.findings))
    return Difference(
        tuple((name, old.get(name), new.get(name)) for name in dict.fromkeys(perceived)),
        flipped(outcome, reference),
        outcome.tokens - reference.tokens,
    )


def compare(
    sides: Sequence[tuple[Engine, Side]],
    cases: Sequence[Case],
    stop: threading.Event | None = None,
    cache: AnswerCache | None = None,
    pinned: Column | None = None,
) -> Iterator[Comparison]:
    """Ask every side every question, each under the side's plan; yield after each answer.

    The first one is yielded at once and holds what is known from before. A `pinned` column of an
    earlier run stands first and is not asked. Setting `stop` ends it within a token, and the answer
    on its way is dropped. Raises InputError for too few or too many sides or questions, ModelError
    where a model fails.
    """
    cases = tuple({case.prompt: case for case in cases}.values())
    _check(sides, cases, pinned)
    result = Comparison(cases, tuple(Column(side) for _, side in sides))
    if pinned is not None:
        result = result.beside(pinned)
    yield result
    first = len(result.columns) - len(sides)
    for case in cases:
        for index, (engine, side) in enumerate(sides, start=first):
            if stop is not None and stop.is_set():
                return
            outcome = ask_through(engine, replace(case, plan=side.plan), stop, cache)
            if outcome is None:
                return
            columns = list(result.columns)
            column = columns[index]
            columns[index] = replace(column, outcomes=(*column.outcomes, outcome))
            result = replace(result, columns=tuple(columns))
            yield result


def _check(sides: Sequence, cases: Sequence[Case], pinned: Column | None) -> None:
    least = 1 if pinned else 2
    if not least <= len(sides) <= MAX_SIDES:
        raise InputError(
            f"A comparison has {least} to {MAX_SIDES} columns, not {len(sides)}: "
            "choose two or three models, or two plans."
        )
    if len({(side.model, side.eyes, side.plan) for _, side in sides}) < len(sides):
        raise InputError("Two columns are the same: choose different models, or different plans.")
    if not 1 <= len(cases) <= MAX_QUESTIONS:
        raise InputError(f"Ask 1 to {MAX_QUESTIONS} questions at a time, not {len(cases)}.")
    for case in cases:
        case.check()
