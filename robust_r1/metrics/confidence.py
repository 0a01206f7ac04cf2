"""How sure a model is of an option: probabilities where the answer begins, and what they tell.

A margin can shrink long before the answer changes, so a model may lose its confidence before its
accuracy. Bench-C (arXiv 2511.19032) therefore scores the shift of uncertainty and of the alignment
with the right option, and splits it into destructive and corrective moves. Its formula is not
repeated here: `Move` is our own reading of these parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.metrics.answers import option_of


@dataclass(frozen=True)
class OptionOdds:
    """Hold the probabilities of a question's options, in their order; they sum to 1.

    `right` is the place of the true option.
    """

    probabilities: tuple[float, ...]
    right: int

    @property
    def confidence(self) -> float:
        """Return the probability of the likeliest option."""
        return max(self.probabilities)

    @property
    def correct(self) -> bool:
        """Tell whether the likeliest option is the right one, and no other is as likely."""
        return self.margin > 0

    @property
    def chance(self) -> float:
        """Return the probability of the right option."""
        return self.probabilities[self.right]

    @property
    def rank(self) -> int:
        """Return the place of the right option among all by probability, from 1."""
        return 1 + sum(one > self.chance for one in self.probabilities)

    @property
    def margin(self) -> float:
        """Return by how much the right option is likelier than the best other one, -1 to 1."""
        others = (one for place, one in enumerate(self.probabilities) if place != self.right)
        return self.chance - max(others)

    @property
    def uncertainty(self) -> float:
        """Return the entropy of the options as a share of the most that they could have, 0 to 1."""
        odds = np.array([one for one in self.probabilities if one > 0])
        return float(-(odds * np.log(odds)).sum() / np.log(len(self.probabilities)))


@dataclass(frozen=True)
class Move:
    """Say how damage moved the options of one question, from the clean to the damaged picture.

    Attributes:
        alignment: what the right option's probability gained, -1 to 1.
        uncertainty: what the options' entropy gained, as a share, -1 to 1.
        margin: what the right option's margin gained, -2 to 2.
    """

    alignment: float
    uncertainty: float
    margin: float

    @property
    def destructive(self) -> float:
        """Return what the right option lost, 0 where it gained."""
        return max(0.0, -self.alignment)

    @property
    def corrective(self) -> float:
        """Return what the right option gained, 0 where it lost."""
        return max(0.0, self.alignment)


def option_odds(
    logprobs: Sequence[float], truth: str, choices: Sequence[str]
) -> OptionOdds | None:
    """Turn the options' log-probabilities into odds among them.

    None where they were not asked for, where there are fewer than two options, where none is
    possible, or where the truth is none of them.

    >>> odds = option_odds((-0.1, -2.4, -5.0), "cat", ("cat", "dog", "cow"))
    >>> odds.rank, round(odds.margin, 2)
    (1, 0.81)
    """
    right = option_of(truth, choices) if truth else None
    if right is None or len(choices) < 2 or len(logprobs) != len(choices):
        return None
    logs = np.array(logprobs, dtype=float)
    if np.isnan(logs).any() or not np.isfinite(logs.max()):
        return None
    odds = np.exp(logs - logs.max())
    return OptionOdds(tuple(map(float, odds / odds.sum())), right)


def move_of(clean: OptionOdds, damaged: OptionOdds) -> Move:
    """Return how the odds of one question moved from the clean to the damaged picture."""
    return Move(
        alignment=damaged.chance - clean.chance,
        uncertainty=damaged.uncertainty - clean.uncertainty,
        margin=damaged.margin - clean.margin,
    )
