"""Estimate what a model needs, by precision, and say what would fit where it does not.

Nothing here imports torch, except to ask a GPU for its free memory.
"""

from collections.abc import Mapping

from robust_r1.engine import machine
from robust_r1.errors import ModelError

# A quarter on top of the weights is for activations and the cache.
_RESERVE = 1.25
# Weights below which a model counts as small: full precision everywhere, and a warm-up at loading.
SMALL = 1_000_000_000


def memory_needed(linear: int, other: int = 0) -> Mapping[str, int]:
    """Estimate the bytes that a model needs, by precision.

    `linear` weights are quantized, `other` ones (embeddings, norms) are not. NF4 with double
    quantization takes 4.127 bits a weight (Dettmers et al. 2023, QLoRA).
    """
    weights = {
        "4bit": linear * 4.127 / 8 + other * 2,
        "8bit": linear + other * 2,
        "bf16": (linear + other) * 2,
        "fp16": (linear + other) * 2,
        "fp32": (linear + other) * 4,
    }
    return {precision: round(size * _RESERVE) for precision, size in weights.items()}


def check_memory(name: str, needed: Mapping[str, int], precision: str) -> None:
    """Raise ModelError where not even the weights fit, so that the system need not end the page."""
    memory = machine.read_memory()
    if memory.largest and needed[precision] / _RESERVE > memory.largest:
        raise _too_large(name, needed, precision, memory)


def out_of_memory(name: str, precision: str, parameters: int) -> ModelError:
    """Say that loading ran out of memory, and what would fit."""
    return _too_large(name, memory_needed(parameters), precision, machine.read_memory())


def fitting(needed: Mapping[str, int], memory: machine.Memory) -> list[str]:
    """List the precisions that a model can be loaded in where this much memory is free.

    Not 4 bits for a full-size model without a GPU, where most processors unpack them more slowly
    than they compute in bf16.
    """
    slow = not memory.gpu and needed["bf16"] >= 2 * SMALL * _RESERVE
    fit = [precision for precision, size in needed.items() if size <= memory.largest]
    return [precision for precision in fit if not (slow and precision == "4bit")]


def _too_large(
    name: str, needed: Mapping[str, int], precision: str, memory: machine.Memory
) -> ModelError:
    free = memory.largest
    smaller = [one for one in fitting(needed, memory) if needed[one] < needed[precision]]
    mend = f"choose {' or '.join(smaller)}" if smaller else "choose a smaller model"
    return ModelError(
        f"{name} needs about {needed[precision] / 1e9:.1f} GB in {precision} and {free / 1e9:.1f} "
        f"GB are free; {mend}, or free some memory."
    )
