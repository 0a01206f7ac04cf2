"""The paper's rewards and objective, as TRL's trainer takes them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robust_r1.rewards import (
    accuracy_reward,
    degradation_reward,
    format_reward,
    make_length_reward,
)
from train.common.config import GroupSettings, RewardWeights

Reward = Callable[..., list[float | None]]


def rewards_of(weights: RewardWeights, tokenizer: Any) -> tuple[list[Reward], list[float]]:
    """Return the four rewards, lengths counted in tokens of `tokenizer`, and their weights."""
    pairs: list[tuple[Reward, float]] = [
        (degradation_reward, weights.degradation),
        (make_length_reward(tokenizer), weights.length),
        (format_reward, weights.format),
        (accuracy_reward, weights.accuracy),
    ]
    return [reward for reward, _ in pairs], [weight for _, weight in pairs]


@dataclass(frozen=True)
class Scoring:
    """Reward completions outside of TRL's trainer, by the same functions and weights."""

    rewards: Sequence[Reward]
    weights: Sequence[float]

    def parts(
        self, texts: Sequence[str], ids: Sequence[Sequence[int]], columns: Mapping[str, Any]
    ) -> list[dict[str, float | None]]:
        """Return of each completion its rewards by name; None where there is nothing to score.

        Args:
            texts: the completions.
            ids: their tokens, end tokens included.
            columns: `solution` and `choices` of each.
        """
        scores = {
            reward.__name__: reward(completions=texts, completion_ids=ids, **columns)
            for reward in self.rewards
        }
        return [{name: scores[name][at] for name in scores} for at in range(len(texts))]

    def total(self, part: Mapping[str, float | None]) -> float | None:
        """Return the weighted sum of one completion's rewards; None where none was scored."""
        return total_of(part, self.weights)


def total_of(part: Mapping[str, float | None], weights: Sequence[float]) -> float | None:
    """Return the weighted sum of rewards, in the order of the weights; None where none is there."""
    pairs = [
        (value, weight)
        for value, weight in zip(part.values(), weights, strict=True)
        if value is not None
    ]
    return sum(value * weight for value, weight in pairs) if pairs else None


def advantages_of(totals: Sequence[float | None]) -> list[float]:
    """Return what each completion of a group is reinforced by, as TRL's trainer scales it.

    That is its reward beyond the group's mean, by the group's standard deviation; 0 for one that
    could not be scored.
    """
    known = [total for total in totals if total is not None]
    if len(known) < 2:
        return [0.0] * len(totals)
    mean = sum(known) / len(known)
    spread = math.sqrt(sum((total - mean) ** 2 for total in known) / (len(known) - 1))
    return [0.0 if total is None else (total - mean) / (spread + 1e-4) for total in totals]


def objective_of(stage: GroupSettings, weights: list[float]) -> dict[str, Any]:
    """Return the arguments of TRL's GRPOConfig that say what is reinforced, and how it is sampled.

    The paper's objective: TRL's own defaults are beta 0 and a loss over all tokens alike. `weights`
    are those of the rewards, in their order.
    """
    return {
        "beta": stage.beta,
        "num_generations": stage.group,
        "loss_type": "grpo",
        "scale_rewards": "group",
        "reward_weights": weights,
        "temperature": stage.temperature,
        "max_completion_length": stage.max_tokens,
    }
