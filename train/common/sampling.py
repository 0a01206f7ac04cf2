"""Who samples the completions of reinforcement: transformers, or vLLM as TRL runs it."""

import importlib.util
from dataclasses import asdict
from typing import Any

from robust_r1.errors import InputError
from train.common.adapter_config import AdapterRewards


def check_sampling(stage: AdapterRewards) -> None:
    """Refuse what asks for vLLM where it is not installed.

    Raises:
        InputError: no vLLM; the package is named.
    """
    if stage.vllm != "off" and importlib.util.find_spec("vllm") is None:
        raise InputError(
            f"grpo.vllm={stage.vllm} needs the package vllm, which is not installed; install "
            '"trl[vllm]" beside the GPU build of torch that it names, or set grpo.vllm=off'
        )


def sampling_of(stage: AdapterRewards) -> dict[str, Any]:
    """Return the arguments of TRL's GRPOConfig that say who samples, under TRL's names."""
    if stage.vllm == "off":
        return {}
    given = {name: value for name, value in asdict(stage).items() if name.startswith("vllm_")}
    longest = given.pop("vllm_max_model_length") or None
    return {"use_vllm": True, "vllm_mode": stage.vllm, "vllm_max_model_length": longest, **given}
