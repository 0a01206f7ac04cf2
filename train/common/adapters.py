"""What a stage of the full-size recipe begins with, and how its trainer is run.

train.sft and train.grpo build TRL's trainers on these.
"""

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel, PrinterCallback, ProcessorMixin
from trl import GRPOTrainer, SFTTrainer

from robust_r1.engine import catalog
from robust_r1.engine.adapter import Adapter
from robust_r1.engine.adapter_loading import attach
from robust_r1.engine.checkpoint import Checkpoint, fingerprint
from robust_r1.engine.hub import Progress
from robust_r1.engine.loading import bounded, open_checkpoint, open_processor
from robust_r1.engine.machine import half_precision
from robust_r1.engine.processing import ImageTextProcessor
from robust_r1.engine.types import ModelInfo
from robust_r1.engine.weights import load_model
from robust_r1.errors import ModelError
from train.common.adapter_config import AdapterConfig, AdapterStage, LoraSettings
from train.common.bases import LANGUAGE, TARGETS, refuse_adapter
from train.common.checkpoints import another_model, last_checkpoint
from train.common.course import Course
from train.common.history import StageRecord, history_of
from train.common.launch import (
    DEEPSPEED,
    check_devices,
    check_spreading,
    is_launched,
    is_spread,
    spread_by,
)
from train.common.trackers import require_trackers, tracker_settings


@dataclass(frozen=True)
class Start:
    """Name what a stage begins with.

    Attributes:
        model: what is to be trained: an adapter on its base, or a language side; everything else in
            it is frozen.
        processor: pads on the left, as generation needs it.
        base: name of the model below the adapter, or that the weights were before, for whoever
            loads it.
        checkpoint: of the base, or of the weights.
        info: what is known of the model; its `fit` is what the model sees of a picture.
        history: of the adapter or the weights, the stages before this one.
    """

    model: PeftModel | PreTrainedModel
    processor: ProcessorMixin
    base: str
    checkpoint: Checkpoint
    info: ModelInfo
    history: tuple[StageRecord, ...]

    @property
    def network(self) -> PreTrainedModel:
        """Return the model itself, without the adapter around it."""
        return self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model


def begin(config: AdapterConfig) -> None:
    """Prepare this process, before any weights: its seed, and which GPU is its own.

    Raises:
        InputError: more processes than GPUs, 4-bit weights that are to lie spread, or a tracker of
            `config.report_to` that is not installed.
    """
    check_devices()
    check_spreading(config.quantized)
    require_trackers(config.trackers)
    logging.getLogger("transformers.trainer").setLevel(logging.ERROR)
    # TRL calls transformers by older names, which each checkpoint would tell of.
    warnings.filterwarnings("ignore", ".*gradient_checkpointing.*", FutureWarning)
    PartialState(cpu=not torch.cuda.is_available())
    torch.manual_seed(config.seed)  # of the first weights of a new adapter


def open_start(name: str, config: AdapterConfig) -> Start:
    """Load a model with what is to be trained of it: a new adapter, that of a folder, or weights.

    Raises:
        ModelError: no such model, too little memory, or a model without image tokens, a chat
            template, or a language model whose projections could be adapted.
        InputError: an adapter, where whole weights are to be trained.
    """
    tell = progress()
    info, checkpoint, adapter = open_checkpoint(catalog.find(name), tell)
    info = bounded(info, config.max_pixels)
    processor = _trainable(open_processor(checkpoint), info)
    if config.updates is None and adapter is not None:
        raise refuse_adapter(name)
    model = _load(checkpoint, config, tell)
    if adapter is not None:
        base, earlier = catalog.known_as(adapter.base), history_of(adapter.folder)
        adapted = _attached(model, adapter, checkpoint)
        return Start(adapted, processor, base, checkpoint, info, earlier)
    base = catalog.known_as(name)
    if config.updates is not None:
        adapted = _adapted(model, config.updates, info)
        return Start(adapted, processor, base, checkpoint, info, ())
    _free_language(model, info)
    return Start(model, processor, base, checkpoint, info, history_of(checkpoint.folder))


def weights_of(name: str) -> str:
    """Return digits that other weights to begin with would change, for `going_on`.

    Args:
        name: as of `open_start`, which loads what is looked at here.

    Raises:
        ModelError: no such model.
    """
    _, checkpoint, adapter = open_checkpoint(catalog.find(name), _be_silent)
    folders = [checkpoint.folder, *([adapter.folder] if adapter else [])]
    return " ".join(map(fingerprint, folders))


def _load(checkpoint: Checkpoint, config: AdapterConfig, tell: Progress) -> PreTrainedModel:
    cuda = torch.cuda.is_available()
    precision = "4bit" if config.quantized else half_precision() if cuda else "fp32"
    if config.updates is None:
        # Steps are smaller than 16 bits can tell. What is computed with are copies of 16 bits.
        precision = "fp32"
    # By its number: accelerate takes a quantized model on "cuda" for one on another GPU.
    device = torch.cuda.current_device() if cuda else "cpu"
    placed = config.quantized or not (is_launched() or is_spread())
    return load_model(checkpoint, precision, None, None, tell, device, placed)


