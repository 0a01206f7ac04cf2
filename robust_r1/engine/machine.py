"""Find out what a machine can hold, and what this process has taken of it."""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Kinds of GPU, in torch's words: NVIDIA's and AMD's, Intel's, Apple's.
GPUS = ("cuda", "xpu", "mps")


@dataclass(frozen=True)
class Memory:
    """Count the free memory in bytes: the machine's, and the GPU's (0 where there is none)."""

    available: int
    gpu: int

    @property
    def largest(self) -> int:
        """Return the memory that a model has: the GPU's where there is one."""
        return self.gpu or self.available


def accelerator() -> str:
    """Return where models run: a kind of GPUS, or "cpu" where there is none; imports torch."""
    import torch

    # Asked first: where a GPU is lent for single calls, this alone knows of it.
    if torch.cuda.is_available():
        return "cuda"
    found = torch.accelerator.current_accelerator(check_available=True)
    return found.type if found is not None and found.type in GPUS else "cpu"


def half_precision() -> str:
    """Name the 16-bit format that this machine computes fast in; imports torch."""
    import torch

    device = accelerator()
    if device == "cuda" and torch.cuda.get_device_capability() < (8, 0):
        return "fp16"  # up to Turing (T4) there are no units for bf16
    if device == "xpu" and not torch.xpu.is_bf16_supported(including_emulation=False):
        return "fp16"
    if device == "mps" and not torch.backends.mps.is_macos_or_newer(14, 0):
        return "fp16"
    return "bf16"


def usable_precision(precision: str) -> str:
    """Return the precision itself, or for bf16 the 16-bit format of this machine."""
    return half_precision() if precision == "bf16" else precision


def computes_in_4_bits() -> bool:
    """Tell whether a model in 4 bits is faster here than in bf16; imports torch.

    GPUs unpack the weights on the way, Apple's aside. A CPU needs instructions of its own for it
    (AVX512-BF16): a token took .6 of bf16's time on two cores that have them, at the exact widths
    of a 3B model, and 2.5 times as long where they were left alone.
    """
    import torch

    device = accelerator()
    return device in ("cuda", "xpu") or (
        device == "cpu" and torch.cpu._is_avx512_bf16_supported()
    )


def read_memory() -> Memory:
    """Read the free memory; imports torch to ask for a GPU."""
    device, available = accelerator(), _available()
    gpu = 0
    # Where a GPU is lent for single calls there seems to be one, which cannot be asked.
    with contextlib.suppress(RuntimeError):
        gpu = 0 if device == "cpu" else _free_on(device, available)
    return Memory(available=available, gpu=gpu)


def release_cache() -> None:
    """Give memory of a GPU that nothing uses any more back; imports torch."""
    import torch

    device = accelerator()
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device != "cpu":
        torch.accelerator.empty_cache()


def take_own_gpu(environ: Mapping[str, str] = os.environ) -> None:
    """Let a process of several on this machine, by its LOCAL_RANK, have a GPU of its own.

    Where there are more processes than GPUs they share them. Does nothing without a launcher, and
    without a GPU; imports torch.
    """
    rank = environ.get("LOCAL_RANK", "")
    if not rank.isdecimal():
        return
    import torch

    if accelerator() != "cpu":
        count = torch.accelerator.device_count()
        torch.accelerator.set_device_index(int(rank) % max(1, count))


def peak_memory(device: str) -> int:
    """Return the largest memory that this process has had, in bytes; on a GPU the GPU's.

    Apple's counts no peak, so that there it is what is taken now.
    """
    kind = device.partition(":")[0]
    if kind in GPUS:
        import torch

        if kind == "mps":
            return torch.mps.driver_allocated_memory()
        return (torch.cuda if kind == "cuda" else torch.accelerator).max_memory_allocated()
    import resource  # not on Windows, where the rest of this module works

    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _free_on(device: str, available: int) -> int:
    import torch

    if device == "mps":  # shares the machine's memory, up to a limit of its own
        limit = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return max(1, min(available, limit))
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    return torch.accelerator.get_memory_info()[0]


def _available() -> int:
    # Linux says how much can be had without swapping; elsewhere the total must do.
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0
