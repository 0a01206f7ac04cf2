"""Load a model by name, folder, hub id or address, in the precision that suits the machine."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.engine import catalog, machine
from robust_r1.engine.adapter import Adapter, is_adapter, read_adapter
from robust_r1.engine.checkpoint import MODEL_TYPE, Checkpoint, read_checkpoint
from robust_r1.engine.endpoint import is_endpoint
from robust_r1.engine.hub import Progress, fetch
from robust_r1.engine.memory import Others, check_memory
from robust_r1.engine.needs import refuse_without_packages
from robust_r1.engine.types import PRECISIONS, Engine, GenerationSettings, ModelInfo, Request
from robust_r1.errors import InputError, ModelError

if TYPE_CHECKING:
    from transformers import ProcessorMixin

ATTENTION = ("eager", "sdpa", "flash_attention_2")


@dataclass(frozen=True)
class _Options:
    """Say how a model is loaded; None stands for what suits model and machine."""

    precision: str | None = None
    attention: str | None = None
    max_pixels: int | None = None
    warm: bool = True
    others: Others | None = None


def load_engine(
    name: str = "auto",
    quantize: str | None = None,
    progress: Progress | None = None,
    *,
    attention: str | None = None,
    max_pixels: int | None = None,
    warm: bool = True,
    others: Others | None = None,
) -> Engine:
    """Load a model and return the engine that answers with it.

    Args:
        name: a catalog name, a folder (of a checkpoint, or of a LoRA, which loads onto its base), a
            hub id, an endpoint such as http://host:8000/v1#name, or "auto": with a CUDA GPU
            `robust-r1-rl`, without one the newest bundled model. Where auto takes another model
            than the full-size one, `engine.note` says why.
        quantize: "4bit" (NF4, double quantization), "8bit", "bf16", "fp16", "fp32", or None for the
            machine's default: what the model needs (`ModelInfo.needs`), which is fp32 for tiny
            ones, bf16, or 4-bit where that is faster than bf16 (GPUs, and CPUs with AVX512-BF16).
            An endpoint has its own, so only None fits it.
        progress: called with a share of the work in [0, 1] and a few words.
        attention: one of ATTENTION, or None for the fastest that is there.
        max_pixels: a smaller budget for pictures than the model's own, in pixels: less memory and
            time, less detail.
        warm: whether a tiny model answers once before it is handed over. Not where a GPU is lent
            for single calls only.
        others: models of the same program, which make room where the memory asks for it.

    Raises:
        InputError: an unknown precision or attention, a pixel budget that holds no picture, any of
            the first two for an endpoint; an address that cannot be read.
        ModelError: no such model, a hub or endpoint that does not answer, a broken or unfit
            checkpoint, too little memory, a package that the model needs and that is not here.
    """
    _check_choice("precision", quantize, PRECISIONS)
    _check_choice("attention", attention, ATTENTION)
    options = _Options(quantize, attention, max_pixels, warm, others)
    report = _rising(progress or _silent)
    if name == "auto":
        return _load_auto(options, report)
    if is_endpoint(name):
        return _connect(name, options, report)
    return _load(catalog.find(name), options, report)


def _load_auto(options: _Options, report: Progress) -> Engine:
    import torch

    why = "No CUDA GPU was found."
    if torch.cuda.is_available():
        try:
            return _load(catalog.find("robust-r1-rl"), options, report)
        except ModelError as error:
            why = str(error)
    info = catalog.newest_bundled()
    note = " ".join([why, *catalog.broken(), f"{info.label} answers."])
    return _load(info, options, report, note)


def _connect(name: str, options: _Options, report: Progress) -> Engine:
    if options.precision or options.attention:
        raise InputError("An endpoint has its own precision; leave --quantize out.")
    from robust_r1.engine.remote import connect

    report(0.0, "Looking for the endpoint")
    engine = connect(name)
    engine.info = bounded(engine.info, options.max_pixels)
    report(1.0, f"{engine.info.label} is ready")
    return engine


def _load(info: ModelInfo, options: _Options, report: Progress, note: str = "") -> Engine:
    machine.take_own_gpu()
    refuse_without_packages(info.label, info.needs.packages)
    if info.memory:  # known before anything is fetched
        precision = options.precision or default_precision(info)
        check_memory(info, machine.usable_precision(precision), options.others, catalog.models)
    info, checkpoint, adapter = open_checkpoint(info, report)
    info = bounded(info, options.max_pixels)
    report(0.3, f"Loading {info.label}")
    # Imported late: the command line answers `--help` and bad input without torch.
    from robust_r1.engine.local import LocalEngine
    from robust_r1.engine.weights import load_model, odd_width

    usual = default_precision(info, odd_width(checkpoint))
    precision = machine.usable_precision(options.precision or usual)
    check_memory(info, precision, options.others, catalog.models)
    processor = open_processor(checkpoint)
    if options.others is not None:
        options.others.make_room(info.memory[precision])
    place = adapter.folder if adapter else None
    model = load_model(checkpoint, precision, options.attention, place, report)
    note = note or _note(info, checkpoint, adapter, precision)
    engine = LocalEngine(model, processor, info, precision, note)
    if options.warm and info.tiny:
        report(0.9, "Warming up")
        _warm_up(engine)
    report(1.0, f"{info.label} is ready")
    return engine


def open_checkpoint(
    info: ModelInfo, report: Progress
) -> tuple[ModelInfo, Checkpoint, Adapter | None]:
    """Find a model's files, fetching what is not here, and complete what is known of it.

    Args:
        info: of `catalog.find`; where it is an adapter, the checkpoint is that of its base.
        report: moves from 0 to .3.

    Raises:
        ModelError: no such model, a hub that does not answer, a broken checkpoint or adapter.
    """
    report(0.0, f"Looking for {info.label}")
    folder = _folder(info.source, report)
    adapter = read_adapter(folder) if is_adapter(folder) else None
    if adapter is not None:
        base = catalog.find(adapter.base)
        folder = _folder(base.source, report)
        info = catalog.adapted(info, base)
    checkpoint = read_checkpoint(folder)
    if info.parameters == 0:
        info = catalog.complete(info, checkpoint)
    return info, checkpoint, adapter


def _folder(source: str, report: Progress) -> Path:
    return Path(source) if Path(source).is_dir() else fetch(source, report, 0.0, 0.3)


def _note(
    info: ModelInfo, checkpoint: Checkpoint, adapter: Adapter | None, precision: str
) -> str:
    """Say what is not known to work, and what does not pay."""
    notes = []
    if checkpoint.model_type != MODEL_TYPE and adapter is None and info.reasons:
        notes.append(
            f"{info.label} is a {checkpoint.model_type} model: it was not trained to write chains, "
            "and is asked for one all the same."
        )
    if precision == "4bit" and not info.tiny and not machine.computes_in_4_bits():
        notes.append(
            "This machine has no instructions for weights in 4 bits (AVX512-BF16): bf16 is faster "
            f"and wants {info.memory['bf16'] / 1e9:.1f} GB."
        )
    return " ".join(notes)


def bounded(info: ModelInfo, max_pixels: int | None) -> ModelInfo:
    """Return what is known of a model, with a lower pixel budget, never above its own.

    Args:
        info: of the model.
        max_pixels: the budget; None leaves the model's own.

    Raises:
        InputError: a budget that holds no picture.
    """
    if max_pixels is None:
        return info
    least = max(info.min_pixels, info.multiple**2)
    if max_pixels < least:
        raise InputError(f"{max_pixels} pixels are too few for {info.label}; give {least} or more.")
    return replace(info, max_pixels=min(info.max_pixels, max_pixels))


def default_precision(info: ModelInfo, odd_width: int = 0) -> str:
    """Return the precision that suits a model on this machine; imports torch.

    Args:
        info: of the model.
        odd_width: of a layer that a CPU cannot compute in 4 bits; 0 where there is none.
    """
    if info.needs.precision != "4bit":
        return info.needs.precision
    hindered = bool(odd_width) and machine.accelerator() == "cpu"
    return "4bit" if machine.computes_in_4_bits() and not hindered else "bf16"


def open_processor(checkpoint: Checkpoint) -> "ProcessorMixin":
    """Load a checkpoint's processor.

    Raises:
        ModelError: its files are missing or broken, want a package that is not here, or are of
            another model.
    """
    from robust_r1.engine.processing import (
        load_processor,
        package_wanted,
        read_tokens,
        require_same_tokens,
    )
    from robust_r1.engine.weights import first_line

    folder = checkpoint.folder
    try:
        read_tokens(folder)
        processor = load_processor(
            folder, checkpoint.model_type, local_files_only=True, trust_remote_code=False
        )
        require_same_tokens(processor, folder)
    except ModelError:
        raise
    except Exception as error:  # tokenizers raises plain Exception for a broken file
        why = package_wanted(error) or first_line(error)
        raise ModelError(f"The processor in {folder} could not be loaded: {why}") from error
    return processor


def _warm_up(engine: Engine) -> None:
    """Answer once with two tokens, so that the first question does not pay for first uses."""
    import numpy as np

    side = engine.info.multiple * max(1, int(engine.info.max_pixels**0.5) // engine.info.multiple)
    blank = np.full((side, side, 3), 128, np.uint8)
    request = Request.of(blank, "What is this?")
    for _ in engine.stream(request, GenerationSettings(max_new_tokens=2)):
        pass


def _check_choice(what: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise InputError(f"There is no {what} {value!r}; choose one of {', '.join(known)}.")


def _rising(progress: Progress) -> Progress:
    """Pass shares on that never fall, whatever several downloads at a time report."""
    highest = 0.0

    def report(share: float, words: str) -> None:
        nonlocal highest
        highest = max(highest, share)
        progress(highest, words)

    return report


def _silent(share: float, words: str) -> None:
    """Report nothing."""
