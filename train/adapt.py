"""Adapt a full-size model by LoRA or QLoRA: chains by next-token loss, then rewards by GRPO.

    python -m train.adapt sft --config 3b-qlora --from qwen2.5-vl-3b --data DATA -o runs/3b-sft
    python -m train.adapt grpo --config 3b-qlora --from runs/3b-sft --data DATA -o runs/3b-rl

DATA is a JSONL file with pictures and chains, in the project's format (train.make_data) or the
authors'. `--from` takes what `--model` takes elsewhere: a catalog name, a folder, a hub id, or an
adapter's folder, which is then trained on. The first stage learns from a quarter of the samples,
the second one from the others (paper, training); vision encoder and merger stay frozen.

The run's folder is an adapter: `python app.py --model runs/3b-rl` loads it onto its base. On
several GPUs: `accelerate launch --config_file train/accelerate/gpus.yaml -m train.adapt ...`.
"""

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import ProcessorMixin
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from robust_r1.engine import catalog
from robust_r1.engine.loading import open_checkpoint, open_processor
from robust_r1.engine.weights import half_precision, load_model
from robust_r1.errors import InputError, ModelError
from robust_r1.records import Record
from train.common.completions import CompletionLog, row_samples
from train.common.config import AdaptConfig, AdaptStage
from train.common.history import StageRecord, history_of, record, write_history
from train.common.rows import chain_rows, read_data, rollout_rows
from train.tiny.rollouts import SampleLog, objective_of, rewards_of
from train.tiny.stages import JsonLines, another_model, last_checkpoint, main_of, parser_of

STAGES = ("sft", "grpo")
# Projections of the language model's layers; those of the vision tower have other parents.
_TARGETS = (
    r".*language_model\.(?:.*\.)?layers\.\d+\.(?:self_attn|mlp)\."
    r"(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
)
_SPLIT_SALT = 0x5F17
_LOOK_TOKENS = 256  # of a completion that is written down for people


@dataclass(frozen=True)
class Start:
    """Hold what a stage begins with.

    Attributes:
        model: with the adapter that is to be trained; everything else in it is frozen.
        processor: pads on the left, as generation needs it.
        base: name of the model below the adapter, for whoever loads it.
        history: of the adapter, the stages before this one.
    """

    model: PeftModel
    processor: ProcessorMixin
    base: str
    history: tuple[StageRecord, ...]


def run(arguments: argparse.Namespace, config: AdaptConfig) -> None:
    """Train one stage, going on where an interrupted run was, and save the adapter."""
    logging.getLogger("transformers.trainer").setLevel(logging.ERROR)
    # Before any weights: it tells each process which GPU is its own.
    state = PartialState(cpu=not torch.cuda.is_available())
    records = part_of(read_data(arguments.data), arguments.stage, config)
    torch.manual_seed(config.seed)  # of the first weights of a new adapter
    start = open_start(arguments.start, config)
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    # --- Training
    make = sft_trainer if arguments.stage == "sft" else grpo_trainer
    trainer = make(start, records, arguments.data.parent, config, folder)
    # TRL rounds adapters of quantized weights to bf16, where a step as small as those of
    # reinforcement is lost; and peft would resume them in float32.
    for weight in trainer.model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    last = last_checkpoint(folder)
    with _faults(arguments.stage, config, last):
        trainer.train(resume_from_checkpoint=last)
    # --- Adapter
    if not state.is_main_process:
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    model.peft_config["default"].base_model_name_or_path = start.base
    # Without the copy that TRL keeps as the reference of reinforcement.
    model.save_pretrained(folder, selected_adapters=["default"])
    stage = {"sft": "chains", "grpo": "rewards"}[arguments.stage]
    done = record(stage, len(records), config.seed, folder / "log.jsonl")
    write_history(folder, start.history, done)
    card = _card(start.base, model.peft_config["default"], (*start.history, done))
    (folder / "README.md").write_text(card, "utf-8")


def part_of(records: Sequence[Record], stage: str, config: AdaptConfig) -> list[Record]:
    """Return the samples that a stage learns from, shuffled: no sample serves both.

    Raises:
        InputError: too few samples for both stages.
    """
    order = np.random.default_rng([_SPLIT_SALT, config.seed]).permutation(len(records))
    first = round(config.sft_share * len(records))
    if not 0 < first < len(records):
        raise InputError(
            f"{len(records)} samples are too few for both stages with sft_share "
            f"{config.sft_share}; make more with train.make_data"
        )
    return [records[index] for index in (order[:first] if stage == "sft" else order[first:])]


