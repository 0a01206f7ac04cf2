"""Claims about adapting full-size models: the text side alone learns, and its folder is a model."""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from robust_r1.engine import GenerationSettings, Request, load_engine
from robust_r1.errors import InputError, ModelError
from robust_r1.images import load
from train import adapt
from train.common.config import AdaptConfig, load_config
from train.common.history import history_of
from train.common.rows import chain_rows, read_data, rollout_rows
from train.make_data import make_data
from train.samples import scene_samples
from train.tiny import stages

# What one laptop core does in seconds.
SMALL = (
    *("lora.rank=4", "lora.dropout=0", "threads=1", "workers=0", "sft_share=0.5"),
    *("sft.batch=2", "sft.accumulate=1", "sft.epochs=2", "sft.rate=0.01"),
    *("sft.save_every=2", "sft.log_every=1"),
    *("grpo.batch=4", "grpo.accumulate=2", "grpo.epochs=2", "grpo.rate=0.01"),
    *("grpo.save_every=2", "grpo.log_every=1", "grpo.sample_every=2"),
    *("grpo.group=4", "grpo.max_tokens=12"),
)
LOGGED = [f"rewards/{name}_reward/mean" for name in ("degradation", "length", "format", "accuracy")]
KINDS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def small(*changes: str) -> AdaptConfig:
    return load_config("3b-qlora", [*SMALL, *changes], AdaptConfig)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Compute as the settings ask for: threads that wait for each other's core are slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_data(scene_samples("train", 0, 8), folder)
    return folder / "records.jsonl"


@pytest.fixture(scope="module")
def train(data):
    """Return a function that runs a stage and gives its folder."""

    def run(stage, folder, start="tiny-rl", config=None):
        arguments = argparse.Namespace(stage=stage, start=str(start), data=data, output=folder)
        adapt.run(arguments, config or small())
        return folder

    return run


@pytest.fixture(scope="module")
def taught(train, tmp_path_factory):
    """Return the folder of chains learned beside 4-bit weights."""
    return train("sft", tmp_path_factory.mktemp("sft"))


@pytest.fixture(scope="module")
def rewarded(train, taught, tmp_path_factory):
    """Return the folder of the same adapter after reinforcement."""
    return train("grpo", tmp_path_factory.mktemp("rl"), taught)


def weights_of(folder):
    return load_file(folder / "adapter_model.safetensors")


def base_of(folder):
    return json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]


def rows_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def text_of(name, picture, quantize):
    with load_engine(str(name), quantize) as engine:
        request = Request.of(picture, "What is it?")
        *_, answer = engine.stream(request, GenerationSettings(max_new_tokens=16))
    return answer.text


@pytest.mark.parametrize("name", ["3b-qlora", "3b-lora"])
def test_the_recipes_load_and_differ_in_the_weights_alone(name):
    config = load_config(name, kind=AdaptConfig)
    assert config.lora.quantized == (name == "3b-qlora")
    alike = dataclasses.replace(config, lora=dataclasses.replace(config.lora, quantized=True))
    assert alike == load_config("3b-qlora", kind=AdaptConfig)
    assert (config.grpo.group, config.grpo.beta, config.sft_share) == (8, 0.04, 0.25)  # the paper's


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_no_sample_serves_both_stages_and_none_is_left_out(data, share):
    records, config = read_data(data), small(f"sft_share={share}")
    first, second = (adapt.part_of(records, stage, config) for stage in adapt.STAGES)
    assert len(first) == round(share * len(records))
    assert sorted(record.image for record in (*first, *second)) == sorted(
        record.image for record in records
    )
    other = adapt.part_of(records, "sft", small(f"sft_share={share}", "seed=21"))
    assert first == adapt.part_of(records, "sft", config) != other


