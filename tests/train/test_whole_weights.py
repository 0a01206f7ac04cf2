"""Claims about training whole weights: the language side learns, and the run is a model."""

import json
import shutil
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from robust_r1.engine import GenerationSettings, Request, catalog, load_engine
from robust_r1.engine.adapter import is_adapter
from robust_r1.errors import InputError
from tests.support.sharing import made_once
from tests.support.tiny_checkpoint import write_lora
from tests.support.training import rows_of, small
from tests.train.test_sft import stop_at_first_checkpoint
from train import grpo, sft
from train.common.adapters import open_start
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


def test_a_run_refuses_to_go_on_from_other_weights_of_the_same_shape(
    adapt, base, taught_whole, tiny_checkpoint, tmp_path
):
    run = shutil.copytree(taught_whole, tmp_path / "run")
    with pytest.raises(InputError, match="begun otherwise: the weights of --from differ"):
        adapt("sft", run, tiny_checkpoint, small(*WHOLE))
    # One that an earlier version began does not know them.
    recipe = json.loads((run / "recipe.json").read_text())
    del recipe["start"]
    (run / "recipe.json").write_text(json.dumps(recipe))
    adapt("sft", run, base, small(*WHOLE))
    assert json.loads((run / "recipe.json").read_text())["start"]
