"""An adapter for a full-size model: what it begins with, how a trainer is run, what is saved.

train.sft and train.grpo build TRL's trainers on these.
"""

import argparse
import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, ProcessorMixin
from trl import GRPOTrainer, SFTTrainer

from robust_r1.engine import catalog
from robust_r1.engine.adapter_loading import attach
from robust_r1.engine.hub import Progress
from robust_r1.engine.loading import bounded, open_checkpoint, open_processor
from robust_r1.engine.processing import ImageTextProcessor
from robust_r1.engine.types import ModelInfo
from robust_r1.engine.weights import first_line, half_precision, load_model
from robust_r1.errors import ModelError
from train.common.adapter_config import AdapterConfig, AdapterStage
from train.common.checkpoints import another_model, last_checkpoint
from train.common.command import parser_of
from train.common.course import Course
from train.common.history import StageRecord, history_of, write_history
from train.common.trackers import require_trackers, tracker_settings

# Projections of the language model's layers; those of the vision tower have other parents.
_TARGETS = (
    r".*(?:language_model|text_model)\.(?:.*\.)?layers\.\d+\.(?:self_attn|mlp)\."
    r"(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
)


@dataclass(frozen=True)
class Start:
    """Name what a stage begins with.

    Attributes:
        model: with the adapter that is to be trained; everything else in it is frozen.
        processor: pads on the left, as generation needs it.
        base: name of the model below the adapter, for whoever loads it.
        info: what is known of the model; its `fit` is what the model sees of a picture.
        history: of the adapter, the stages before this one.
    """

    model: PeftModel
    processor: ProcessorMixin
    base: str
    info: ModelInfo
    history: tuple[StageRecord, ...]


def adapter_parser(command: str, description: str | None) -> argparse.ArgumentParser:
    """Make the command line of a stage that trains an adapter; see `parser_of`."""
    parser = parser_of(command, description, "3b-qlora")
    parser.add_argument("--from", dest="start", required=True, help="model or adapter to train")
    parser.add_argument("--data", required=True, type=Path, help="JSONL file of chains")
    return parser


def begin(config: AdapterConfig) -> None:
    """Prepare this process, before any weights: its seed, and which GPU is its own.

    Raises:
        InputError: a tracker of `config.report_to` is not installed.
    """
    require_trackers(config.trackers)
    logging.getLogger("transformers.trainer").setLevel(logging.ERROR)
    # TRL calls transformers by older names, which each checkpoint would tell of.
    warnings.filterwarnings("ignore", ".*gradient_checkpointing.*", FutureWarning)
    PartialState(cpu=not torch.cuda.is_available())
    torch.manual_seed(config.seed)  # of the first weights of a new adapter


def open_start(name: str, config: AdapterConfig) -> Start:
    """Load a model with the adapter that is to be trained: a new one, or that of a folder.

    Raises:
        ModelError: no such model, too little memory, or a model without image tokens, a chat
            template, or a language model whose projections could be adapted.
    """
    tell = progress()
    info, checkpoint, adapter = open_checkpoint(catalog.find(name), tell)
    info = bounded(info, config.max_pixels)
    _require_image_tokens(checkpoint.folder, info)
    processor = _trainable(open_processor(checkpoint), info)
    cuda = torch.cuda.is_available()
    half = half_precision() if cuda else "fp32"
    precision = "4bit" if config.lora.quantized else half
    # By its number: accelerate takes a quantized model on "cuda" for one on another GPU.
    device = torch.cuda.current_device() if cuda else "cpu"
    model = load_model(checkpoint, precision, None, None, tell, device)
    if adapter is not None:
        adapted = attach(model, adapter.folder, trainable=True)
        # At checkpoints peft would look a catalog's name up on the hub; `save_adapter` names it.
        adapted.peft_config["default"].base_model_name_or_path = str(checkpoint.folder)
        base, earlier = catalog.known_as(adapter.base), history_of(adapter.folder)
        return Start(adapted, processor, base, info, earlier)
    lora = LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.alpha,
        lora_dropout=config.lora.dropout,
        target_modules=_TARGETS,
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, lora)
    except ValueError as error:
        raise ModelError(
            f"{info.label} has no language model whose projections could be adapted; choose a "
            "Qwen2.5-VL or a Qwen3-VL"
        ) from error
    return Start(adapted, processor, catalog.known_as(name), info, ())


def _require_image_tokens(folder: Path, info: ModelInfo) -> None:
    try:
        token = getattr(AutoConfig.from_pretrained(folder), "image_token_id", None)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} could not be loaded: {first_line(error)}") from error
    if token is None:
        raise ModelError(
            f"{info.label} has no image tokens, by which a picture stands in a conversation; "
            "choose a model that has, such as a Qwen2.5-VL or a Qwen3-VL"
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


def train_adapter(
    trainer: SFTTrainer | GRPOTrainer, stage: str, config: AdapterConfig, folder: Path
) -> None:
    """Train, going on where an interrupted run was.

    Raises:
        ModelError: a step does not fit the memory, or the folder holds another adapter's run.
    """
    # TRL rounds adapters of quantized weights to bf16, where a step as small as those of
    # reinforcement is lost; and peft would resume them in float32.
    for weight in _trained(trainer).parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    last = last_checkpoint(folder)
    with _faults(stage, config, last):
        trainer.train(resume_from_checkpoint=last)


def disconnect(trainer: SFTTrainer | GRPOTrainer) -> None:
    """Wait for all processes, then let go of one another.

    One that ends while another still saves aborts now and then, as it finds its peer's connection
    open.
    """
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


def save_adapter(
    trainer: SFTTrainer | GRPOTrainer, start: Start, done: StageRecord, folder: Path
) -> None:
    """Save the adapter with its history and a card."""
    model = _trained(trainer)
    model.peft_config["default"].base_model_name_or_path = start.base
    # Without the copy that TRL keeps as the reference of reinforcement; and without embeddings, for
    # whose size peft would look the base up on the hub.
    model.save_pretrained(str(folder), selected_adapters=["default"], save_embedding_layers=False)
    write_history(folder, start.history, done)
    card = _card(start.base, model.peft_config["default"], (*start.history, done))
    (folder / "README.md").write_text(card, "utf-8")


def _trained(trainer: SFTTrainer | GRPOTrainer) -> PeftModel:
    model = trainer.accelerator.unwrap_model(trainer.model)
    assert isinstance(model, PeftModel)
    return model


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
            f"{'' if config.lora.quantized else ', or set lora.quantized=true'}, then start the "
            "same command again"
        ) from error
    except RuntimeError as error:
        if last is None or "size mismatch" not in str(error):
            raise
        raise another_model(last) from error


def _card(base: str, lora: LoraConfig, history: Sequence[StageRecord]) -> str:
    rows = [
        f"| {done.stage} | `{done.command}` | {done.samples:,} | {done.seed} | {done.minutes:g} |"
        for done in history
    ]
    settings = f"rank {lora.r}, alpha {lora.lora_alpha}, dropout {lora.lora_dropout:g}"
    return "\n".join(
        [
            "# An adapter for reasoning chains about degraded pictures",
            "",
            f"LoRA for `{base}` ({settings}); vision encoder and merger are as they were.",
            "",
            "| stage | command | samples | seed | minutes |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
