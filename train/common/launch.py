"""What a launcher has started: several processes, and weights spread over their devices."""

import os
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, parse_flag_from_env

from robust_r1.errors import InputError


def is_launched() -> bool:
    """Tell whether this process is one of several that a launcher has started."""
    return int(os.environ.get("WORLD_SIZE") or 1) > 1


def is_spread() -> bool:
    """Tell whether weights are to lie spread over the devices, by FSDP or DeepSpeed."""
    # As accelerate's launcher says it: before a model is prepared, its state does not know of FSDP.
    return _asks_for_fsdp() or _asks_for_deepspeed()


def has_masters() -> bool:
    """Tell whether DeepSpeed keeps weights of 32 bits beside those that it computes with."""
    return _asks_for_deepspeed()


def check_devices() -> None:
    """Refuse more processes than this machine has GPUs for.

    Raises:
        InputError: too few GPUs; both numbers are told, and what to do.
    """
    wanted = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)
    # That is how train/accelerate/cpu.yaml and the like say that no GPU is wanted.
    blind = os.environ.get("CUDA_VISIBLE_DEVICES") == "-1"
    if wanted == 1 or blind or wanted <= (found := torch.cuda.device_count()):
        return
    fewer = f"add --num_processes {found} before -m, or " if found else ""
    raise InputError(
        f"{wanted} processes were started on this machine, one for each GPU, and it has {found} "
        f"GPUs; {fewer}take another file of train/accelerate"
    )


def check_spreading(quantized: bool) -> None:
    """Refuse to spread weights of 4 bits, of which each device would hold all of them anyway.

    Raises:
        InputError: the frozen weights have 4 bits, and the launcher asks for FSDP or DeepSpeed.
    """
    if quantized and is_spread():
        raise InputError(
            "lora.quantized is true, but weights of 4 bits are not spread over GPUs; set "
            "lora.quantized=false, or launch with train/accelerate/gpus.yaml"
        )


class SpreadsWeights:
    """Let a trainer of TRL spread weights by FSDP: mixed in before the trainer's class."""

    def create_accelerator_and_postprocess(self) -> None:
        """Make the accelerator; on CPUs too it is to do what its configuration says."""
        state = PartialState()
        if _asks_for_fsdp() and state.distributed_type is DistributedType.MULTI_CPU:
            # accelerate reads FSDP's settings for processes with a GPU alone, and would train each
            # process's own copy; torch spreads weights over any devices.
            state._shared_state["distributed_type"] = DistributedType.MULTI_GPU
        trainer: Any = super()
        trainer.create_accelerator_and_postprocess()

    def _prepare_for_training(self, *arguments: Any, **options: Any) -> Any:
        trainer: Any = super()
        prepared = trainer._prepare_for_training(*arguments, **options)
        if _asks_for_fsdp():
            # Each token takes all processes, so one whose completions have ended goes on with the
            # others. transformers asks this of a model, and knows only of those that it spread.
            for part in prepared[0].modules():
                if hasattr(part, "generate"):
                    part._is_fsdp_managed_module = True
        return prepared


def _asks_for_fsdp() -> bool:
    return parse_flag_from_env("ACCELERATE_USE_FSDP")


def _asks_for_deepspeed() -> bool:
    return parse_flag_from_env("ACCELERATE_USE_DEEPSPEED")
