"""Claims about training full-size models: the text side alone learns, its folder is a model."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from trl import SFTTrainer

from robust_r1.engine import GenerationSettings, Request, load_engine
from robust_r1.errors import ModelError
from tests.support.training import (
    SMALL,
    adapter_weights,
    base_of,
    rows_of,
    small,
    stop_at_first_checkpoint,
)
from train import grpo, sft
from train.common import command
from train.common.adapter_config import AdapterConfig
from train.common.checkpoints import last_checkpoint
from train.common.command import main_of
from train.common.flags import adapter_parser
from train.common.history import history_of
from train.common.rows import read_data
from train.common.splits import part_of

KINDS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


@pytest.mark.parametrize("run", ["taught", pytest.param("rewarded", marks=pytest.mark.slow)])
def test_every_projection_of_the_language_model_learns_and_nothing_else(run, request):
    weights = adapter_weights(request.getfixturevalue(run))
    places = {name.split(".lora_")[0] for name in weights}
    assert all(".language_model." in place and "visual" not in place for place in places)
    assert {place.rpartition(".")[2] for place in places} == KINDS
    assert len(places) == 4 * len(KINDS)  # of four layers
    assert {value.dtype for value in weights.values()} == {torch.float32}
    # A new adapter's B is zero.
    assert all(value.any() for name, value in weights.items() if ".lora_B." in name)


def text_of(name, picture, quantize):
    with load_engine(str(name), quantize) as engine:
        request = Request.of(picture, "What is it?")
        *_, answer = engine.stream(request, GenerationSettings(max_new_tokens=64))
    return answer.text


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["fp32", "4bit"])
def test_the_runs_folder_is_a_model_of_its_own(taught, rewarded, picture, quantize):
    texts = {text_of(name, picture, quantize) for name in ("tiny-rl", taught, rewarded)}
    assert len(texts) == 3


def test_what_the_model_says_of_its_first_samples_is_kept_at_each_checkpoint(taught, data_file):
    rows = rows_of(taught / "samples.jsonl")
    first = part_of(read_data(data_file), "sft", 0.5, small().seed)[:2]
    assert [row["step"] for row in rows] == [2, 2, 4, 4]
    assert [row["solution"] for row in rows] == 2 * [record.chain for record in first]
    assert all(row["completion"].startswith("<TYPE>") for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_an_interrupted_run_resumes_to_the_same_adapter(
    stage, adapt, taught, rewarded, tmp_path, monkeypatch
):
    start, whole = {"sft": ("tiny-rl", taught), "grpo": (taught, rewarded)}[stage]
    with monkeypatch.context() as patch:
        stop_at_first_checkpoint({"sft": sft, "grpo": grpo}[stage], patch)
        with pytest.raises(KeyboardInterrupt):
            adapt(stage, tmp_path / "cut", start)
    assert last_checkpoint(tmp_path / "cut") and not history_of(tmp_path / "cut")
    resumed = adapt(stage, tmp_path / "cut", start)
    wanted, got = adapter_weights(whole), adapter_weights(resumed)
    assert all(torch.equal(wanted[name], got[name]) for name in wanted)
    steps = [row["step"] for row in rows_of(resumed / "log.jsonl") if "grad_norm" in row]
    assert steps == list(range(1, len(steps) + 1))


def test_an_adapter_of_another_shape_that_an_earlier_version_left_is_refused(
    adapt, taught, tmp_path
):
    shutil.copytree(taught, tmp_path / "run")
    (tmp_path / "run" / "recipe.json").unlink()
    with pytest.raises(ModelError, match="checkpoint-4 is of a model of another shape"):
        adapt("sft", tmp_path / "run", config=small("lora.rank=8"))


@pytest.mark.slow
def test_two_processes_go_on_with_what_one_left_unseen_and_learn_what_one_would(
    adapt, data_file, tiny_checkpoint, tmp_path, root, monkeypatch
):
    # Seven samples, of which four are learned one at a time, the others two at a time.
    same = ("lora.quantized=false", "sft_share=0.875", "sft.epochs=1", "sft.save_every=4")
    with monkeypatch.context() as patch:
        stop_at_first_checkpoint(sft, patch)
        with pytest.raises(KeyboardInterrupt):
            adapt("sft", tmp_path / "one", tiny_checkpoint, small(*same, "sft.global_batch=1"))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    one = adapt("sft", tmp_path / "one", tiny_checkpoint, small(*same))
    settings = [word for change in (*SMALL, *same) for word in ("--set", change)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.launch"),
            *("--config_file", "train/accelerate/cpu.yaml", "--main_process_port", "0"),
            *("-m", "train.sft", "--from", str(tiny_checkpoint), "--data", str(data_file)),
            *("-o", str(tmp_path / "two"), *settings),
        ],
        cwd=root, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert base_of(one) == base_of(tmp_path / "two") == str(tiny_checkpoint.resolve())
    whole, shared = (
        [row for row in rows_of(tmp_path / name / "log.jsonl") if "loss" in row]
        for name in ("one", "two")
    )
    assert [row["samples"] for row in shared] == [1, 2, 3, 4, 6, 7]
    assert [row["of"] for row in shared] == [7, 7, 7, 7, 6, 6]
    figures = ("step", "samples", "epoch", "loss", "grad_norm", "learning_rate", "entropy")
    for alone, together in zip(whole, shared, strict=True):
        for figure in figures:
            assert together[figure] == pytest.approx(alone[figure], rel=1e-4), figure
    assert agreement(tmp_path / "two", one) > 1 - 1e-5
    assert [done.samples for done in history_of(tmp_path / "two")] == [7]


def agreement(folder, other) -> float:
    """Return the cosine of two adapters' updates."""
    one, two = (
        torch.cat([value.flatten() for name, value in sorted(weights.items()) if "_B" in name])
        for weights in map(adapter_weights, (folder, other))
    )
    return torch.nn.functional.cosine_similarity(one, two, dim=0).item()


