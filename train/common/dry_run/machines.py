"""GPUs that a recipe is figured for: by the memory that people know them by, or by their name."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from robust_r1.errors import InputError


@dataclass(frozen=True)
class Gpu:
    """Describe a GPU.

    Attributes:
        name: as its maker calls it.
        size: its memory, in GB as it is sold.
        tera_flops: products of 16-bit numbers, in 10^12 operations a second, without sparsity.
        bandwidth: of its memory, in bytes a second.
    """

    name: str
    size: int
    tera_flops: float
    bandwidth: float


# NVIDIA's data sheets. The first of a size is what that size stands for.
GPUS = (
    Gpu("T4", 16, 65, 0.32e12),
    Gpu("RTX 4090", 24, 165, 1.01e12),
    Gpu("RTX 3090", 24, 71, 0.94e12),
    Gpu("L4", 24, 121, 0.30e12),
    Gpu("A10G", 24, 70, 0.60e12),
    Gpu("RTX 5090", 32, 210, 1.79e12),
    Gpu("A100 40GB", 40, 312, 1.56e12),
    Gpu("L40S", 48, 362, 0.86e12),
    Gpu("A6000", 48, 155, 0.77e12),
    Gpu("H100", 80, 989, 3.35e12),
    Gpu("A100", 80, 312, 2.04e12),
    Gpu("H200", 141, 989, 4.80e12),
    Gpu("B200", 180, 2250, 8.00e12),
)
_ASKED = re.compile(r"(?:(?P<count>\d+)\s*x\s*)?(?P<gpu>.+)", re.I)


@dataclass(frozen=True)
class Machine:
    """Say how many GPUs of which kind train, one process on each.

    Attributes:
        count: of the GPUs.
        gpu: what each of them is.
        memory: bytes that each of them has.
    """

    count: int
    gpu: Gpu
    memory: int

    def __str__(self) -> str:
        """Name the machine as people do."""
        return f"{self.count} x {self.gpu.name}, {self.gpu.size} GB"


def parse_machine(text: str) -> Machine:
    """Return the machine that is asked for.

    Args:
        text: how many GPUs and which, by memory or name: "24GB", "8x80GB", "2 x L40S".

    Raises:
        InputError: nothing of that kind.
    """
    parts = _ASKED.fullmatch(text.strip())
    gpu = _named(parts["gpu"]) if parts else None
    count = int(parts["count"] or 1) if parts else 0
    if gpu is None or count < 1:
        sizes = ", ".join(dict.fromkeys(f"{gpu.size}GB" for gpu in GPUS))
        raise InputError(
            f"--machine {text}: write a GPU by its memory or name, with the number before it, such "
            f"as 24GB, 8x80GB or 2xL40S; known sizes are {sizes}"
        )
    # Drivers keep some: an H100 of 80 GB tells 79.2 GiB of 80 x 2^30 bytes.
    return Machine(count, gpu, round(gpu.size * 2**30 * 0.985))


def this_machine(environ: Mapping[str, str] = os.environ) -> Machine | None:
    """Return this machine with as many GPUs as processes were started; None without a GPU."""
    import torch

    if not torch.cuda.is_available():
        return None
    told = torch.cuda.get_device_properties(0)
    gpu = gpu_of(told.name, told.total_memory)
    return Machine(processes_of(environ), gpu, told.total_memory)


def gpu_of(name: str, memory: int) -> Gpu:
    """Return a GPU by what its driver says; one of no known name as the next of its memory.

    Args:
        name: such as "NVIDIA A100-SXM4-40GB".
        memory: in bytes.
    """
    plain = (gpu.name.removesuffix(f" {gpu.size}GB") for gpu in GPUS)
    words = (re.search(rf"\b{re.escape(one)}\b", name, re.I) for one in plain)
    named = [gpu for gpu, found in zip(GPUS, words, strict=True) if found]
    return min(named or GPUS, key=lambda gpu: abs(gpu.size * 2**30 - memory))


def processes_of(environ: Mapping[str, str] = os.environ) -> int:
    """Return how many processes a launcher has started, on all machines; 1 without one."""
    return int(environ.get("WORLD_SIZE") or 1)


def _named(text: str) -> Gpu | None:
    size = re.fullmatch(r"(\d+)\s*GB?", text.strip(), re.I)
    if size:
        return next((gpu for gpu in GPUS if gpu.size == int(size[1])), None)
    plain = _plain(text)
    return next((gpu for gpu in GPUS if _plain(gpu.name) == plain), None)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
