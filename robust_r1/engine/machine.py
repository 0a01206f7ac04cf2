"""Find out what a machine can hold, and what this process has taken of it."""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """Count the free memory in bytes: the machine's, and the GPU's (0 where there is none)."""

    available: int
    gpu: int

    @property
    def largest(self) -> int:
        """Return the memory that a model has: the GPU's where there is one."""
        return self.gpu or self.available


def read_memory() -> Memory:
    """Read the free memory; imports torch to ask for a GPU."""
    import torch

    gpu = 0
    # Where a GPU is lent for single calls there seems to be one, which cannot be asked.
    with contextlib.suppress(RuntimeError):
        gpu = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else 0
    return Memory(available=_available(), gpu=gpu)


def take_own_gpu(environ: Mapping[str, str] = os.environ) -> None:
    """Let a process of several on this machine, by its LOCAL_RANK, have a GPU of its own.

    Where there are more processes than GPUs they share them. Does nothing without a launcher, and
    without a GPU; imports torch.
    """
    rank = environ.get("LOCAL_RANK", "")
    if not rank.isdecimal():
        return
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(rank) % torch.cuda.device_count())


def peak_memory(device: str) -> int:
    """Return the largest memory that this process has had, in bytes; on "cuda" the GPU's."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated()
    import resource  # not on Windows, where the rest of this module works

    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


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
