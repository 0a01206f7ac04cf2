"""Claims about adapters that travel: they name their base, and fit it in name or are refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from robust_r1.cli import main
from robust_r1.engine import GenerationSettings, Request, catalog, load_engine
from robust_r1.errors import ModelError
from robust_r1.images import save
from tests.support.tiny_checkpoint import write_lora
from tests.support.training import small
from train import merge
from train.common.adapters import open_start

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def trained(tiny_checkpoint, tmp_path_factory) -> Path:
    """Save an adapter for the tiny checkpoint, as peft does."""
    folder = tmp_path_factory.mktemp("adapters") / "trained"
    return write_lora(tiny_checkpoint, folder)


@pytest.fixture
def rename(trained, tmp_path):
    """Return a function that saves the adapter with other names; None leaves a weight out."""

    def save(change, **settings) -> Path:
        folder = shutil.copytree(trained, tmp_path / "renamed")
        renamed = {change(name): value for name, value in load_file(folder / WEIGHTS).items()}
        renamed.pop(None, None)
        save_file(renamed, folder / WEIGHTS)
        config = json.loads((folder / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps({**config, **settings}))
        return folder

    return save


def older(name: str) -> str:
    """Return a name as transformers wrote it until version 4.51."""
    return name.replace("model.language_model.layers", "model.layers")


def text_of(name, picture, quantize="fp32"):
    with load_engine(str(name), quantize) as engine:
        settings = GenerationSettings(max_new_tokens=24)
        *_, answer = engine.stream(Request.of(picture, "What is it?"), settings)
    return answer.text


@pytest.mark.parametrize(
    ("targets", "quantize"),
    [
        (["q_proj", "v_proj", "down_proj"], "fp32"),
        (r"model\.layers\.\d+\.\w+\.(q_proj|v_proj|down_proj)", "4bit"),
    ],
)
def test_an_adapter_of_the_older_layout_has_its_effect(
    rename, trained, tiny_checkpoint, picture, targets, quantize
):
    exclude = r".*visual.*"  # which has projections of the same names
    folder = rename(older, target_modules=targets, exclude_modules=exclude)
    wanted = text_of(trained, picture, quantize)
    assert text_of(folder, picture, quantize) == wanted
    assert wanted != text_of(tiny_checkpoint, picture, quantize)


def test_an_adapter_of_the_older_layout_is_trained_on_in_todays_names(rename, trained):
    start = open_start(str(rename(older)), small("lora.quantized=false"))
    loaded = start.model.state_dict()
    for name, value in load_file(trained / WEIGHTS).items():
        place, end = name.rsplit(".", 1)
        assert torch.equal(loaded[f"{place}.default.{end}"], value)
    assert any(value.requires_grad for value in start.model.parameters())


FOREIGN = (
    "it has updates for model.decoder.layers.0.mlp.down_proj, "
    "model.decoder.layers.0.self_attn.q_proj, model.decoder.layers.0.self_attn.v_proj, and the "
    "base has model."
)
PART = (
    "those for model.language_model.layers.0.mlp.down_proj, "
    "model.language_model.layers.0.self_attn.q_proj, "
    "model.language_model.layers.0.self_attn.v_proj are there, and 3 are missing, those for "
    "model.language_model.layers.1.mlp.down_proj"
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name: name.replace("language_model", "decoder"), FOREIGN),
        (lambda name: name.removeprefix("base_model.model."), "does not fit its base"),
        (lambda name: name if ".layers.0." in name else None, PART),
        (lambda name: None if "layers.1.mlp.down_proj.lora_B" in name else name, "1 are missing"),
    ],
    ids=["foreign names", "no prefix", "one layer of two", "half an update"],
)
def test_an_adapter_that_would_have_no_effect_is_refused_everywhere(
    rename, change, said, tmp_path, picture, capsys
):
    folder = rename(change)
    with pytest.raises(ModelError) as caught:
        load_engine(str(folder))
    assert said in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ModelError) as again:
        open_start(str(folder), small("lora.quantized=false"))
    assert str(again.value) == str(caught.value)
    assert merge.main([str(folder), "-o", str(tmp_path / "merged")]) == 2
    save(picture, tmp_path / "a.png")
    assert main(["ask", str(tmp_path / "a.png"), "Why?", "--model", str(folder)]) == 2
    assert not (tmp_path / "merged").exists()
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "error" in line] == 2 * [f"error: {caught.value}"]


def test_an_older_layout_whose_ranks_go_by_name_is_refused(rename):
    with pytest.raises(ModelError, match="does not fit its base"):
        load_engine(str(rename(older, rank_pattern={"model.layers.0.mlp.down_proj": 4})))


def test_a_base_goes_by_its_hub_id_wherever_it_lies(tmp_path):
    id_ = "Qwen/Qwen2.5-VL-3B-Instruct"
    cached = tmp_path / "models--Qwen--Qwen2.5-VL-3B-Instruct" / "snapshots" / "66285546d2b8"
    cached.mkdir(parents=True)
    for name in ("qwen2.5-vl-3b", id_, str(cached)):
        assert catalog.known_as(name) == id_
    assert catalog.known_as("someone/else") == "someone/else"
    assert catalog.known_as("tiny-rl") == "tiny-rl"
    assert catalog.known_as(str(tmp_path)) == str(tmp_path.resolve())
