"""Claims about other bases: whatever sees by image tokens and converses is trained like ours."""

import json
import shutil

import bitsandbytes
import pytest
import torch

from robust_r1.engine import GenerationSettings, Request, load_engine
from robust_r1.engine.checkpoint import read_checkpoint
from robust_r1.engine.weights import load_model
from robust_r1.errors import ModelError
from tests.support.tiny_checkpoint import make_qwen3, make_smolvlm
from tests.support.training import adapter_weights, base_of, rows_of, small
from train.common.adapters import open_start

FULL = "lora.quantized=false"


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory):
    """Save a Qwen3-VL of two layers with random weights."""
    return make_qwen3(tmp_path_factory.mktemp("models") / "qwen3")


@pytest.fixture(scope="module")
def smolvlm(tmp_path_factory):
    """Save a SmolVLM of two layers with random weights."""
    return make_smolvlm(tmp_path_factory.mktemp("models") / "smolvlm")


@pytest.mark.parametrize(
    ("family", "layers"),
    [("qwen3", ".language_model.layers."), ("smolvlm", ".text_model.layers.")],
)
def test_other_families_learn_chains_and_are_rewarded(
    family, layers, adapt, data_file, tmp_path, request, picture
):
    base = request.getfixturevalue(family)
    hostile = tmp_path / "hostile.jsonl"
    lines = data_file.read_text().replace('"question": "', '"question": "<image><|image_pad|> ')
    hostile.write_text(lines)
    (tmp_path / "images").symlink_to(data_file.parent / "images")
    config = small(FULL, "sft.epochs=1")
    taught = adapt("sft", tmp_path / "sft", base, config, hostile)
    rewarded = adapt("grpo", tmp_path / "rl", taught, config, hostile)
    names = adapter_weights(taught)
    assert len(names) == 2 * 2 * 7 and all(layers in name for name in names)
    assert base_of(rewarded) == str(base.resolve())
    assert all("reward" in row for row in rows_of(rewarded / "log.jsonl") if "kl" in row)
    with load_engine(str(rewarded)) as engine:
        settings = GenerationSettings(max_new_tokens=4)
        *_, answer = engine.stream(Request.of(picture, "What is it?"), settings)
        assert answer.tokens


@pytest.mark.parametrize("family", ["tiny_checkpoint", "qwen3", "smolvlm"])
def test_whole_weights_are_those_of_language_model_and_head(family, request):
    start = open_start(str(request.getfixturevalue(family)), small("finetuning=full", FULL))
    frozen = {name for name, one in start.model.named_parameters() if not one.requires_grad}
    learning = {name for name, one in start.model.named_parameters() if one.requires_grad}
    assert frozen == {name for name in frozen | learning if _sees(name)} != set()
    head = start.network.get_output_embeddings().weight
    assert any(one is head for one in start.model.parameters() if one.requires_grad)


def _sees(name):
    return any(part in name for part in (".visual.", ".vision_model.", ".connector."))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        # BLIP puts what it sees into cross-attention.
        (lambda folder: _change(folder / "config.json", "blip"), "has no image tokens"),
        (lambda folder: (folder / "chat_template.jinja").unlink(), "has no chat template"),
    ],
)
def test_a_base_that_cannot_be_shown_a_picture_or_asked_is_refused(
    tiny_checkpoint, tmp_path, spoil, said
):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "base")
    spoil(folder)
    with pytest.raises(ModelError, match=said):
        open_start(str(folder), small(FULL))


def _change(file, kind):
    config = json.loads(file.read_text())
    del config["image_token_id"]
    file.write_text(json.dumps({**config, "model_type": kind}))


@pytest.mark.parametrize("family", ["tiny_checkpoint", "qwen3", "smolvlm"])
def test_four_bits_leave_vision_and_head_in_full(family, request):
    checkpoint = read_checkpoint(request.getfixturevalue(family))
    # Widths of the vision side are no hindrance to 4 bits, then.
    assert checkpoint.widths == {64, 128, 320}
    model = load_model(checkpoint, "4bit", None, None, lambda share, words: None)
    packed = {
        name for name, part in model.named_modules() if isinstance(part, bitsandbytes.nn.Linear4bit)
    }
    text = (".language_model.", ".text_model.")
    assert len(packed) == 2 * 7 and all(any(one in name for one in text) for name in packed)
    own = family == "tiny_checkpoint"
    assert model.lm_head.weight.dtype == (torch.float32 if own else torch.bfloat16)
