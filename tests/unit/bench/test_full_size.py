"""Claims about measuring a full-size model with random weights, on a machine without a GPU."""

import pytest
import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from robust_r1.cli import main
from robust_r1.engine import catalog
from robust_r1.engine.random_model import config_3b, measure, random_checkpoint
from tests.support.tiny_checkpoint import make_config, make_tokenizer


def test_the_random_model_has_the_shape_of_the_full_size_one():
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(config_3b())
    size = sum(parameter.numel() for parameter in model.parameters())
    assert size == catalog.find("qwen2.5-vl-3b").parameters


@pytest.mark.parametrize(
    ("precision", "cache"), [("bf16", "dynamic"), ("4bit", "dynamic"), ("bf16", "static")]
)
def test_a_small_random_model_is_measured_the_same_way(precision, cache):
    config = make_config(make_tokenizer(), 64)
    with random_checkpoint(config) as checkpoint:
        folder = checkpoint.folder
        costs = measure(checkpoint, precision, "sdpa", (1, 3), 4, (2, 3), cache)
    assert not folder.exists() and torch.get_default_dtype() == torch.float32
    assert [cost.batch for cost in costs] == [1, 3]
    for cost in costs:
        assert cost.cache == cache and cost.load_seconds > 0 and cost.first_token_seconds > 0
        assert cost.tokens_per_second > 0 and cost.peak_bytes > 0


def test_without_a_gpu_it_is_refused_in_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["bench", "engine", "--model", "random-3b"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "CUDA GPU" in err and err.count("\n") == 1
