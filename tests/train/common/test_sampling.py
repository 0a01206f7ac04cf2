"""Claims about who samples: what a recipe says of vLLM is what TRL is told, if vLLM is there."""

import importlib.util

import pytest

from robust_r1.errors import InputError
from tests.support.training import small
from train import grpo
from train.common.course import begin_course

WEIGHTS = [1.0, 1.0, 1.0, 1.0]


def told(tmp_path, *changes):
    config = small("lora.quantized=false", *changes)
    return grpo.arguments_of(config, begin_course(8, 1, 1, "prompts"), tmp_path, WEIGHTS)


def test_trl_is_told_what_a_recipe_says_of_vllm(tmp_path):
    assert not told(tmp_path).use_vllm
    shared = told(
        tmp_path,
        "grpo.vllm=colocate",
        "grpo.vllm_gpu_memory_utilization=0.4",
        "grpo.vllm_tensor_parallel_size=2",
        "grpo.vllm_enable_sleep_mode=true",
    )
    assert (shared.use_vllm, shared.vllm_mode) == (True, "colocate")
    assert (shared.vllm_gpu_memory_utilization, shared.vllm_tensor_parallel_size) == (0.4, 2)
    assert shared.vllm_enable_sleep_mode and shared.vllm_max_model_length is None
    served = told(
        tmp_path,
        "grpo.vllm=server",
        "grpo.vllm_server_base_url=http://gpus:8001",
        "grpo.vllm_max_model_length=4096",
    )
    assert (served.use_vllm, served.vllm_mode) == (True, "server")
    assert (served.vllm_server_base_url, served.vllm_max_model_length) == ("http://gpus:8001", 4096)
    # Whoever samples, the objective is the paper's.
    for settings in (shared, served):
        assert (settings.beta, settings.loss_type, settings.num_generations) == (0.04, "grpo", 4)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
@pytest.mark.parametrize("mode", ["colocate", "server"])
def test_vllm_that_is_not_installed_is_named(mode, adapt, tmp_path):
    config = small("lora.quantized=false", f"grpo.vllm={mode}")
    with pytest.raises(InputError, match=f"grpo.vllm={mode} needs the package vllm, which is not"):
        adapt("grpo", tmp_path / "run", config=config)
    assert not (tmp_path / "run").exists()
