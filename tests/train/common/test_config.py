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


SIZES = ("3b", "qwen3-vl-2b")
STAGES = ("sft", "grpo")


@pytest.mark.parametrize("size", SIZES)
def test_the_recipes_are_the_papers_where_they_do_not_say_otherwise(size):
    full, qlora = (load_config(f"{size}-{kind}", AdapterConfig) for kind in ("full", "qlora"))
    assert full.updates is None and qlora.quantized
    for config in (full, qlora):
        assert (config.grpo.group, config.grpo.beta, config.grpo.max_tokens) == (8, 0.04, 2048)
        assert (config.sft_share, config.grpo.epochs, config.grpo.vllm) == (0.25, 1, "off")
        assert set(dataclasses.astuple(config.grpo.rewards)) == {1.0}
    # Eight GPUs, eight completions on each, two passes.
    assert full.grpo.share(8) == (8, 2) and full.sft.share(8) == (1, 2)


def test_no_two_recipes_divide_the_samples_differently():
    recipes = [load_config(f"{stage}-{size}-{kind}", AdapterConfig)
               for stage in STAGES for size in SIZES for kind in ("full", "qlora")]  # fmt: skip
    assert len({(one.sft_share, one.split_seed) for one in recipes}) == 1


@pytest.mark.parametrize("name", ["3b-full", "3b-qlora", "qwen3-vl-2b-full", "qwen3-vl-2b-qlora"])
def test_a_name_without_its_stage_stands_for_both(name):
    both = load_config(name, AdapterConfig)
    for stage in STAGES:
        one = load_config(f"{stage}-{name}", AdapterConfig)
        assert getattr(one, stage) == getattr(both, stage)
        check_recipe(name, f"train.{stage}")
        other = "grpo" if stage == "sft" else "sft"
        with pytest.raises(InputError, match=f"no section {other}, .* a recipe of train.{stage}"):
            check_recipe(f"{stage}-{name}", f"train.{other}")


def test_two_recipes_that_contradict_each_other_stand_for_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("train.common.config.CONFIGS", tmp_path)
    (tmp_path / "sft-mine.yaml").write_text("lora: {rank: 4}\nsft: {}")
    (tmp_path / "grpo-mine.yaml").write_text("lora: {rank: 8}\ngrpo: {}")
    with pytest.raises(InputError, match="differ in lora; name one of them: sft-mine or grpo-mine"):
        load_config("mine", AdapterConfig)


def test_a_recipe_of_an_earlier_name_says_what_to_write():
    with pytest.raises(InputError, match="write --config 3b-qlora --set lora.quantized=false"):
        load_config("3b-lora", AdapterConfig)


def test_what_contradicts_itself_is_named_together_with_the_rest():
    with pytest.raises(InputError) as caught:
        small("grpo.global_batch=12", "grpo.group=8", "lora.rank=0", "sft.epochs=0", "speed=1")
    for fault in ("grpo.global_batch is 12", "lora.rank", "epochs", "unknown key speed"):
        assert fault in str(caught.value)


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
        ("grpo-3b-full", "train.tiny.grpo", "train.grpo"),
        ("sft-3b-full", "train.tiny.base", "train.sft"),
    ],
)
def test_a_recipe_of_the_other_kind_names_its_command(recipe, command, other):
    with pytest.raises(InputError, match=f"^{recipe} trains .*; that is now `python -m {other}`$"):
        check_recipe(recipe, command)
    check_recipe(recipe, other)


def test_a_recipe_of_ones_own_is_told_by_what_it_holds(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("lora: {rank: 4}\ngrpo: {}")
    with pytest.raises(InputError, match="python -m train.grpo"):
        check_recipe(str(file), "train.tiny.grpo")
    check_recipe(str(file), "train.grpo")
    check_recipe(str(tmp_path / "missing.yaml"), "train.grpo")  # left to who reads it
