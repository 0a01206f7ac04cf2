"""Load a model by name, folder or hub id, in the precision that suits the machine."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from robust_r1.engine import catalog
from robust_r1.engine.checkpoint import Checkpoint, read_checkpoint
from robust_r1.engine.endpoint import is_endpoint
from robust_r1.engine.types import PRECISIONS, Engine, GenerationSettings, ModelInfo
from robust_r1.errors import InputError, ModelError

Progress = Callable[[float, str], object]

# Everything a checkpoint needs, and nothing that can run code.
_FILES = ["*.json", "*.safetensors", "*.txt", "*.jinja"]
_HUB_TIMEOUT = 10.0  # seconds to wait for the hub's first word
# bitsandbytes' 4-bit kernel for CPUs works in blocks of this many columns; found by trying.
_CPU_BLOCK = 64


def load_engine(
    name: str = "auto", quantize: str | None = None, progress: Progress | None = None
) -> Engine:
    """Load a model and return the engine that answers with it.

    Args:
        name: a catalog name, a folder, a hub id, an endpoint such as http://host:8000/v1#name, or
            "auto": with a CUDA GPU `robust-r1-rl`,
            without one the newest bundled model. Where auto takes another model than the full-size
            one, `engine.note` says why.
        quantize: "4bit" (NF4, double quantization), "8bit", "bf16", "fp32", or None for the
            machine's default: on a GPU 4-bit for models of a billion parameters and more; on a CPU
            bf16 for those; fp32 for smaller ones. An endpoint has its own, so only None fits it.
        progress: called with a share of the work in [0, 1] and a few words.

    Raises:
        InputError: an unknown precision, or any for an endpoint; an address that cannot be read.
        ModelError: no such model, a hub or endpoint that does not answer, a broken or unfit
            checkpoint.
    """
    if quantize is not None and quantize not in PRECISIONS:
        raise InputError(
            f"There is no precision {quantize!r}; choose one of {', '.join(PRECISIONS)}."
        )
    report = progress or _silent
    if name == "auto":
        return _load_auto(quantize, report)
    if is_endpoint(name):
        return _connect(name, quantize, report)
    return _load(catalog.find(name), quantize, report)


def _load_auto(quantize: str | None, report: Progress) -> Engine:
    import torch

    why = "No CUDA GPU was found."
    if torch.cuda.is_available():
        try:
            return _load(catalog.find("robust-r1-rl"), quantize, report)
        except ModelError as error:
            why = str(error)
    info = catalog.newest_bundled()
    note = " ".join([why, *catalog.broken(), f"{info.label} answers."])
    return _load(info, quantize, report, note)


def _connect(name: str, quantize: str | None, report: Progress) -> Engine:
    if quantize is not None:
        raise InputError("An endpoint has its own precision; leave --quantize out.")
    from robust_r1.engine.remote import connect

    report(0.0, "Looking for the endpoint")
    engine = connect(name)
    report(1.0, f"{engine.info.label} is ready")
    return engine


def _load(info: ModelInfo, quantize: str | None, report: Progress, note: str = "") -> Engine:
    report(0.0, f"Looking for {info.label}")
    folder = Path(info.source) if Path(info.source).is_dir() else _download(info.source)
    checkpoint = read_checkpoint(folder)
    if info.parameters == 0:
        info = catalog.complete(info, checkpoint)
    report(0.3, f"Loading {info.label}")
    # Imported late: the command line answers `--help` and bad input without torch.
    from robust_r1.engine.local import LocalEngine

    precision = quantize or _default_precision(checkpoint)
    with _quiet():
        model = _load_model(checkpoint, precision)
    engine = LocalEngine(model, _load_processor(checkpoint), info, precision, note)
    if checkpoint.parameters < catalog.SMALL:
        report(0.9, "Warming up")
        _warm_up(engine)
    report(1.0, f"{info.label} is ready")
    return engine


def _download(source: str) -> Path:
    """Fetch a model from the hub, or find it in the cache, and return its folder."""
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(source, allow_patterns=_FILES, etag_timeout=_HUB_TIMEOUT))
    except GatedRepoError as error:
        raise ModelError(
            f"The hub wants you to accept the terms of {source}; do so there and log in."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"The hub has no model {source}; check the name.") from error
    except HFValidationError as error:
        raise ModelError(f"{source} is neither a folder nor a hub id; check the name.") from error
    except (OSError, httpx.HTTPError) as error:
        raise ModelError(
            f"{source} is not on this machine and the hub could not be reached; connect to the "
            "network or choose a bundled model."
        ) from error


def _default_precision(checkpoint: Checkpoint) -> str:
    import torch

    if checkpoint.parameters < catalog.SMALL:
        return "fp32"
    return "4bit" if torch.cuda.is_available() else "bf16"


def _load_model(checkpoint: Checkpoint, precision: str):
    import torch
    from safetensors import SafetensorError
    from transformers import Qwen2_5_VLForConditionalGeneration

    cuda = torch.cuda.is_available()
    if precision == "4bit" and not cuda:
        _check_widths(checkpoint)
    # Turing GPUs have no bfloat16 units; half precision is their fast format.
    half = torch.bfloat16
    if cuda and torch.cuda.get_device_capability() < (8, 0):
        half = torch.float16
    # What a quantized model computes in. A small model on a CPU is faster and truer in fp32.
    rest = half if cuda and precision != "fp32" else torch.float32
    try:
        model, report = Qwen2_5_VLForConditionalGeneration.from_pretrained(
            checkpoint.folder,
            dtype=half if precision == "bf16" else rest,
            quantization_config=_quantization(precision, rest),
            device_map={"": "cuda" if cuda else "cpu"},
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"The GPU has too little memory for {checkpoint.folder.name} in {precision}; choose "
            "4bit or a smaller model."
        ) from error
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"{checkpoint.folder} could not be loaded: {_first_line(error)}"
        ) from error
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{checkpoint.folder} lacks {len(missing)} weights, {missing[0]} among them; "
            "it would answer at random, so save or download it again."
        )
    return model.eval()


def _quantization(precision: str, compute):
    if precision not in ("4bit", "8bit"):
        return None
    from transformers import BitsAndBytesConfig

    if precision == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )


def _check_widths(checkpoint: Checkpoint) -> None:
    odd = sorted(width for width in checkpoint.widths if width % _CPU_BLOCK)
    if odd:
        raise ModelError(
            f"{checkpoint.folder.name} has a layer of width {odd[0]}, and 4-bit on a CPU needs "
            f"multiples of {_CPU_BLOCK}; choose bf16 or fp32."
        )


def _load_processor(checkpoint: Checkpoint):
    from robust_r1.engine.processing import load_processor

    try:
        return load_processor(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # tokenizers raises plain Exception for a broken file
        raise ModelError(
            f"The processor in {checkpoint.folder} could not be loaded: {_first_line(error)}"
        ) from error


def _warm_up(engine: Engine) -> None:
    """Answer once with two tokens, so that the first question does not pay for first uses."""
    import numpy as np

    side = engine.info.multiple * max(1, int(engine.info.max_pixels**0.5) // engine.info.multiple)
    blank = np.full((side, side, 3), 128, np.uint8)
    for _ in engine.stream(blank, "What is this?", GenerationSettings(max_new_tokens=2)):
        pass


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep bars and a warning for each 8-bit layer call off the terminal; `progress` reports."""
    from transformers.utils import logging as bars

    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _silent(share: float, words: str) -> None:
    """Report nothing."""