def test_what_cannot_begin_ends_with_one_line_and_exit_2(
    data_file, tiny_checkpoint, tmp_path, monkeypatch, capsys
):
    def said(module, start, file, *more):
        settings = [word for change in SMALL for word in ("--set", change)]
        where = ("--from", str(start), "--data", str(file), "-o", str(tmp_path / "o"))
        monkeypatch.setattr(sys, "argv", ["train", *settings, *where, *more])
        with pytest.raises(SystemExit) as ended:
            parser = adapter_parser(module.__name__, "Train.")
            main_of(parser, module.run, AdapterConfig, False)
        error = capsys.readouterr().err
        assert ended.value.code == 2 and error.startswith("error: ")
        assert error.count("\n") == 1
        assert not history_of(tmp_path / "o")
        return error

    few = tmp_path / "few.jsonl"
    few.write_text(data_file.read_text().splitlines()[0] + "\n")
    (tmp_path / "images").symlink_to(data_file.parent / "images")
    broken = tmp_path / "broken.jsonl"
    broken.write_text(data_file.read_text() + "{")
    # To be one of several processes is fine; the bundled models' stages refuse it.
    monkeypatch.setattr(command, "_refuse_ranks", lambda: pytest.fail("it may be one of several"))
    assert "did you mean tiny-rl" in said(sft, "tiny-lr", data_file)
    assert "1 samples are too few" in said(sft, tiny_checkpoint, few)
    assert "32 samples (sft.global_batch), and there are only 4" in said(
        sft, tiny_checkpoint, data_file, "--set", "sft.global_batch=32"
    )
    assert "5 prompts (grpo.global_batch / grpo.group), and there are only 4" in said(
        grpo, tiny_checkpoint, data_file, "--set", "grpo.global_batch=20"
    )
    assert "broken.jsonl" in said(sft, tiny_checkpoint, broken)
    assert "groups of 3" in said(grpo, tiny_checkpoint, data_file, "--set", "grpo.group=3")
    assert "unknown key lora.rang" in said(sft, tiny_checkpoint, data_file, "--set", "lora.rang=3")
    assert "train.tiny.sft" in said(sft, tiny_checkpoint, data_file, "--config", "cpu")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((), "lower sft.batch or max_pixels, then"),
        (("sft.batch=1", "lora.quantized=false"), "lower max_pixels, or set lora.quantized=true"),
    ],
)
def test_a_step_that_does_not_fit_the_gpu_says_what_would(
    adapt, tmp_path, monkeypatch, changes, words
):
    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(SFTTrainer, "train", full)
    with pytest.raises(ModelError, match=words):
        adapt("sft", tmp_path, config=small(*changes))
