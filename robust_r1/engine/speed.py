"""Estimate how long an answer takes on this machine, from how fast it computes.

A measurement of about a second, kept in a file: products of matrices as for a picture and
a prompt, reading weights as for each new token, and the time that a small operation takes anyway.
"""

import contextlib
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from robust_r1 import images
from robust_r1.engine import machine
from robust_r1.engine.types import ModelInfo

if TYPE_CHECKING:
    import torch

VARIABLE = "ROBUST_R1_SPEED"
# What is estimated: an answer about a picture of this height and width, after a prompt of this many
# tokens; of models that write chains a chain, of others a sentence or two.
PICTURE = (480, 640)
PROMPT, CHAIN, SENTENCE = 160, 150, 30
# How many small operations a layer takes for each token, and a token beside its layers; found by
# comparing estimates with what models took.
_CALLS, _MORE_CALLS = 500, 1500
# The share of a product's speed that a whole model reaches with a picture and a prompt; likewise.
_SHARE = 0.5
# Bytes that are read of a weight for a token, and time for a prompt, against 16 bits. On processors
# 4 bits were .5 to .8 of bf16's time for a token, and a quarter to a half longer for the prompt.
_BYTES = {"4bit": 1.3, "8bit": 2.0, "bf16": 2.0, "fp16": 2.0, "fp32": 4.0}
_PROMPT_TIME = {"4bit": 1.4, "8bit": 1.4}
# Each part is tried so often and for so many seconds, and the best counts: others compute as well.
_TRIES, _LONG = 3, 0.25


@dataclass(frozen=True)
class Speed:
    """Report how fast a machine computes.

    Attributes:
        machine: which one, and with what; another one is measured anew.
        half, full: operations a second of a product of matrices, in 16 bits and in fp32.
        reads: bytes a second that a product of a matrix and a vector reads.
        call: seconds that a small operation takes anyway.
    """

    machine: str
    half: float
    full: float
    reads: float
    call: float


def read_speed() -> Speed:
    """Return how fast this machine computes, measured once and then read; imports torch."""
    known = _kept()
    if known is not None and known.machine == _machine():
        return known
    speed = measure()
    _keep(speed)
    return speed


def measure() -> Speed:
    """Measure how fast this machine computes, in about a second."""
    import torch

    device, kind = machine.accelerator(), machine.half_precision()
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}[kind]
    rows, width = (256, 1024) if device == "cpu" else (1024, 4096)
    operations = 2 * rows * width**2
    rates = []
    with torch.inference_mode():
        for dtype in (half, torch.float32):
            many = torch.ones(rows, width, device=device, dtype=dtype)
            weight = torch.ones(width, width, device=device, dtype=dtype)
            rates.append(operations / _fastest(partial(torch.matmul, many, weight), device))
        # Larger than what a processor keeps beside its cores.
        weights = torch.ones(24, 2048, 1024, device=device, dtype=half)
        one = torch.ones(1, 1024, device=device, dtype=half)
        # Where other programs want the cores as well, threads wait for each other at every product.
        seconds = min(_seconds_to_read(one, weights, alone) for alone in (False, True))
        small = torch.ones(1, 512, device=device, dtype=half)
        call = _fastest(lambda: [small * small for _ in range(200)], device) / 200
    size = weights.numel() * weights.element_size()
    return Speed(_machine(), rates[0], rates[1], size / seconds, call)


def estimate(info: ModelInfo, precision: str, speed: Speed) -> float | None:
    """Estimate the seconds from a question to the end of its answer.

    Args:
        info: of the model.
        precision: that it is loaded in.
        speed: of the machine.

    Returns:
        The time for a picture of PICTURE and an answer of CHAIN or SENTENCE tokens; None for a
        model whose shape is not known.
    """
    needs = info.needs
    if not needs.linear:
        return None
    if info.side:
        pixels = info.side**2
    else:
        height, width = images.fitted_size(
            *PICTURE, info.max_pixels, info.min_pixels, info.multiple
        )
        pixels = height * width
    prompt = PROMPT + pixels / needs.token**2
    operations = 2 * (needs.vision * pixels / needs.patch**2 + needs.linear * prompt)
    rate = speed.full if precision == "fp32" else speed.half
    first = operations / (rate * _SHARE) * _PROMPT_TIME.get(precision, 1.0)
    read = needs.linear * _BYTES[precision] + needs.head * max(2.0, _BYTES[precision] // 1)
    token = read / speed.reads + (needs.layers * _CALLS + _MORE_CALLS) * speed.call
    return first + token * (CHAIN if info.reasons else SENTENCE)


def _seconds_to_read(one: "torch.Tensor", weights: "torch.Tensor", alone: bool) -> float:
    """Return the seconds of the products of a vector with matrices, on one thread or on all."""
    import torch

    from robust_r1.engine.threads import one_thread

    def read() -> None:
        for weight in weights:
            torch.nn.functional.linear(one, weight)

    with one_thread(alone):
        return _fastest(read, str(one.device))


def _fastest(work: Callable[[], object], device: str) -> float:
    """Return the least seconds of several tries, the first of which is not counted."""
    best, begun, attempt = float("inf"), time.perf_counter(), -1
    while attempt < _TRIES or time.perf_counter() - begun < _LONG:
        attempt += 1
        start = time.perf_counter()
        work()
        if device != "cpu":
            import torch

            torch.accelerator.synchronize()
        if attempt:
            best = min(best, time.perf_counter() - start)
    return max(best, 1e-9)


def _machine() -> str:
    import torch

    parts = (platform.node(), platform.machine(), os.cpu_count(), torch.get_num_threads())
    return " ".join(map(str, (*parts, torch.__version__, machine.accelerator())))


def _file() -> Path:
    if named := os.environ.get(VARIABLE, ""):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME", "") or Path("~/.cache").expanduser()
    return Path(cache) / "robust-r1" / "speed.json"


def _kept() -> Speed | None:
    try:
        speed = Speed(**json.loads(_file().read_text(encoding="utf-8")))
        figures = (speed.half, speed.full, speed.reads, speed.call)
        return speed if all(figure > 0 for figure in figures) else None
    except (OSError, ValueError, TypeError):
        return None


def _keep(speed: Speed) -> None:
    """Write the measurement down; where that cannot be done the next program measures again."""
    file = _file()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as written:
            json.dump(asdict(speed), written)
        Path(written.name).replace(file)
