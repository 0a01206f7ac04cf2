"""Claims about what else loads: adapters onto their base, models of other kinds, with a warning."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLForConditionalGeneration,
)

from robust_r1.engine import GenerationSettings, Request, catalog, load_engine, machine
from robust_r1.engine.decoding import TextDecoder, TokenBytes
from robust_r1.errors import InputError, ModelError
from tests.support.tiny_checkpoint import make_qwen3, write_lora

SHORT = GenerationSettings(max_new_tokens=16)


@pytest.fixture(scope="module")
def base(tiny_checkpoint) -> Path:
    return tiny_checkpoint


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory) -> Path:
    """Save a LoRA for the base with peft, as training would leave it, and return its folder."""
    folder = tmp_path_factory.mktemp("adapters") / "my-lora"
    return write_lora(base, folder)


@pytest.fixture
def adapter(trained, tmp_path) -> Path:
    """Return a copy of the adapter that a test may break."""
    return shutil.copytree(trained, tmp_path / "copy")


def text_of(name: object, picture, **options) -> str:
    with load_engine(str(name), **options) as engine:
        *_, answer = engine.stream(Request.of(picture, "What is it?"), SHORT)
    return answer.text


def refusal(name: object, **options) -> str:
    with pytest.raises((ModelError, InputError)) as caught:
        load_engine(str(name), **options)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    return text


# -- Adapters


def test_an_adapter_changes_what_its_base_writes(base, trained, picture):
    assert text_of(trained, picture) == text_of(trained, picture) != text_of(base, picture)


def test_an_adapter_loads_onto_a_quantized_base(base, trained, picture):
    assert text_of(trained, picture, quantize="4bit") != text_of(base, picture, quantize="4bit")


def test_a_merged_adapter_leaves_no_layers_of_its_own(base, trained):
    with load_engine(str(trained)) as engine, load_engine(str(base)) as plain:
        names = [name for name, _ in engine._model.named_parameters()]
        assert names == [name for name, _ in plain._model.named_parameters()]
        assert (engine.info.name, engine.note) == (trained.name, "") and engine.info.reasons


@pytest.mark.parametrize("below", ["qwen2.5-vl-3b", "robust-r1-sft", "tiny-rl"])
def test_an_adapter_is_given_room_for_a_chain_whatever_its_base_was_asked_for(trained, below):
    info = catalog.adapted(catalog.find(str(trained)), catalog.find(below))
    chains = {entry.name: entry.defaults for entry in catalog.HUB if entry.reasons}
    plain = catalog.find("tiny-rl").defaults
    assert info.reasons
    assert info.defaults == (plain if below == "tiny-rl" else chains["robust-r1-rl"])


def test_an_adapter_names_its_base_by_a_folder_beside_it(base, adapter, picture):
    shutil.copytree(base, adapter.parent / "beside")
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "beside"
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    assert text_of(adapter, picture)


def change(folder: Path, **values) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **values}))


def pickled(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def cut(folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: change(folder, peft_type="PROMPT_TUNING"), "PROMPT_TUNING"),
        (lambda folder: change(folder, base_model_name_or_path=""), "base_model_name_or_path"),
        (lambda folder: change(folder, base_model_name_or_path="tiny-lr"), "tiny-rl"),
        (lambda folder: change(folder, r=8), "could not be loaded"),
        (lambda folder: (folder / "adapter_config.json").write_text("{"), "JSON"),
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "no adapter_model"),
        (pickled, "never read"),
        (cut, "broken or cut short"),
    ],
)
def test_a_broken_adapter_is_refused_in_one_sentence(adapter, damage, words):
    damage(adapter)
    assert words in refusal(adapter)


# -- Other kinds of models


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory) -> Path:
    """Save a Qwen3-VL of two layers with random weights."""
    return make_qwen3(tmp_path_factory.mktemp("models") / "qwen3")


def test_a_model_of_another_kind_answers_and_is_said_to_be_untrained(qwen3, make_picture):
    with load_engine(str(qwen3)) as engine:
        assert "qwen3_vl" in engine.note and "not trained to write chains" in engine.note
        texts = set()
        for seed in range(3):
            *_, answer = engine.stream(Request.of(make_picture(seed=seed), "What is it?"), SHORT)
            texts.add(answer.text)
    assert len(texts) > 1


# -- Memory and pixels


def test_a_model_that_does_not_fit_names_the_precisions_that_would(base, monkeypatch):
    needed = catalog.find(str(base)).memory
    free = machine.Memory(round(needed["8bit"] * 1.1), 0)
    monkeypatch.setattr(machine, "read_memory", lambda: free)
    text = refusal(base, quantize="fp32")
    assert "in fp32" in text and "choose 4bit or 8bit" in text
    load_engine(str(base), "8bit").close()
    monkeypatch.setattr(machine, "read_memory", lambda: machine.Memory(1000, 0))
    assert "no model of the catalog fits" in refusal(base)


def test_running_out_of_memory_while_loading_says_what_would_fit(base, monkeypatch):
    def full(*args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Qwen2_5_VLForConditionalGeneration, "from_pretrained", full)
    text = refusal(base, quantize="bf16")
    assert "needs about" in text and "choose 4bit or 8bit" in text


def test_a_smaller_pixel_budget_shrinks_what_the_model_sees(base, make_picture):
    with load_engine(str(base), max_pixels=96 * 96) as engine:
        fitted = engine.fit(make_picture(300, 400))
        assert fitted.shape[0] * fitted.shape[1] <= 96 * 96 and engine.info.max_pixels == 96 * 96
        *_, answer = engine.stream(Request.of(fitted, "a?"), SHORT)
        assert answer.tokens > 0
    assert load_engine(str(base), max_pixels=10**9).info.max_pixels == 192 * 192
    assert "too few" in refusal(base, max_pixels=100)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_is_the_one_that_is_asked_for(base, picture, attention):
    with load_engine(str(base), attention=attention) as engine:
        assert engine._model.config._attn_implementation == attention
        *_, answer = engine.stream(Request.of(picture, "a?"), SHORT)
        assert answer.tokens > 0
    assert "eager, sdpa" in refusal(base, attention="linear")


def test_pieces_with_marked_spaces_decode_as_their_text():
    pieces = ["<unk>", "\u2581a", "b", "<0x0A>", "<0xC3>", "<0xA9>", "\u2581", "<end>"]
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    own = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True))
    own.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=own, eos_token="<end>")
    decoder = TextDecoder(TokenBytes(tokenizer))
    assert decoder.feed([1, 2, 3, 4, 5, 6, 2, 7]) + decoder.close() == " ab\n\u00e9 b"