def test_a_picture_is_fitted_to_the_pixel_budget_and_a_smaller_one_is_left_alone(data):
    records = read_data(data)
    for rows in (chain_rows, rollout_rows):
        (whole,), (fitted,) = (
            rows(records, data.parent, budget)[0]["images"] for budget in (10**6, 96 * 96)
        )
        assert whole.size == load(records[0].picture(data.parent)).shape[1::-1]
        assert 0.8 * 96 * 96 < fitted.size[0] * fitted.size[1] <= 96 * 96


@pytest.mark.parametrize("stage", adapt.STAGES)
def test_every_projection_of_the_language_model_learns_and_nothing_else(stage, taught, rewarded):
    weights = weights_of({"sft": taught, "grpo": rewarded}[stage])
    places = {name.split(".lora_")[0] for name in weights}
    assert all(".language_model." in place and "visual" not in place for place in places)
    assert {place.rpartition(".")[2] for place in places} == KINDS
    assert len(places) == 4 * len(KINDS)  # of four layers
    assert {value.dtype for value in weights.values()} == {torch.float32}
    # A new adapter's B is zero.
    assert all(value.any() for name, value in weights.items() if ".lora_B." in name)


@pytest.mark.parametrize("quantize", ["fp32", "4bit"])
def test_the_runs_folder_is_a_model_of_its_own(taught, rewarded, picture, quantize):
    texts = {text_of(name, picture, quantize) for name in ("tiny-rl", taught, rewarded)}
    assert len(texts) == 3


def test_reinforcement_goes_on_with_the_adapter_and_leaves_no_copy_of_it(taught, rewarded):
    before, after = weights_of(taught), weights_of(rewarded)
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


def test_what_the_model_says_of_its_first_samples_is_kept_at_each_checkpoint(taught, data):
    rows = rows_of(taught / "samples.jsonl")
    first = adapt.part_of(read_data(data), "sft", small())[:2]
    assert [row["step"] for row in rows] == [2, 2, 4, 4]
    assert [row["solution"] for row in rows] == 2 * [record.chain for record in first]
    assert all(row["completion"].startswith("<TYPE>") for row in rows)


class Stop(TrainerCallback):
    """Interrupt a run at its first checkpoint."""

    def on_save(self, args, state, control, **options):
        raise KeyboardInterrupt


