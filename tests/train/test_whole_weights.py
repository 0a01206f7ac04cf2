"""Claims about training whole weights: the language side learns, and the run is a model."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from robust_r1.engine import GenerationSettings, Request, catalog, load_engine
from robust_r1.engine.adapter import is_adapter
from robust_r1.errors import InputError
from tests.support.sharing import made_once
from tests.support.tiny_checkpoint import write_lora
from tests.support.training import rows_of, small, stop_at_first_checkpoint
from train import grpo, sft
from train.common.adapters import open_start
from train.common.best import keep_best_whole
from train.common.history import history_of

RATES = ("sft.rate=0.002", "grpo.rate=0.002")
WHOLE = ("finetuning=full", "lora.quantized=false", *RATES)


def weights_of(folder):
    return load_file(folder / "model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def untied(tiny_checkpoint, folder):
    """Save the tiny checkpoint with a head of its own."""
    shutil.copytree(tiny_checkpoint, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["tie_word_embeddings"] = config["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config))
    model = open_start(str(tiny_checkpoint), small(*WHOLE)).network
    model.config.tie_word_embeddings = model.config.text_config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model.all_tied_weights_keys = {}
    model.save_pretrained(folder)


@pytest.fixture(scope="module")
def base(tiny_checkpoint, tmp_path_factory):
    return made_once(tmp_path_factory, "untied", partial(untied, tiny_checkpoint))


@pytest.fixture(scope="module")
def taught_whole(adapt, base, tmp_path_factory):
    """Return the folder of chains learned by whole weights."""
    run = partial(adapt, "sft", start=base, config=small(*WHOLE))
    return made_once(tmp_path_factory, "whole", run)


def test_the_language_side_learns_with_its_head_and_vision_side_stays(base, taught_whole):
    before, after = weights_of(base), weights_of(taught_whole)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    kept = {name for name in before if "visual" in name}
    assert changed == before.keys() - kept and kept
    assert {"lm_head.weight", "model.embed_tokens.weight"} <= changed
    assert {value.dtype for value in after.values()} == {torch.float32}


def test_the_runs_folder_is_a_whole_model_with_card_and_history(base, taught_whole, picture):
    assert not is_adapter(taught_whole)
    info = catalog.find(str(taught_whole))
    assert info.reasons and info.max_pixels == catalog.find(str(base)).max_pixels
    texts = []
    for name in (base, taught_whole):
        with load_engine(str(name), "fp32") as engine:
            request = Request.of(picture, "What is it?")
            *_, answer = engine.stream(request, GenerationSettings(max_new_tokens=16))
        texts.append(answer.text)
    assert texts[0] != texts[1]
    assert f"language side of `{base.resolve()}`, tr" in (taught_whole / "README.md").read_text()
    assert [done.stage for done in history_of(taught_whole)] == ["chains"]
    # Other programs fit pictures themselves, which training does beforehand.
    processors = (json.loads((one / "processor_config.json").read_text()) for one in
                  (base, taught_whole))  # fmt: skip
    assert next(processors) == next(processors)


def test_rewards_diverge_from_a_copy_that_stays_as_the_run_began(
    adapt, tmp_path, monkeypatch
):
    made, make = [], grpo.make_trainer
    monkeypatch.setattr(
        grpo, "make_trainer", lambda *given: made.append(make(*given)) or made[0]
    )
    folder = adapt("grpo", tmp_path / "rl", config=small(*WHOLE, "grpo.max_tokens=24"))
    reference, policy = made[0].ref_model, made[0].model
    start, end = (
        open_start(str(one), small(*WHOLE)).network.state_dict() for one in ("tiny-rl", folder)
    )
    assert same(reference.state_dict(), start) and same(policy.state_dict(), end)
    assert not same(start, end)
    divergence = [row["kl"] for row in rows_of(folder / "log.jsonl") if "kl" in row]
    assert divergence[0] == 0 and divergence[-1] > 0
    # What the policy has seen of a picture, the reference need not look at again.
    assert reference.model.get_image_features is policy.model.get_image_features
    assert [done.stage for done in history_of(folder)] == ["rewards"]
    # A best checkpoint that is not the last becomes a model of its own.
    shutil.copytree(folder / "checkpoint-4", folder / "checkpoint-1")
    made[0].state.best_model_checkpoint = "where/it/lay/checkpoint-1"
    keep_best_whole(made[0], folder)
    assert same(open_start(str(folder / "best"), small(*WHOLE)).network.state_dict(), end)


@pytest.mark.slow
def test_an_interrupted_run_of_whole_weights_resumes_to_the_same(
    adapt, base, taught_whole, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        stop_at_first_checkpoint(sft, patch)
        with pytest.raises(KeyboardInterrupt):
            adapt("sft", tmp_path / "cut", base, small(*WHOLE))
    resumed = adapt("sft", tmp_path / "cut", base, small(*WHOLE))
    assert same(weights_of(resumed), weights_of(taught_whole))


def test_whole_weights_do_not_begin_with_an_adapter(tiny_checkpoint, tmp_path):
    lora = write_lora(tiny_checkpoint, tmp_path / "lora")
    with pytest.raises(InputError, match=f"it first: python -m train.merge {lora} -o {lora}-merg"):
        open_start(str(lora), small(*WHOLE))


@pytest.mark.slow
def test_two_processes_that_share_the_weights_by_fsdp2_learn_what_one_does(
    base, taught_whole, data_file, tmp_path, root, picture
):
    changes = (*WHOLE, "sft.batch=1", "grpo.global_batch=8", "grpo.max_tokens=12")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.launch"),
            *("--config_file", "train/accelerate/cpu-fsdp2.yaml", "--main_process_port", "0"),
            *("-m", "tests.support.spread_training", str(tmp_path), str(base), str(data_file)),
            *changes,
        ],
        cwd=root, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads((tmp_path / f"held-{rank}.json").read_text()) for rank in (0, 1)]
    for what in ("sft", "policy", "reference"):
        assert all(one[what]["spread"] == one[what]["weights"] for one in told)
        assert sum(one[what]["here"] for one in told) == pytest.approx(1)
        assert all(one[what]["here"] < 0.6 for one in told)
    # Stopped after two of four steps and gone on with, it has learned what one process does.
    rows = [row for row in rows_of(tmp_path / "sft" / "log.jsonl") if "loss" in row]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    start = weights_of(base)
    moved = [
        torch.cat([(after[name] - start[name]).flatten() for name in sorted(start)])
        for after in map(weights_of, (taught_whole, tmp_path / "sft"))
    ]
    assert torch.nn.functional.cosine_similarity(*moved, dim=0) > 1 - 1e-5
    last, best = (
        open_start(str(tmp_path / "sft" / name), small(*WHOLE)).network.state_dict()
        for name in (".", "best")
    )
    assert same(last, best)
    # Completions of one process ended eight tokens before those of the other.
    earned = [row for row in rows_of(tmp_path / "rl" / "log.jsonl") if "kl" in row]
    assert [row["completions/max_length"] > 4 for row in earned] == [True, True]
    assert [done.stage for done in history_of(tmp_path / "rl")] == ["chains", "rewards"]
    with load_engine(str(tmp_path / "rl")) as engine:
        request = Request.of(picture, "What is it?")
        *_, answer = engine.stream(request, GenerationSettings(max_new_tokens=4))
    assert answer.tokens
