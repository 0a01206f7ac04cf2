"""A model of exactly Qwen2.5-VL-3B's shape with random weights: what full size costs, undownloaded.

Time and memory depend on shapes alone, so they are those of the trained model of the same shape.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import (
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    StoppingCriteria,
)
from transformers.utils import logging

from robust_r1.engine import machine
from robust_r1.engine.checkpoint import Checkpoint
from robust_r1.engine.weights import load_model
from robust_r1.engine.worker import as_model_errors
from robust_r1.errors import ModelError

_QUESTION = 160  # tokens of the instructions and a question


@dataclass(frozen=True)
class Cost:
    """Report what one batch cost: seconds to load and to the first token, tokens a second, bytes.

    `tokens_per_second` counts all rows of the batch, after their first token. `cache` is "dynamic",
    which grows with the text, or "static", which has its full size at once and is compiled for.
    """

    precision: str
    attention: str
    batch: int
    load_seconds: float
    first_token_seconds: float
    tokens_per_second: float
    peak_bytes: int
    cache: str = "dynamic"


def config_3b() -> Qwen2_5_VLConfig:
    """Describe Qwen2.5-VL-3B-Instruct, as its published config.json does."""
    text = {
        "vocab_size": 151_936, "hidden_size": 2048, "intermediate_size": 11_008,
        "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 2,
        "max_position_embeddings": 128_000, "rms_norm_eps": 1e-6,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24],
        },
    }  # fmt: skip
    vision = {
        "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
        "patch_size": 14, "spatial_merge_size": 2, "window_size": 112, "out_hidden_size": 2048,
        "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2,
    }  # fmt: skip
    return Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, image_token_id=151_655, video_token_id=151_656,
        vision_start_token_id=151_652, vision_end_token_id=151_653, tie_word_embeddings=True,
    )  # fmt: skip


def config_qwen3_2b() -> Qwen3VLConfig:
    """Describe Qwen3-VL-2B-Instruct, as its published config.json does: 2,127,532,032 weights."""
    text = {
        "vocab_size": 151_936, "hidden_size": 2048, "intermediate_size": 6144,
        "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8,
        "head_dim": 128, "max_position_embeddings": 262_144, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20],
            "mrope_interleaved": True,
        },
    }  # fmt: skip
    vision = {
        "depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16,
        "patch_size": 16, "spatial_merge_size": 2, "out_hidden_size": 2048,
        "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17],
    }  # fmt: skip
    return Qwen3VLConfig(
        text_config=text, vision_config=vision, image_token_id=151_655, video_token_id=151_656,
        vision_start_token_id=151_652, vision_end_token_id=151_653, tie_word_embeddings=True,
    )  # fmt: skip


def require_gpu() -> None:
    """Raise ModelError where there is no GPU: two cores would take hours."""
    if not torch.cuda.is_available():
        raise ModelError(
            "random-3b is measured on a CUDA GPU and there is none; measure a bundled model here."
        )


def save_random(config: Qwen2_5_VLConfig, folder: Path) -> int:
    """Save a model with random weights, in bf16; return the number of its parameters."""
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(machine.accelerator()):
            model = Qwen2_5_VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder)
    size = sum(parameter.numel() for parameter in model.parameters())
    del model
    gc.collect()
    machine.release_cache()
    if bars:
        logging.enable_progress_bar()
    return size


@contextmanager
def random_checkpoint(config: Qwen2_5_VLConfig) -> Iterator[Checkpoint]:
    """Save a model with random weights to a folder of its own, for as long as needed."""
    with TemporaryDirectory(prefix="random-3b-") as folder:
        size = save_random(config, Path(folder))
        side = config.vision_config.patch_size * config.vision_config.spatial_merge_size
        yield Checkpoint(Path(folder), size, frozenset(), side * side, 1280 * side * side, side)


def measure(
    checkpoint: Checkpoint, precision: str, attention: str, batches: tuple[int, ...], tokens: int,
    grid: tuple[int, int] = (32, 40), cache: str = "dynamic",
) -> list[Cost]:  # fmt: skip
    """Load a checkpoint once and generate `tokens` tokens for each size of batch.

    Every row has a picture of grid[0] x grid[1] image tokens (1,280: the budget of the full-size
    models) and a question; `cache` is one of `Cost`. Raises ModelError where the memory does not
    do.
    """
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    model = load_model(checkpoint, precision, attention, None, lambda share, words: None)
    load_seconds = time.perf_counter() - start
    costs = []
    try:
        if cache == "dynamic":
            _generate(model, 1, 2, grid, cache)  # the first use compiles and allocates
        for batch in batches:
            if cache != "dynamic":  # compiles for this very length and batch
                _generate(model, batch, tokens, grid, cache)
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            first, rate = _generate(model, batch, tokens, grid, cache)
            peak = machine.peak_memory(str(model.device))
            costs.append(Cost(precision, attention, batch, load_seconds, first, rate, peak, cache))
    finally:
        del model
        gc.collect()
        machine.release_cache()
    return costs


class _Steps(StoppingCriteria):
    """Note when each step is done, for all rows of a batch at once."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, **options: object
    ) -> torch.Tensor:
        """Never stop."""
        input_ids[:, -1].cpu()  # on a GPU, waits for the token
        self.times.append(time.perf_counter())
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


def _generate(
    model: PreTrainedModel, batch: int, tokens: int, grid: tuple[int, int], cache: str
) -> tuple[float, float]:
    """Return (seconds to the first token, tokens a second after it)."""
    steps = _Steps()
    inputs = _inputs(model, batch, grid)
    start = time.perf_counter()
    with torch.inference_mode(), as_model_errors():
        model.generate(
            **inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False,
            stopping_criteria=[steps], cache_implementation=None if cache == "dynamic" else cache,
        )  # fmt: skip
    first, last = steps.times[0], steps.times[-1]
    rate = batch * (len(steps.times) - 1) / (last - first) if last > first else 0.0
    return first - start, rate


def _inputs(
    model: PreTrainedModel, batch: int, grid: tuple[int, int]
) -> dict[str, torch.Tensor]:
    config = model.config
    vision, picture = config.vision_config, grid[0] * grid[1]
    merge = vision.spatial_merge_size
    row = [config.vision_start_token_id, *[config.image_token_id] * picture]
    row += [config.vision_end_token_id, *[config.text_config.vocab_size - 1] * _QUESTION]
    ids = torch.tensor([row] * batch, device=model.device)
    width = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    shape = torch.tensor([[1, grid[0] * merge, grid[1] * merge]] * batch, device=model.device)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == config.image_token_id).int(),
        "pixel_values": torch.randn(
            batch * picture * merge**2, width, device=model.device, dtype=model.dtype
        ),
        "image_grid_thw": shape,
    }
