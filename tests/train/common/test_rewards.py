"""Claims about the rewards that TRL is given: the four of them, whatever they weigh."""

from robust_r1.rewards import make_length_reward
from train.common.config import RewardWeights
from train.common.rewards import rewards_of
from train.tiny.rollouts import rollout_dataset


def test_a_reward_of_weight_0_is_computed_all_the_same(tokenizer):
    rewards, weights = rewards_of(RewardWeights(1.0, 0.5, 2.0, 0.0), tokenizer)
    assert [reward.__name__ for reward in rewards] == [
        f"{name}_reward" for name in ("degradation", "length", "format", "accuracy")
    ]
    assert weights == [1.0, 0.5, 2.0, 0.0]
    truth = rollout_dataset("train", 0, 1)[0]["solution"]
    expected = make_length_reward(tokenizer)([truth], [truth])
    assert rewards[1]([truth], solution=[truth]) == expected == [1.0]
