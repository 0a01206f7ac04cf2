"""Claims about reinforcement: rewards are told apart, vision stays, an interruption costs none."""

import argparse
import dataclasses
from collections import Counter

import pytest
import torch
from transformers import TrainerCallback

from robust_r1.chain import parse, render
from robust_r1.rewards import degradation_reward, format_reward
from robust_r1.scenes import make_item
from tests.support.training import SMOKE, rows_of
from train.common.config import RewardWeights
from train.tiny import grpo
from train.tiny.config import DecisionWeights
from train.tiny.decisions import Decision
from train.tiny.decoder import IGNORED
from train.tiny.stages import load_checkpoint

WEIGHTS = RewardWeights(degradation=1.0, length=0.5, format=2.0, accuracy=0.0)
NAMES = ("degradation_reward", "length_reward", "format_reward", "accuracy_reward")
CONFIG = dataclasses.replace(SMOKE, grpo=dataclasses.replace(SMOKE.grpo, rewards=WEIGHTS))


def train(start, folder, config=CONFIG):
    grpo.run(argparse.Namespace(start=start, output=folder, data=None, photos=[]), config)
    return folder


@pytest.fixture(scope="module")
def trained(start, tmp_path_factory):
    """Run the stage once for the module."""
    return train(start, tmp_path_factory.mktemp("trained"))


def weights_of(folder):
    return load_checkpoint(folder)[0].state_dict()


@pytest.mark.slow
def test_each_reward_is_logged_by_itself_and_the_sum_is_weighted(trained):
    steps = [row for row in rows_of(trained / "log.jsonl") if "reward" in row]
    assert len(steps) == CONFIG.grpo.steps
    weights = dict(zip(NAMES, dataclasses.astuple(WEIGHTS), strict=True))
    for row in steps:
        means = {name: row[f"rewards/{name}/mean"] for name in NAMES}
        total = sum(weights[name] * (mean or 0) for name, mean in means.items())
        assert row["reward"] == pytest.approx(total, abs=1e-5)
        assert means["length_reward"] != 0 and "kl" in row
        assert row["mix_loss"] > 0


@pytest.mark.slow
def test_vision_stays_as_it_was_and_the_text_side_learns(start, trained):
    before, after = weights_of(start), weights_of(trained)
    assert set(before) == set(after)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and not [name for name in changed if "visual" in name]
    assert any("language_model.layers" in name for name in changed)


def test_a_share_of_the_way_from_the_start_is_kept(start):
    before, model = weights_of(start), load_checkpoint(start)[0]
    with torch.no_grad():
        for weight in model.parameters():
            weight += 1
    grpo.keep_share(model, start, 1.0)
    assert all(torch.equal(w, before[n] + 1) for n, w in model.state_dict().items())
    grpo.keep_share(model, start, 0.25)
    for name, weight in model.state_dict().items():
        assert torch.allclose(weight, before[name] + 0.25, atol=1e-5), name


@pytest.mark.slow
def test_samples_hold_groups_with_the_rewards_that_their_text_earns(start, trained):
    rows = rows_of(trained / "samples.jsonl")
    assert Counter(row["step"] for row in rows) == {0: CONFIG.grpo.group, 2: CONFIG.grpo.group}
    first = make_item("train", CONFIG.grpo.first_index)
    assert rows[0]["question"] == first.question.prompt
    assert parse(rows[0]["solution"]).chain == first.chain
    for row in rows:
        texts, solutions = [row["completion"]], [row["solution"]]
        assert [row["degradation_reward"]] == pytest.approx(degradation_reward(texts, solutions))
        assert [row["format_reward"]] == format_reward(texts)
        assert 0 < row["tokens"] <= CONFIG.grpo.max_tokens


@pytest.mark.slow
def test_the_bundled_half_is_small_and_loads(trained):
    files = list((trained / "half").glob("*.safetensors"))
    assert files and all(file.stat().st_size < 10_000_000 for file in files)
    weights = weights_of(trained / "half")
    assert all(torch.isfinite(value).all() for value in weights.values())


