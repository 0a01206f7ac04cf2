"""Claims about reinforcement: rewards are told apart, vision stays, an interruption costs none."""

import argparse
import dataclasses
import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, TrainerCallback

from robust_r1.chain import build_prompt, parse, render
from robust_r1.errors import InputError
from robust_r1.rewards import accuracy_reward, degradation_reward, format_reward, make_length_reward
from robust_r1.scenes import make_item
from train.common.config import DecisionWeights, RewardWeights, load_config
from train.tiny import decoder, grpo, rollouts
from train.tiny.decisions import Decision
from train.tiny.decoder import IGNORED
from train.tiny.model import make_model, make_processor, make_tokenizer
from train.tiny.sampler import Sampler
from train.tiny.stages import load_checkpoint, save_checkpoint

WEIGHTS = RewardWeights(degradation=1.0, length=0.5, format=2.0, accuracy=0.0)
NAMES = ("degradation_reward", "length_reward", "format_reward", "accuracy_reward")
SMOKE = load_config("smoke")
CONFIG = dataclasses.replace(SMOKE, grpo=dataclasses.replace(SMOKE.grpo, rewards=WEIGHTS))


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Save a checkpoint of random weights, as train.tiny.sft would leave one."""
    folder = tmp_path_factory.mktemp("start")
    tokenizer = make_tokenizer(CONFIG.model.vocabulary)
    model = make_model(CONFIG.model, tokenizer, 0)
    save_checkpoint(model, make_processor(CONFIG.model, tokenizer), folder, torch.float32)
    return folder


def train(start, folder, config=CONFIG):
    grpo.run(argparse.Namespace(start=start, output=folder, data=None), config)
    return folder


@pytest.fixture(scope="module")
def trained(start, tmp_path_factory):
    """Run the stage once for the module."""
    return train(start, tmp_path_factory.mktemp("trained"))


def rows_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


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
        assert [row["degradation_reward"]] == degradation_reward(texts, solutions)
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
    monkeypatch.setattr(grpo, "_decisions", lambda *_: first_token_earns)
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
    found = grpo._decisions(stage, tokenizer)(ids, solution)
    place = ids.index(tokenizer.convert_tokens_to_ids("<CONCLUSION>"))
    assert {d.weight for d in found if d.place < place} == findings
    assert {d.weight for d in found if d.place > place} == answers
    none = dataclasses.replace(stage, decisions=DecisionWeights())
    assert grpo._decisions(none, tokenizer) is None


def test_completions_are_scored_as_transformers_scores_them(start, monkeypatch):
    model, processor = load_checkpoint(start)
    monkeypatch.setattr(decoder, "fast_dtype", lambda: torch.float32)
    items = [make_item("train", index) for index in (3, 5, 8)]
    parts = [[{"type": "image"}, {"type": "text", "text": "Why?" * count}] for count in (1, 9, 4)]
    turns = [[{"role": "user", "content": part}] for part in parts]
    texts = [processor.apply_chat_template(turn, add_generation_prompt=True) for turn in turns]
    images = [[item.image()] for item in items]
    inputs = dict(processor(images=images, text=texts, return_tensors="pt", padding=True))
    prompt, seen = inputs["input_ids"], inputs["attention_mask"]
    said = torch.randint(8, 200, (3, 7), generator=torch.Generator().manual_seed(1))
    inputs["mm_token_type_ids"] = torch.cat(
        [inputs["mm_token_type_ids"], torch.zeros_like(said)], 1
    )
    inputs["input_ids"] = torch.cat([prompt, said], 1)
    inputs["attention_mask"] = torch.cat([seen, torch.ones_like(said)], 1)
    inputs["attention_mask"][1, -2:] = 0  # a shorter completion is padded on the right
    with torch.no_grad():
        logits = model(**inputs).logits[:, -8:-1] / 0.7
        wanted = logits.log_softmax(-1).gather(-1, said[..., None]).squeeze(-1)
        got, entropy = decoder.log_probabilities(
            decoder.completion_logits(
                model, inputs["input_ids"], inputs["attention_mask"], 7, inputs
            ),
            said,
            temperature=0.7,
        )
    there = inputs["attention_mask"][:, -7:] > 0
    assert torch.allclose(got[there], wanted[there], atol=1e-4)
    spread = torch.distributions.Categorical(logits=logits).entropy()
    assert torch.allclose(entropy[there], spread[there], atol=1e-4)


@pytest.mark.slow
def test_the_sampler_completes_as_transformers_generates(start):
    model, processor = load_checkpoint(start)
    model.eval()
    items = [make_item("validation", index) for index in range(6)]
    texts = [
        processor.apply_chat_template(
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image"},
                        {"type": "text", "text": build_prompt(item.question.prompt)},
                    ],
                }
            ],
            add_generation_prompt=True,
        )
        for item in items
    ]
    images = [[item.image()] for item in items]
    inputs = dict(processor(images=images, text=texts, return_tensors="pt", padding=True))
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.config.image_token_id).long()
    # Random weights never say the end: any frequent token may be it here, so that rows do end.
    free = GenerationConfig(max_new_tokens=24, do_sample=False, pad_token_id=0, eos_token_id=1)
    said = model.generate(**inputs, generation_config=free)[:, inputs["input_ids"].shape[1] :]
    ends = said[:3, 4].unique().tolist()
    settings = GenerationConfig(
        max_new_tokens=24, do_sample=False, pad_token_id=0, eos_token_id=ends
    )
    wanted = model.generate(**inputs, generation_config=settings)
    sampler = Sampler(model)
    sampler.dtype = torch.float32
    got = sampler(**inputs, generation_config=settings)
    assert got.tolist() == wanted.tolist()
    assert (got == 0).any() and len({row.count(0) for row in got.tolist()}) > 1
    drawn = GenerationConfig(
        max_new_tokens=24, do_sample=True, top_k=0, pad_token_id=0, eos_token_id=1, temperature=1.0
    )
    torch.manual_seed(3)
    one, other = (sampler(**inputs, generation_config=drawn) for _ in range(2))
    torch.manual_seed(3)
    again = sampler(**inputs, generation_config=drawn)
    assert one.tolist() == again.tolist() and one.tolist() != other.tolist()


def test_the_sampler_refuses_settings_that_it_does_not_know(start):
    with pytest.raises(InputError, match="top_k, repetition_penalty"):
        Sampler(load_checkpoint(start)[0])(
            None, None, GenerationConfig(do_sample=True, top_k=5, repetition_penalty=1.2)
        )


def test_rows_hold_what_policy_and_rewards_need():
    dataset = rollouts.rollout_dataset("train", 70, 12)
    for index, row in enumerate(dataset.select(range(12)), 70):
        item = make_item("train", index)
        assert row["prompt"] == [{"role": "user", "content": build_prompt(item.question.prompt)}]
        assert np.array_equal(np.asarray(row["images"][0]), item.image())
        assert parse(row["solution"]).chain == item.chain
        assert row["choices"] == list(item.question.choices)
        columns = {"solution": [row["solution"]], "choices": [row["choices"]]}
        assert accuracy_reward([row["solution"]], **columns) == [1.0]


def test_a_group_draws_its_scene_once(monkeypatch):
    drawn = []
    draw = rollouts.scene_item
    watched = lambda *each, **more: drawn.append(each[:2]) or draw(*each, **more)  # noqa: E731
    monkeypatch.setattr(rollouts, "scene_item", watched)
    rollouts._row.cache_clear()
    rows = rollouts.rollout_dataset("train", 80, 2).select([0] * 8 + [1] * 8)
    assert len(list(rows)) == 16 and sorted(drawn) == [("train", 80), ("train", 81)]


def test_reinforcement_can_be_given_more_undamaged_scenes():
    rows = rollouts.rollout_dataset("train", 80, 12, clean=1.0)
    assert all(not parse(row["solution"]).chain.findings for row in rows)


def test_a_reward_of_weight_0_is_computed_all_the_same(start):
    _, processor = load_checkpoint(start)
    rewards, weights = rollouts.rewards_of(WEIGHTS, processor.tokenizer)
    assert [reward.__name__ for reward in rewards] == list(NAMES)
    assert weights == [1.0, 0.5, 2.0, 0.0]
    truth = rollouts.rollout_dataset("train", 0, 1)[0]["solution"]
    expected = make_length_reward(processor.tokenizer)([truth], [truth])
    assert rewards[1]([truth], solution=[truth]) == expected == [1.0]


def test_the_sample_log_leaves_rewards_alone_and_keeps_its_pace(tmp_path):
    log = rollouts.SampleLog(tmp_path / "samples.jsonl", every=2, group=1)
    (watched,) = log.watch([format_reward])
    assert watched.__name__ == "format_reward"
    for step in (0, 1, 1, 2, 2, 3, 4):
        columns = {"question": ["q", "q"], "solution": ["s", "s"], "completion_ids": [[1], [2]]}
        state = SimpleNamespace(global_step=step)
        assert watched(completions=["a", "b"], trainer_state=state, **columns) == [0.0, 0.0]
    assert [row["step"] for row in rows_of(tmp_path / "samples.jsonl")] == [0, 2, 4]


def test_remembered_pictures_give_the_same_features_and_are_seen_once(start):
    model, processor = load_checkpoint(start)
    vision, sizes = model.model.visual, ((192, 192), (128, 256), (192, 192))
    pictures = [np.random.default_rng(n).integers(0, 255, (*size, 3), np.uint8)
                for n, size in enumerate(sizes)]  # fmt: skip
    shown = [pictures[number] for number in (0, 1, 0, 2, 1)]
    inputs = processor.image_processor(images=shown, return_tensors="pt")
    patches, grid = inputs["pixel_values"], inputs["image_grid_thw"]
    with torch.no_grad():
        plain = vision(patches, grid_thw=grid).pooler_output
        seen, real = [], vision.forward

        def counted(patches, grid_thw):
            seen.append(len(grid_thw))
            return real(patches, grid_thw=grid_thw)

        vision.forward = counted
        rollouts.remember_pictures(vision, 2)
        for _ in range(2):
            again = vision(patches, grid_thw=grid).pooler_output
            assert torch.allclose(again, plain, atol=1e-5)
        # Two of the three are remembered; the one that had to go is seen again.
        assert seen[0] == 3 and sum(seen) <= 5


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (["grpo.group=1"], "grpo.group is 1"),
        (["grpo.accumulate=3"], "grpo.accumulate is 3, it must divide the 4 completions"),
        (["grpo.temperature=0"], "must be above 0"),
        (["grpo.share=0"], "grpo.share is 0"),
        ([f"grpo.rewards.{n}=0" for n in ("degradation", "length", "format", "accuracy")], "all 0"),
        (["grpo.rewards.speed=1"], "unknown key grpo.rewards.speed"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_settings_that_cannot_work_are_refused_before_anything_runs(changes, fault):
    with pytest.raises(InputError) as caught:
        load_config("smoke", changes)
    assert fault in str(caught.value)


def test_reinforcement_draws_scenes_that_no_earlier_stage_drew():
    config = load_config("cpu")
    last = max(stage.first_index + stage.samples for stage in (config.base, config.sft))
    assert config.grpo.first_index >= last


def test_the_papers_group_and_beta_are_those_of_the_gpu_and_the_cpu_differs_in_beta_alone():
    assert (load_config("gpu").grpo.group, load_config("gpu").grpo.beta) == (8, 0.04)
    assert (load_config("cpu").grpo.group, load_config("cpu").grpo.beta) == (8, 0.02)
