"""What a launcher has started: several processes, and weights spread over their devices."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, parse_flag_from_env
from transformers import PreTrainedModel

from robust_r1.errors import InputError

FSDP, DEEPSPEED = "FSDP", "DeepSpeed"


def is_launched() -> bool:
    """Tell whether this process is one of several that a launcher has started."""
    return int(os.environ.get("WORLD_SIZE") or 1) > 1


def spread_by() -> str:
    """Name what is to spread weights over the devices: FSDP or DEEPSPEED; empty if nothing is."""
    # As accelerate's launcher says it: before a model is prepared, its state does not know of FSDP.
    if parse_flag_from_env("ACCELERATE_USE_FSDP"):
        return FSDP
    return DEEPSPEED if parse_flag_from_env("ACCELERATE_USE_DEEPSPEED") else ""


def is_spread() -> bool:
    """Tell whether weights are to lie spread over the devices."""
    return bool(spread_by())


def left_by(checkpoint: Path) -> str:
    """Name what spread the weights of a trainer's checkpoint; see `spread_by`."""
    if any(checkpoint.glob("pytorch_model_fsdp*")):
        return FSDP
    return DEEPSPEED if (checkpoint / "latest").is_file() else ""


def check_checkpoint(checkpoint: Path) -> None:
    """Refuse to go on from a checkpoint whose weights lie otherwise than they are to.

    Raises:
        InputError: another way of spreading them; both are told.
    """
    before, now = left_by(checkpoint), spread_by()
    if before != now:
        raise InputError(
            f"{checkpoint} holds weights {_way(before)}, and they cannot go on {_way(now)}; start "
            "the run by a file of train/accelerate as it was begun, on as many GPUs as you like"
        )


def check_devices() -> None:
    """Refuse more processes than this machine has GPUs for.

    Raises:
        InputError: too few GPUs; both numbers are told, and what to do.
    """
    wanted = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)
    # Which is how train/accelerate/cpu.yaml and the like say that none is wanted.
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    found = torch.cuda.device_count()
    if wanted == 1 or wanted <= found or not hidden or hidden.startswith("-1"):
        return
    others = "take train/accelerate/cpu.yaml or cpu-fsdp2.yaml, which want none"
    raise InputError(
        f"{wanted} processes were started on this machine, one for each GPU, and it has {found} "
        f"GPUs; {f'add --num_processes {found} before -m' if found else others}"
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


class HoldsWeights:
    """Let a trainer of TRL spread weights by FSDP, and go on with whole ones.

    Mixed in before the trainer's class.
    """

    model: torch.nn.Module

    def create_accelerator_and_postprocess(self) -> None:
        """Make the accelerator; on CPUs too it is to do what its configuration says."""
        state = PartialState()
        if spread_by() == FSDP and state.distributed_type is DistributedType.MULTI_CPU:
            # accelerate reads FSDP's settings for processes with a GPU alone, and would train each
            # process's own copy; torch spreads weights over any devices.
            state._shared_state["distributed_type"] = DistributedType.MULTI_GPU
        trainer: Any = super()
        trainer.create_accelerator_and_postprocess()

    def _prepare_for_training(self, *arguments: Any, **options: Any) -> Any:
        trainer: Any = super()
        with _head_within(self.model) if spread_by() == FSDP else nullcontext():
            return trainer._prepare_for_training(*arguments, **options)

    def _load_from_checkpoint(self, checkpoint: str, model: Any = None) -> None:
        trainer: Any = self
        model = trainer.model if model is None else model
        if is_spread() or not isinstance(model, PreTrainedModel):
            trainer = super()
            trainer._load_from_checkpoint(checkpoint, model)
            return
        # A checkpoint has the names of the hub, which are not those within the model. Trainers pass
        # over a name that they do not know, and would go on with the weights of the beginning.
        saved = type(model).from_pretrained(checkpoint, dtype=model.dtype, local_files_only=True)
        model.load_state_dict(saved.state_dict())


@contextmanager
def _head_within(model: torch.nn.Module) -> Iterator[None]:
    """Let FSDP gather a head of its own weights with the model itself, while it lays them out.

    accelerate would lay a head out by itself, to be gathered when it is called. TRL reads its
    weights uncalled, and gathers them in a way that leaves the processes' gradients unsummed.
    """
    if not isinstance(model, PreTrainedModel) or model.all_tied_weights_keys:
        yield
        return
    model.get_output_embeddings = lambda: None
    try:
        yield
    finally:
        del model.get_output_embeddings


def _way(spread: str) -> str:
    return f"spread by {spread}" if spread else "whole on each GPU"
