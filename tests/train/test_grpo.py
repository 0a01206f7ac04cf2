"""Claims about rewards for full-size models: the adapter goes on, and each reward is logged."""

import pytest
import torch

from tests.support.training import adapter_weights, base_of, rows_of
from train.common.history import history_of

pytestmark = pytest.mark.slow


def test_reinforcement_goes_on_with_the_adapter_and_leaves_no_copy_of_it(taught, rewarded):
    before, after = adapter_weights(taught), adapter_weights(rewarded)
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert base_of(rewarded) == base_of(taught) == "tiny-rl"
    assert not (rewarded / "ref").exists()
    assert [done.stage for done in history_of(rewarded)] == ["chains", "rewards"]
    assert "LoRA for `tiny-rl`" in (rewarded / "README.md").read_text()


def test_each_reward_is_logged_by_itself_and_samples_are_kept(rewarded):
    steps = [row for row in rows_of(rewarded / "log.jsonl") if "reward" in row]
    assert [row["step"] for row in steps] == list(range(1, len(steps) + 1)) and len(steps) > 2
    for row in steps:
        assert {
            f"rewards/{name}_reward/mean" for name in ("degradation", "length", "format")
        } < set(row)
        assert "kl" in row
    assert any(row["grad_norm"] > 0 for row in steps)
    samples = rows_of(rewarded / "samples.jsonl")
    assert {row["step"] for row in samples} >= {0, 2} and samples[0]["solution"]
