"""Claims about merging: the checkpoint is the adapter on its base, and needs neither."""

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import Qwen2_5_VLForConditionalGeneration

from robust_r1.engine import GenerationSettings, Request, catalog, load_engine
from robust_r1.engine.adapter import is_adapter
from train import merge
from train.common.history import history_of


def text_of(name, picture):
    with load_engine(str(name), "fp32") as engine:
        request = Request.of(picture, "What is it?")
        *_, answer = engine.stream(request, GenerationSettings(max_new_tokens=64))
    return answer.text


@pytest.fixture(scope="module")
def merged(taught, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merged")
    assert merge.main([str(taught), "-o", str(folder), "--precision", "fp32"]) == 0
    return folder


def test_the_weights_are_those_that_peft_merges(taught, merged):
    base = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        catalog.MODELS / "tiny-rl", dtype=torch.float32
    )
    before = {name: value.clone() for name, value in base.state_dict().items()}
    wanted = PeftModel.from_pretrained(base, str(taught)).merge_and_unload().state_dict()
    got = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        merged, dtype=torch.float32
    ).state_dict()
    assert got.keys() == wanted.keys() == before.keys()
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)
    changed = {name for name in before if not torch.equal(got[name], before[name])}
    assert len(changed) == 4 * 7 and all("language_model.layers" in name for name in changed)


def test_the_checkpoint_answers_as_the_adapter_does_and_is_no_adapter(taught, merged, picture):
    assert not is_adapter(merged)
    assert text_of(merged, picture) == text_of(taught, picture) != text_of("tiny-rl", picture)
    assert catalog.find(str(merged)).reasons
    assert history_of(merged) == history_of(taught) != ()


def test_weights_are_halved_unless_one_asks_for_more(taught, tmp_path):
    assert merge.main([str(taught), "-o", str(tmp_path)]) == 0
    weights = load_file(tmp_path / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}


def test_what_cannot_be_merged_ends_with_one_line_and_exit_2(taught, merged, tmp_path, capsys):
    for adapter, folder, words in (
        (tmp_path, tmp_path / "o", "holds no adapter"),
        (taught, merged, "holds a model already"),
        (taught, taught, "holds a model already"),
    ):
        assert merge.main([str(adapter), "-o", str(folder)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1 and words in said