def _attached(model: PreTrainedModel, adapter: Adapter, checkpoint: Checkpoint) -> PeftModel:
    adapted = attach(model, adapter.folder, trainable=True)
    # At checkpoints peft would look a catalog's name up on the hub; `save_run` names it.
    adapted.peft_config["default"].base_model_name_or_path = str(checkpoint.folder)
    return adapted


def _adapted(model: PreTrainedModel, updates: LoraSettings, info: ModelInfo) -> PeftModel:
    lora = LoraConfig(
        r=updates.rank,
        lora_alpha=updates.alpha,
        lora_dropout=updates.dropout,
        target_modules=TARGETS,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise ModelError(
            f"{info.label} has no language model whose projections could be adapted; choose a "
            "Qwen2.5-VL or a Qwen3-VL"
        ) from error


def _free_language(model: PreTrainedModel, info: ModelInfo) -> None:
    """Let the language side learn, and nothing else."""
    for name, weight in model.named_parameters():
        weight.requires_grad_(LANGUAGE.fullmatch(name) is not None)
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ModelError(
            f"{info.label} has no language model that could be told from its vision side; choose a "
            "Qwen2.5-VL or a Qwen3-VL"
        )


def _trainable(processor: ProcessorMixin, info: ModelInfo) -> ProcessorMixin:
    """Let a processor leave fitted pictures as they are, as LocalEngine does."""
    if not getattr(processor, "chat_template", None):
        raise ModelError(
            f"{info.label} has no chat template, in which questions and chains are written; choose "
            "a model that was taught to converse"
        )
    if isinstance(processor, ImageTextProcessor):
        processor.image_processor.do_resize = False
    return processor


def settings_of(
    stage: AdapterStage, config: AdapterConfig, course: Course, folder: Path
) -> dict[str, Any]:
    """Return the arguments that TRL's SFTConfig and GRPOConfig share.

    Raises:
        InputError: a step's samples cannot be divided among the processes.
    """
    cuda = torch.cuda.is_available()
    half = half_precision() if cuda else ""
    batch, passes = stage.share(PartialState().num_processes)
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": passes,
        # The rows are what the run has not met yet: none of them is to be skipped.
        "max_steps": course.last_step,
        "ignore_data_skip": True,
        "learning_rate": stage.rate,
        "warmup_steps": stage.warmup_share,  # a share; `MeetsSamples` makes the rate of it
        "seed": config.seed,
        "save_steps": stage.save_every,
        "save_total_limit": 1,
        "logging_steps": stage.log_every,
        **tracker_settings(config.trackers, folder),
        "remove_unused_columns": False,
        "activation_checkpointing": config.checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
        "ddp_find_unused_parameters": False,
        "dataloader_num_workers": config.workers,
        "bf16": half == "bf16",
        "fp16": half == "fp16",
        "use_cpu": not cuda,
        "disable_tqdm": True,
    }


def train_on(
    trainer: SFTTrainer | GRPOTrainer, stage: str, config: AdapterConfig, folder: Path
) -> None:
    """Train, going on where an interrupted run was.

    Raises:
        ModelError: a step does not fit the memory, or the folder holds another model's run.
    """
    # TRL rounds adapters of quantized weights to bf16, where a step as small as those of
    # reinforcement is lost; and peft would resume them in float32.
    for weight in trainer.model.parameters():
        # DeepSpeed keeps weights of 32 bits itself, and mixes no others in.
        if weight.requires_grad and spread_by() != DEEPSPEED:
            weight.data = weight.data.float()
    trainer.remove_callback(PrinterCallback)  # what goes to log.jsonl is shown already
    last = last_checkpoint(folder)
    with _faults(stage, config, last):
        trainer.train(resume_from_checkpoint=last)


def progress() -> Progress:
    """Return what shows how far loading is, on a terminal and in the first process alone."""
    return _tell if sys.stderr.isatty() and PartialState().is_main_process else _be_silent


def _tell(share: float, words: str) -> None:
    print(f"\r{words:60}", end="\n" if share >= 0.8 else "", file=sys.stderr, flush=True)


def _be_silent(share: float, words: str) -> None:
    """Report nothing."""


@contextlib.contextmanager
def _faults(stage: str, config: AdapterConfig, last: str | None) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        smaller = [f"{stage}.batch" if getattr(config, stage).batch > 1 else "", "max_pixels"]
        raise ModelError(
            "the GPU's memory does not do for a step; lower "
            f"{' or '.join(filter(None, smaller))}"
            f"{_leaner(config)}, then start the same command again"
        ) from error
    except RuntimeError as error:
        if last is None or "size mismatch" not in str(error):
            raise
        raise another_model(last) from error


def _leaner(config: AdapterConfig) -> str:
    """Return words for what else would take less of a GPU's memory."""
    if config.quantized:
        return ""
    whole = config.updates is None
    return f", or {'take more GPUs (train/accelerate)' if whole else 'set lora.quantized=true'}"