@pytest.mark.slow
def test_an_interrupted_run_resumes_to_the_same_weights(start, trained, tmp_path, monkeypatch):
    class Stop(TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            raise KeyboardInterrupt

    real = grpo.make_trainer

    def make_and_stop(*arguments):
        trainer = real(*arguments)
        trainer.add_callback(Stop())
        return trainer

    with monkeypatch.context() as patch:
        patch.setattr(grpo, "make_trainer", make_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(start, tmp_path)
    assert (tmp_path / "checkpoint-2").is_dir() and not (tmp_path / "config.json").exists()
    train(start, tmp_path)
    whole, resumed = weights_of(trained), weights_of(tmp_path)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    steps = [row["step"] for row in rows_of(tmp_path / "log.jsonl") if "reward" in row]
    assert steps == [1, 2, 3, 4]


def test_the_reference_sees_with_the_policys_encoder_and_keeps_its_own_words(start, tmp_path):
    model, processor = load_checkpoint(start)
    trainer = grpo.make_trainer(model, processor, CONFIG, tmp_path)
    reference = trainer.ref_model
    assert reference.model.visual is model.model.visual
    assert reference.model.language_model is not model.model.language_model
    assert trainer.args.beta == 0.04 and trainer.args.loss_type == "grpo"
    assert trainer.args.scale_rewards == "group" and trainer.reward_func_names == list(NAMES)


@pytest.mark.slow
def test_decisions_stay_with_their_completions_and_are_reinforced(start, tmp_path, monkeypatch):
    """TRL shuffles completions before it trains on them; each must keep what was found in it."""
    seen, begun = [], []

    def first_token_earns(said, solution):
        begun.append(said[0])
        return [Decision(0, {said[0]: 1.0}, 50.0)]

    def watch(trainer, model, inputs):
        seen.extend(zip(
            inputs["decision_tokens"][:, 0, 0].tolist(), inputs["completion_ids"][:, 0].tolist(),
            strict=True,
        ))  # fmt: skip
        return compute(trainer, model, inputs)

    compute = grpo.SceneGRPOTrainer._compute_loss
    monkeypatch.setattr(grpo, "decisions_for", lambda *_: first_token_earns)
    monkeypatch.setattr(grpo.SceneGRPOTrainer, "_compute_loss", watch)
    stage = dataclasses.replace(CONFIG.grpo, mix=0)
    train(start, tmp_path, dataclasses.replace(CONFIG, grpo=stage))
    assert sorted(token for token, _ in seen) == sorted(begun) and len(set(begun)) > 2
    assert all(token == first for token, first in seen)
    gained = [row["decisions"] for row in rows_of(tmp_path / "log.jsonl") if "decisions" in row]
    assert len(gained) == CONFIG.grpo.steps and gained[-1] > gained[0]


def test_mixed_batches_go_on_where_an_interrupted_run_stopped(start):
    processor = load_checkpoint(start)[1]
    whole = list(grpo.mixed_batches(CONFIG.grpo, CONFIG, processor))
    rest = list(grpo.mixed_batches(CONFIG.grpo, CONFIG, processor, seen=1))
    assert len(whole) == CONFIG.grpo.steps * CONFIG.grpo.accumulate and len(rest) == len(whole) - 1
    for one, other in zip(whole[1:], rest, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert any(batch["decision_places"].numel() for batch in whole)
    lengths = {batch["tokens"].shape for batch in whole}
    assert len(lengths) > 1  # chains and drills


def test_decisions_of_mixed_rows_point_at_the_labels_that_they_are_about(start):
    processor = load_checkpoint(start)[1]
    for batch in grpo.mixed_batches(CONFIG.grpo, CONFIG, processor):
        labels = batch["labels"][batch["labels"] != IGNORED]
        places, tokens = batch["decision_places"][0], batch["decision_tokens"][0]
        assert all(label in row for label, row in zip(labels[places], tokens, strict=True))


@pytest.mark.parametrize(
    ("changes", "findings", "answers"),
    [
        ({"degradation": 2.0}, {6.0, 4.0}, {5.0}),
        ({"degradation": 0.0}, set(), {5.0}),
        ({"accuracy": 0.0}, {3.0, 2.0}, set()),
    ],
)
def test_a_decision_counts_as_its_reward_does(start, changes, findings, answers):
    rewards = dataclasses.replace(RewardWeights(), **changes)
    decisions = DecisionWeights(names=3.0, intensities=2.0, answers=5.0)
    stage = dataclasses.replace(SMOKE.grpo, rewards=rewards, decisions=decisions)
    tokenizer = load_checkpoint(start)[1].tokenizer
    solution = render(make_item("train", 2).chain)
    ids = tokenizer(solution, add_special_tokens=False)["input_ids"]
    found = grpo.decisions_for(stage, tokenizer)(ids, solution)
    place = ids.index(tokenizer.convert_tokens_to_ids("<CONCLUSION>"))
    assert {d.weight for d in found if d.place < place} == findings
    assert {d.weight for d in found if d.place > place} == answers
    none = dataclasses.replace(stage, decisions=DecisionWeights())
    assert grpo.decisions_for(none, tokenizer) is None
