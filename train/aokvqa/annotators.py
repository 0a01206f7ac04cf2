"""Who writes the chains: what an annotator is, and the one that needs no model.

What a damage is and how strong is known from the plan, and the answer from the question; an
annotator writes the prose between the two.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from robust_r1.chain import Chain, findings_of
from robust_r1.degradations import DegradationPlan
from robust_r1.records import AokvqaItem
from robust_r1.scenes.chains import influence_of
from train.common.checks import Band, prose_words

# What is asked for, by words of the question; first fit. Else it is a shape.
_NEEDS = (
    (re.compile(r"\bcolou?rs?\b", re.I), "color"),
    (re.compile(r"\b(where|left|right|behind|above|below|under|near)\b", re.I), "place"),
)


@dataclass(frozen=True)
class Task:
    """Describe one question to write a chain for.

    Attributes:
        item: the question, with its answer and people's rationales.
        split: "train" or "validation".
        plan: what was done to the picture.
        seed: what the plan was drawn from.
        image: the damaged picture's file, relative to the data set's folder.
        clean: path of the undamaged picture.
        damaged: path of the damaged one.
    """

    item: AokvqaItem
    split: str
    plan: DegradationPlan
    seed: int
    image: str
    clean: Path
    damaged: Path

    @property
    def number(self) -> int:
        """Return the number of the true option."""
        assert self.item.correct_choice is not None
        return self.item.correct_choice

    @property
    def answer(self) -> str:
        """Return the text of the true option."""
        return self.item.choices[self.number]


@dataclass(frozen=True)
class Lengths:
    """Set how many words of prose a chain has, by the total intensity of its damage.

    Attributes:
        base: words where nothing is damaged.
        slope: further words for each 1 of total intensity.
        low: least share of the target.
        high: greatest share of the target.
    """

    base: int
    slope: int
    low: float
    high: float

    def band(self, total: float) -> Band:
        """Return the words for a total intensity, 0 to 4."""
        target = self.base + self.slope * total
        return Band(round(self.low * target), round(target), round(self.high * target))


class Unusable(Exception):
    """Report a sample whose chain cannot be used: why, and the last that was written of it."""

    def __init__(self, reasons: Iterable[str], draft: str = "") -> None:
        self.reasons, self.draft = tuple(reasons), draft
        super().__init__("; ".join(self.reasons))


class Annotator(Protocol):
    """Write the chain of a task; `name` and `settings` tell a data set how it was written."""

    @property
    def name(self) -> str:
        """Return what records say: "rules", or "llm:" and the model's name."""

    @property
    def lengths(self) -> Lengths:
        """Return how long its chains shall be."""

    @property
    def at_once(self) -> int:
        """Return how many tasks it works on at the same time."""

    @property
    def settings(self) -> dict[str, Any]:
        """Return what fixes its chains, beside the task."""

    async def annotate(self, task: Task) -> Chain:
        """Return a task's chain; raises Unusable where none came about."""


@dataclass(frozen=True)
class Rules:
    """Write chains from what is known: effects of the damage, people's rationales, the answer.

    The more damage, the more rationales.
    """

    name: str = "rules"
    at_once: int = 1
    # Rationales have about ten words each, and there are three at most.
    lengths: Lengths = Lengths(base=20, slope=25, low=0.4, high=2.0)

    @property
    def settings(self) -> dict[str, Any]:
        """Return the lengths: nothing else is free."""
        return {"lengths": [self.lengths.base, self.lengths.slope]}

    async def annotate(self, task: Task) -> Chain:
        """Return the chain whose length comes nearest to the target."""
        sentences = list(dict.fromkeys(filter(None, map(_sentence, task.item.rationales))))
        if not sentences:
            raise Unusable(["the question has no rationales"])
        findings = findings_of(task.plan)
        influence = influence_of(findings, _needs(task.item.question))
        conclusion = f"So the answer is {' '.join(task.answer.split())}."
        chains = [
            Chain(findings, influence, " ".join(part), conclusion, str(task.number))
            for part in _parts(sentences)
        ]
        target = self.lengths.band(task.plan.total_intensity).target
        return min(chains, key=lambda chain: abs(prose_words(chain) - target))


def _parts(sentences: list[str]) -> list[list[str]]:
    """Return the first one, two, ... of the sentences, and each alone."""
    firsts = [sentences[: number + 1] for number in range(len(sentences))]
    return firsts + [[one] for one in sentences[1:]]


def _needs(question: str) -> str:
    return next((needs for pattern, needs in _NEEDS if pattern.search(question)), "shape")


def _sentence(text: str) -> str:
    """Write a rationale as a sentence."""
    words = " ".join(text.split())
    if not words:
        return ""
    return words[0].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
