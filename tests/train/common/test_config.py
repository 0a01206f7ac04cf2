"""Claims about settings: what does not fit is named before anything runs."""

import dataclasses

import pytest
import yaml

from robust_r1.errors import InputError
from tests.support.training import small
from train.common.adapter_config import AdapterConfig
from train.common.config import check_recipe, load_config
from train.tiny.config import TrainingConfig


def test_all_faults_of_a_configuration_are_named_at_once(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("warmup: {samples: 8, batch: 2, rate: fast, first_index: 0}\nbase: 3\nspeed: 1")
    with pytest.raises(InputError) as caught:
        load_config(str(file), TrainingConfig)
    text = str(caught.value)
    for fault in ("unknown key speed", "warmup.rate must be a number", "base", "missing key sft"):
        assert fault in text


def test_a_setting_on_the_command_line_overrides_the_file():
    assert load_config("smoke", TrainingConfig, ["sft.samples=64"]).sft.samples == 64
    with pytest.raises(InputError, match="unknown key sft.sample"):
        load_config("smoke", TrainingConfig, ["sft.sample=64"])


@pytest.mark.parametrize("name", ["3b-qlora", "3b-lora"])
def test_the_recipes_load_and_differ_in_the_weights_alone(name):
    config = load_config(name, AdapterConfig)
    assert (config.finetuning, config.grpo.vllm) == ("lora", "off")
    assert config.quantized == (name == "3b-qlora")
    alike = dataclasses.replace(config, lora=dataclasses.replace(config.lora, quantized=True))
    assert alike == load_config("3b-qlora", AdapterConfig)
    assert (config.grpo.group, config.grpo.beta, config.sft_share) == (8, 0.04, 0.25)  # the paper's


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("lora.rank=0", "lora.rank"),
        ("lora.dropout=1.0", "lora.dropout"),
        ("sft.epochs=0", "epochs"),
        ("grpo.group=1", "grpo.group"),
        ("sft_share=1.0", "sft_share"),
        ("grpo.rewards={degradation: 0, length: 0, format: 0, accuracy: 0}", "all 0"),
        ("finetuning=some", "finetuning must be one of lora, full, not 'some'"),
        ("finetuning=full", "weights of 4 bits cannot learn; set lora.quantized=false or finet"),
        ("lora=null", "missing key lora"),
        ("grpo.vllm=colocate", "merged weights of 16 bits; set lora.quantized=false or grpo.vllm"),
        ("grpo.vllm=true", "grpo.vllm must be one of off, colocate, server, not True"),
        ("grpo.vllm_server_base_url=gpu-box", "must be an address such as http://localhost:8000"),
        ("grpo.vllm_server_base_url=8000", "must be a text, not 8000"),
        ("grpo.vllm_gpu_memory_utilization=1", "must lie between 0 and 1"),
        ("grpo.vllm_tensor_parallel_size=0", "must be 1 or more"),
    ],
)
def test_a_setting_that_cannot_be_is_named(change, words):
    with pytest.raises(InputError, match=words):
        small(change)


def test_a_recipe_of_whole_weights_needs_no_size_of_updates(tmp_path):
    whole = {"finetuning": "full", "sft": {"rate": 1e-5, "global_batch": 8, "batch": 1}}
    whole["grpo"] = {**whole["sft"], "vllm": False}  # as YAML reads `vllm: off`
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(whole))
    config = load_config(str(file), AdapterConfig)
    assert (config.updates, config.quantized, config.grpo.vllm) == (None, False, "off")
    check_recipe(str(file), "train.sft")
    with pytest.raises(InputError, match="python -m train.sft"):
        check_recipe(str(file), "train.tiny.sft")
    # Those that a recipe states for updates do not matter where none are learned.
    assert small("finetuning=full", "lora.quantized=false").updates is None


@pytest.mark.parametrize(
    ("recipe", "command", "other"),
    [
        ("cpu", "train.sft", "train.tiny.sft"),
        ("gpu", "train.grpo", "train.tiny.grpo"),
        ("smoke", "train.sft", "train.tiny.sft"),
        ("3b-qlora", "train.tiny.sft", "train.sft"),
        ("3b-lora", "train.tiny.grpo", "train.grpo"),
        ("3b-lora", "train.tiny.base", "train.sft"),
    ],
)
def test_a_recipe_of_the_other_kind_names_its_command(recipe, command, other):
    with pytest.raises(InputError, match=f"^{recipe} trains .*; that is now `python -m {other}`$"):
        check_recipe(recipe, command)
    check_recipe(recipe, other)


def test_a_recipe_of_ones_own_is_told_by_what_it_holds(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("lora: {rank: 4}")
    with pytest.raises(InputError, match="python -m train.grpo"):
        check_recipe(str(file), "train.tiny.grpo")
    check_recipe(str(file), "train.grpo")
    check_recipe(str(tmp_path / "missing.yaml"), "train.grpo")  # left to who reads it
