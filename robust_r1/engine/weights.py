"""Load the weights of a checkpoint in a precision, with or without an adapter; imports torch."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForImageTextToText,
    BitsAndBytesConfig,
    PreTrainedModel,
    Qwen2_5_VLForConditionalGeneration,
)

from robust_r1.engine import catalog, machine
from robust_r1.engine.checkpoint import MODEL_TYPE, VISION, Checkpoint, weight_files
from robust_r1.engine.finite import require_finite
from robust_r1.engine.hub import Progress, reporting_bar
from robust_r1.engine.memory import too_large
from robust_r1.errors import ModelError

# bitsandbytes' 4-bit kernel for CPUs works in blocks of this many columns; found by trying.
_CPU_BLOCK = 64
_LOADING_ERRORS = (
    *(OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError, ImportError),
    *(MemoryError, SafetensorError),
)
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def load_model(
    checkpoint: Checkpoint,
    precision: str,
    attention: str | None,
    adapter: Path | None,
    report: Progress,
    device: str | int | None = None,
    placed: bool = True,
) -> PreTrainedModel:
    """Load a model, ready to generate.

    Args:
        checkpoint: a folder that was looked into.
        precision: one of PRECISIONS.
        attention: "eager", "sdpa" or "flash_attention_2"; None for the fastest that is there.
        adapter: folder of a LoRA for it. It is merged, except into quantized weights.
        report: moves from .3 to .8.
        device: "cpu" or the number of a GPU; None for the GPU if there is one.
        placed: whether the weights go there; if not, whoever trains them puts them on devices.

    Raises:
        ModelError: weights that do not fit the configuration, the memory, or 4-bit on a CPU, or
            that are not finite.
    """
    kind = machine.accelerator()
    if precision == "4bit" and kind == "cpu" and (odd := odd_width(checkpoint)):
        raise ModelError(
            f"{checkpoint.folder.name} has a layer of width {odd}, and 4-bit on a CPU needs "
            f"multiples of {_CPU_BLOCK}; choose bf16 or fp32."
        )
    if kind == "cuda":
        # cuDNN's attention, which torch prefers on Hopper, makes a plan for each length it meets,
        # and each token makes a sequence longer: an H200 decoded at half of eager's speed.
        torch.backends.cuda.enable_cudnn_sdp(False)
    # What a quantized model computes in. A tiny model on a CPU is faster and truer in fp32.
    plain = kind == "cpu" and checkpoint.tiny
    rest = torch.float32 if plain else _DTYPES[machine.half_precision()]
    dtype = _DTYPES.get(precision, rest)
    own = checkpoint.model_type == MODEL_TYPE
    loader = Qwen2_5_VLForConditionalGeneration if own else AutoModelForImageTextToText
    name = checkpoint.folder.name
    with _quiet(), _loading_errors(checkpoint, precision):
        require_finite(weight_files(checkpoint.folder))
        model, loaded = loader.from_pretrained(
            checkpoint.folder,
            dtype=dtype,
            attn_implementation=attention or _attention(dtype),
            quantization_config=_quantization(precision, rest),
            device_map={"": kind if device is None else device} if placed else None,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            tqdm_class=reporting_bar(report, 0.3, 0.8, f"Loading {name}"),
        )
    if missing := sorted(loaded["missing_keys"]):
        raise ModelError(
            f"{checkpoint.folder} lacks {len(missing)} weights, {missing[0]} among them; "
            "it would answer at random, so save or download it again."
        )
    if adapter is not None:
        report(0.8, f"Applying {adapter.name}")
        model = _apply(model, adapter, precision, checkpoint)
    return model.eval()


def _apply(
    model: PreTrainedModel, folder: Path, precision: str, checkpoint: Checkpoint
) -> PreTrainedModel:
    from robust_r1.engine.adapter_loading import attach

    with _quiet(), _loading_errors(checkpoint, precision, folder):
        adapted = attach(model, folder)
        # Rounding the sum to 4 or 8 bits would lose a part of what was learned beside them.
        if precision in ("4bit", "8bit"):
            return adapted.base_model.model
        return adapted.merge_and_unload()


def _attention(dtype: torch.dtype) -> str:
    from transformers.utils import is_flash_attn_2_available

    half = dtype in (torch.bfloat16, torch.float16)
    cuda = machine.accelerator() == "cuda"
    ampere = cuda and torch.cuda.get_device_capability() >= (8, 0)
    return "flash_attention_2" if half and ampere and is_flash_attn_2_available() else "sdpa"


def _quantization(precision: str, compute: torch.dtype) -> BitsAndBytesConfig | None:
    if precision == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    if precision != "4bit":
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
        # They are a small part of the weights, and the part that fine detail is lost in.
        llm_int8_skip_modules=[VISION, "lm_head"],
    )


def odd_width(checkpoint: Checkpoint) -> int:
    """Return a width of a layer that cannot be computed in 4 bits on a CPU; 0 where there is none.

    The vision side is not asked: it stays in 16 bits.
    """
    return min((width for width in checkpoint.widths if width % _CPU_BLOCK), default=0)


@contextmanager
def _loading_errors(
    checkpoint: Checkpoint, precision: str, folder: Path | None = None
) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except _LOADING_ERRORS as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "alloc" in str(error):
            needed = catalog.memory_of(checkpoint)
            raise too_large(checkpoint.folder.name, needed, precision, catalog.models) from error
        raise ModelError(
            f"{folder or checkpoint.folder} could not be loaded: {first_line(error)}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep bars and what bitsandbytes warns of off the terminal; `report` tells."""
    from transformers.utils import logging as bars

    # The second would tell of a faster way for 4 bits, which fetches code to run it.
    for name in ("bitsandbytes.autograd._functions", "bitsandbytes.backends.cpu.ops"):
        logging.getLogger(name).setLevel(logging.ERROR)
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, cut, or its kind where there is none."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
