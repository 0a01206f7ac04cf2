"""The paper's rewards and objective, as TRL's trainer takes them."""

from collections.abc import Callable
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