def open_start(name: str, config: AdaptConfig) -> Start:
    """Load a model with the adapter that is to be trained: a new one, or that of a folder.

    Raises:
        ModelError: no such model, too little memory, or a model without a language model whose
            projections could be adapted.
    """
    tell = _tell if sys.stderr.isatty() and PartialState().is_main_process else _be_silent
    info, checkpoint, adapter = open_checkpoint(catalog.find(name), tell)
    cuda = torch.cuda.is_available()
    half = half_precision() if cuda else "fp32"
    precision = "4bit" if config.lora.quantized else half
    # By its number: accelerate takes a quantized model on "cuda" for one on another GPU.
    device = torch.cuda.current_device() if cuda else "cpu"
    model = load_model(checkpoint, precision, None, None, tell, device)
    processor = open_processor(checkpoint)
    if adapter is not None:
        adapted = PeftModel.from_pretrained(model, str(adapter.folder), is_trainable=True)
        return Start(adapted, processor, adapter.base, history_of(adapter.folder))
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
            "Qwen2.5-VL model"
        ) from error
    base = str(Path(name).resolve()) if Path(name).is_dir() else name
    return Start(adapted, processor, base, ())


def sft_trainer(
    start: Start, records: Sequence[Record], pictures: Path, config: AdaptConfig, folder: Path
) -> SFTTrainer:
    """Make TRL's trainer of chains; the loss counts the chain alone.

    Args:
        start: model and processor.
        records: samples with chains.
        pictures: the folder that their pictures' paths begin at.
        config: settings.
        folder: checkpoints, log.jsonl and samples.jsonl go there.
    """
    rows = chain_rows(records, pictures, config.max_pixels)
    tokens = min(_LOOK_TOKENS, config.grpo.max_tokens)
    said = CompletionLog(
        folder / "samples.jsonl", row_samples(rows), start.processor, start.model.generate, tokens
    )
    return SFTTrainer(
        model=start.model,
        processing_class=start.processor,
        train_dataset=rows,
        args=SFTConfig(
            **_shared(config.sft, config, folder),
            # The samples were shuffled when they were divided; in order, a resumed run goes on with
            # what it had not seen, in any pass over the data.
            train_sampling_strategy="sequential",
            # TRL would cut image tokens at its default of 1024.
            max_length=None,
            completion_only_loss=True,
        ),
        callbacks=[JsonLines(folder / "log.jsonl"), said],
    )


def grpo_trainer(
    start: Start, records: Sequence[Record], pictures: Path, config: AdaptConfig, folder: Path
) -> GRPOTrainer:
    """Make TRL's trainer of rewards, with the paper's objective; see `sft_trainer`.

    The reference of its divergence is the adapter as it was loaded.

    Raises:
        InputError: a step's completions cannot be divided into groups.
    """
    stage = config.grpo
    rewards, weights = rewards_of(stage.rewards, start.processor.tokenizer)
    state = PartialState()
    if (completions := stage.batch * stage.accumulate * state.num_processes) % stage.group:
        raise InputError(
            f"a step's {completions} completions (grpo.batch x grpo.accumulate x processes) cannot "
            f"be divided into groups of {stage.group}; change one of them"
        )
    samples = SampleLog(folder / "samples.jsonl", stage.sample_every, stage.group)
    return GRPOTrainer(
        model=start.model,
        processing_class=start.processor,
        reward_funcs=samples.watch(rewards) if state.is_main_process else rewards,
        train_dataset=rollout_rows(records, pictures, config.max_pixels),
        args=GRPOConfig(
            **_shared(stage, config, folder),
            shuffle_dataset=False,
            **objective_of(stage, weights),
        ),
        callbacks=[JsonLines(folder / "log.jsonl")],
    )


def _tell(share: float, words: str) -> None:
    print(f"\r{words:60}", end="\n" if share >= 0.8 else "", file=sys.stderr, flush=True)


def _be_silent(share: float, words: str) -> None:
    """Report nothing."""


def _shared(stage: AdaptStage, config: AdaptConfig, folder: Path) -> dict:
    cuda = torch.cuda.is_available()
    half = half_precision() if cuda else ""
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": stage.batch,
        "gradient_accumulation_steps": stage.accumulate,
        "num_train_epochs": stage.epochs,
        "learning_rate": stage.rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": stage.warmup_share,  # below 1 it is a share
        "seed": config.seed,
        "save_steps": stage.save_every,
        "save_total_limit": 1,
        "logging_steps": stage.log_every,
        "report_to": "tensorboard",
        "remove_unused_columns": False,
        "gradient_checkpointing": config.checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "ddp_find_unused_parameters": False,
        "dataloader_num_workers": config.workers,
        "bf16": half == "bf16",
        "fp16": half == "fp16",
        "use_cpu": not cuda,
        "disable_tqdm": True,
    }


@contextlib.contextmanager
def _faults(stage: str, config: AdaptConfig, last: str | None) -> Iterator[None]:
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


def main() -> None:
    """Run the command line."""
    parser = parser_of(__doc__.splitlines()[0])
    parser.add_argument("stage", choices=STAGES, help="chains by next-token loss, then rewards")
    parser.add_argument("--from", dest="start", required=True, help="model or adapter to train")
    parser.add_argument("--data", required=True, type=Path, help="JSONL file of chains")
    parser.set_defaults(config="3b-qlora")
    main_of(parser, run, AdaptConfig, alone=False)


if __name__ == "__main__":
    main()
