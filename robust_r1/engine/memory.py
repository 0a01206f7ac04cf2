"""Estimate what a model needs, by precision, and say what would fit where it does not.

Nothing here imports torch, except to ask a machine what it has.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from robust_r1.engine import machine
from robust_r1.engine.needs import lacking
from robust_r1.engine.types import ModelInfo
from robust_r1.errors import ModelError

# A quarter on top of the weights is for activations and the cache.
_RESERVE = 1.25
Catalog = Callable[[], Iterable[ModelInfo]]


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


@dataclass(frozen=True)
class Others:
    """Tell what other models of this program hold, and have some of them make room.

    Attributes:
        held: returns the bytes that unloading all of them would free.
        make_room: takes the bytes that a model needs, and unloads others until these are free.
    """

    held: Callable[[], int]
    make_room: Callable[[int], object]


def check_memory(
    info: ModelInfo, precision: str, others: Others | None, catalog: Catalog
) -> None:
    """Refuse a model whose weights do not fit, before the system ends the program.

    Args:
        info: of the model, its memory included.
        precision: that it is to be loaded in.
        others: models that would make room for it.
        catalog: lists models among which a smaller one is named.

    Raises:
        ModelError: not even the weights fit; it says what would.
    """
    free = machine.read_memory()
    held = others.held() if others is not None else 0
    if free.largest and info.memory[precision] / _RESERVE > free.largest + held:
        raise too_large(info.label, info.memory, precision, catalog, held)


def too_large(
    label: str,
    needed: Mapping[str, int],
    precision: str,
    catalog: Catalog,
    held: int = 0,
) -> ModelError:
    """Say that a model needs more memory than there is, and what would fit.

    Args:
        label: of the model.
        needed: bytes that it needs, by precision.
        precision: that it was to be loaded in.
        catalog: lists models among which a smaller one is named.
        held: bytes that other models would make room with.
    """
    free = machine.read_memory()
    there = replace(free, **{"gpu" if free.gpu else "available": free.largest + held})
    smaller = [one for one in fitting(needed, there) if needed[one] < needed[precision]]
    ways = smaller + _other_models(needed, there, catalog)
    mend = f"choose {' or '.join(ways)}" if ways else "no model of the catalog fits"
    return ModelError(
        f"{label} needs about {_gigabytes(needed[precision])} in {precision} and "
        f"{_gigabytes(there.largest)} are free; {mend}, or free some memory."
    )


def fitting(needed: Mapping[str, int], memory: machine.Memory) -> list[str]:
    """List the precisions that a model can be loaded in where this much memory is free.

    Not 4 bits on a processor that is slower with them than in bf16; imports torch to find out.
    """
    fit = [precision for precision, size in needed.items() if size <= memory.largest]
    if "4bit" in fit and not memory.gpu and not machine.computes_in_4_bits():
        fit.remove("4bit")
    return fit


def _other_models(
    needed: Mapping[str, int], memory: machine.Memory, catalog: Catalog
) -> list[str]:
    """Name the largest model that fits; the newest of several of a size, as `auto` takes it."""
    lighter = [one for one in catalog() if one.memory["4bit"] < needed["4bit"]]
    fit = [one for one in lighter if fitting(one.memory, memory)]
    fit = [one for one in fit if not lacking(one.needs.packages)]
    if not fit:
        return []
    largest = max(one.parameters for one in fit)
    names = [one.name for one in fit if one.parameters == largest]
    return [f"the smaller model {names[-1]}"]


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.0f} MB"