@pytest.mark.parametrize("stage", adapt.STAGES)
def test_an_interrupted_run_resumes_to_the_same_adapter(
    stage, train, taught, rewarded, tmp_path, monkeypatch
):
    start, whole = {"sft": ("tiny-rl", taught), "grpo": (taught, rewarded)}[stage]
    make = getattr(adapt, f"{stage}_trainer")

    def make_and_stop(*arguments):
        trainer = make(*arguments)
        trainer.add_callback(Stop())
        return trainer

    with monkeypatch.context() as patch:
        patch.setattr(adapt, f"{stage}_trainer", make_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(stage, tmp_path / "cut", start)
    assert adapt.last_checkpoint(tmp_path / "cut") and not history_of(tmp_path / "cut")
    resumed = train(stage, tmp_path / "cut", start)
    wanted, got = weights_of(whole), weights_of(resumed)
    assert all(torch.equal(wanted[name], got[name]) for name in wanted)
    steps = [row["step"] for row in rows_of(resumed / "log.jsonl") if "grad_norm" in row]
    assert steps == list(range(1, len(steps) + 1))


def test_what_another_adapter_left_in_a_runs_folder_is_refused(train, taught, tmp_path):
    shutil.copytree(taught, tmp_path / "run")
    with pytest.raises(ModelError, match="checkpoint-4 is of a model of another shape"):
        train("sft", tmp_path / "run", config=small("lora.rank=8"))


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_from_the_same_samples(
    train, data, tiny_checkpoint, tmp_path, root
):
    at_once = ("lora.quantized=false", "sft.warmup_share=0", "sft.epochs=1")
    one = train("sft", tmp_path / "one", tiny_checkpoint, small(*at_once, "sft.batch=4"))
    turns = train("sft", tmp_path / "turns", tiny_checkpoint, small(*at_once))
    settings = [word for change in (*SMALL, *at_once) for word in ("--set", change)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.launch"),
            *("--config_file", "train/accelerate/cpu.yaml", "--main_process_port", "0"),
            *("-m", "train.adapt", "sft", "--from", str(tiny_checkpoint), "--data", str(data)),
            *("-o", str(tmp_path / "two"), *settings),
        ],
        cwd=root, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert base_of(one) == base_of(tmp_path / "two") == str(tiny_checkpoint.resolve())
    (whole, _), (shared, _) = (rows_of(tmp_path / name / "log.jsonl") for name in ("one", "two"))
    for figure in ("step", "num_tokens", "mean_token_accuracy", "entropy"):
        assert shared[figure] == pytest.approx(whole[figure], rel=1e-5), figure
    # Each process's mean counts as much as the other's, whichever has more tokens; and Adam's first
    # step takes but the sign of a gradient.
    assert shared["loss"] == pytest.approx(whole["loss"], rel=0.01)
    assert agreement(tmp_path / "two", one) > max(0.8, agreement(turns, one))


def agreement(folder, other) -> float:
    """Return the cosine of two adapters' updates."""
    one, two = (
        torch.cat(
            [value.flatten() for name, value in sorted(weights_of(one).items()) if "_B" in name]
        )
        for one in (folder, other)
    )
    return torch.nn.functional.cosine_similarity(one, two, dim=0).item()


def complain(monkeypatch, capsys, tmp_path, *words: str) -> str:
    settings = [word for change in SMALL for word in ("--set", change)]
    monkeypatch.setattr(sys, "argv", ["train.adapt", *settings, *words, "-o", str(tmp_path / "o")])
    monkeypatch.setattr(stages, "_refuse_ranks", lambda: pytest.fail("several processes are fine"))
    with pytest.raises(SystemExit) as ended:
        adapt.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("error: ") and said.count("\n") == 1, said
    assert not history_of(tmp_path / "o")
    return said


def test_what_cannot_begin_ends_with_one_line_and_exit_2(
    data, tiny_checkpoint, tmp_path, monkeypatch, capsys
):
    def said(stage, start, file, *more):
        words = (stage, "--from", str(start), "--data", str(file), *more)
        return complain(monkeypatch, capsys, tmp_path, *words)

    few = tmp_path / "few.jsonl"
    few.write_text(data.read_text().splitlines()[0] + "\n")
    (tmp_path / "images").symlink_to(data.parent / "images")
    broken = tmp_path / "broken.jsonl"
    broken.write_text(data.read_text() + "{")
    assert "did you mean tiny-rl" in said("sft", "tiny-lr", data)
    assert "1 samples are too few" in said("sft", tiny_checkpoint, few)
    assert "broken.jsonl" in said("sft", tiny_checkpoint, broken)
    assert "groups of 3" in said("grpo", tiny_checkpoint, data, "--set", "grpo.group=3")
    assert "unknown key lora.rang" in said("sft", tiny_checkpoint, data, "--set", "lora.rang=3")
    assert "missing key lora" in said("sft", tiny_checkpoint, data, "--config", "cpu")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((), "lower sft.batch or max_pixels, then"),
        (("sft.batch=1", "lora.quantized=false"), "lower max_pixels, or set lora.quantized=true"),
    ],
)
def test_a_step_that_does_not_fit_the_gpu_says_what_would(
    train, tmp_path, monkeypatch, changes, words
):
    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(adapt.SFTTrainer, "train", full)
    with pytest.raises(ModelError, match=words):
        train("sft", tmp_path, config=small(*changes))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("lora.rank=0", "lora.rank"),
        ("lora.dropout=1.0", "lora.dropout"),
        ("sft.epochs=0", "epochs"),
        ("grpo.group=1", "grpo.group"),
        ("sft_share=1.0", "sft_share"),
        ("grpo.rewards={degradation: 0, length: 0, format: 0, accuracy: 0}", "all 0"),
    ],
)
def test_a_setting_that_cannot_be_is_named(change, words):
    with pytest.raises(InputError, match=words):
        small(change)
