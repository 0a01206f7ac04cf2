"""Refuse weights that are not numbers: with one of them a model answers nonsense, or nothing."""

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import safe_open

from robust_r1.errors import ModelError

_KINDS = (torch.bfloat16, torch.float16, torch.float32, torch.float64)


def require_finite(files: Iterable[Path]) -> None:
    """Check that all weights in safetensors files are finite; one weight at a time is in memory.

    They are looked at as they are stored: what is quantized hides them.

    Raises:
        ModelError: some are not; it names the first.
    """
    for file in files:
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (it is no dictionary)
                if not _is_finite(weights.get_tensor(name)):
                    raise ModelError(
                        f"{file} has weights that are not finite numbers, {name} among them; save "
                        "or download it again."
                    )


def _is_finite(weights: torch.Tensor) -> bool:
    if weights.dtype not in _KINDS or not weights.numel():
        return True
    # The extremes are found in one pass, without a copy, and what is no number is both of them:
    # 4.5 GB a second on two busy cores, where `isfinite` was 30 times slower.
    low, high = torch.aminmax(weights)
    return bool(torch.isfinite(low)) and bool(torch.isfinite(high))
