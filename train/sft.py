"""Teach a full-size model the reasoning chain by next-token loss: LoRA, QLoRA or whole weights.

    python -m train.sft --config sft-3b-qlora --from qwen2.5-vl-3b --data DATA -o runs/3b-sft

DATA is a JSONL file with pictures and chains, in the project's format (train.make_data) or the
authors'. `--from` takes what `--model` takes elsewhere: a catalog name, a folder, a hub id, or an
adapter's folder, which is then trained on. This stage learns from a quarter of the samples, and
train.grpo from the others (paper, training); vision encoder and merger stay frozen.

The run's folder is an adapter, or with finetuning=full a checkpoint: `python app.py --model
runs/3b-sft` loads either. On several GPUs: `accelerate launch --config_file
train/accelerate/gpus.yaml -m train.sft ...`.
"""

import sys

if __name__ == "__main__" and "--dry-run" in sys.argv:
    # Before the trainers, which take longer to import than all else that a dry run does.
    from train.common.dry_run.command import main

    sys.exit(main("sft", __doc__))

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState
from trl import SFTConfig, SFTTrainer

from robust_r1.records import Record
from train.common.adapter_config import AdapterConfig
from train.common.adapters import (
    Start,
    begin,
    open_start,
    settings_of,
    train_on,
    weights_of,
)
from train.common.best import keep_best_whole
from train.common.command import main_of
from train.common.completions import CompletionLog, row_samples
from train.common.course import Course, MeetsSamples, whole_course
from train.common.flags import adapter_parser
from train.common.going_on import go_on, recipe_of, write_start
from train.common.launch import HoldsWeights, is_spread
from train.common.logs import JsonLines
from train.common.measured import Measured, keep_best, measured_of
from train.common.rows import chain_rows, read_data
from train.common.saving import disconnect, save_run
from train.common.splits import part_of
from train.common.vision import freeze_vision

_SHOWN_TOKENS = 256  # of a completion that is written down for people


def run(arguments: argparse.Namespace, config: AdapterConfig) -> None:
    """Train on chains, going on where an interrupted run was, and save what was learned."""
    begin(config)
    # --- Data: before the model, because a broken line shows in a second
    every = read_data(arguments.data)
    records = part_of(every, "sft", config.sft_share, config.split_seed)
    folder: Path = arguments.output
    measured = measured_of(every, arguments.data, arguments.validation, config)
    course = course_of(len(records), config)
    recipe = recipe_of("sft", config, records, weights_of(arguments.start))
    course = go_on(course, recipe, folder)
    # --- Model
    start = open_start(arguments.start, config)
    # --- Training
    folder.mkdir(parents=True, exist_ok=True)
    write_start(course, recipe, folder)
    trainer = make_trainer(
        start, records, arguments.data.parent, config, course, folder, measured
    )
    train_on(trainer, "sft", config, folder)
    # --- What was learned
    save_run(trainer, start, "chains", len(records), folder)
    if trainer.is_world_process_zero():
        keep_best(folder)
    keep_best_whole(trainer, folder)
    disconnect(trainer)


class ChainTrainer(MeetsSamples, HoldsWeights, SFTTrainer):
    """Run TRL's trainer on a course; each token of a step counts alike, in whichever pass it is."""

    def __init__(self, course: Course, **options: Any) -> None:
        super().__init__(**options)
        self.course = course
        # TRL's loss divides by the tokens of all passes on all devices where it is told them. It is
        # not for models whose own loss takes no such number, although that one is not used.
        self.model_accepts_loss_kwargs = True


def course_of(samples: int, config: AdapterConfig) -> Course:
    """Return the course of a whole run of this stage on so many samples, checked beforehand.

    Raises:
        InputError: fewer samples than a step takes, or a step that the processes cannot share.
    """
    return whole_course("sft", samples, config, PartialState().num_processes)


def make_trainer(
    start: Start,
    records: Sequence[Record],
    pictures: Path,
    config: AdapterConfig,
    course: Course,
    folder: Path,
    measured: Measured,
) -> SFTTrainer:
    """Make TRL's trainer of chains; the loss counts the chain alone.

    Args:
        start: model and processor.
        records: samples with chains.
        pictures: the folder that their pictures' paths begin at.
        config: settings.
        course: which of the samples are still to be met.
        folder: checkpoints, log.jsonl and samples.jsonl go there.
        measured: what the loss is measured on at each checkpoint.
    """
    freeze_vision(start.network, 0)  # a picture comes once in a pass over the data
    rows = chain_rows(records, pictures, start.info.fit, course.order)
    tokens = min(_SHOWN_TOKENS, config.grpo.max_tokens)
    shown = row_samples(chain_rows(records, pictures, start.info.fit))
    said = CompletionLog(
        folder / "samples.jsonl", shown, start.processor, start.model.generate, tokens
    )
    return ChainTrainer(
        course,
        model=start.model,
        processing_class=start.processor,
        train_dataset=rows,
        eval_dataset=measured.rows(start.info.fit),
        args=SFTConfig(
            **{**settings_of(config.sft, config, course, folder), **measured.settings(config)},
            # The samples were shuffled when they were divided; in order, a resumed run goes on with
            # what it had not seen, in any pass over the data.
            train_sampling_strategy="sequential",
            # TRL would cut image tokens at its default of 1024.
            max_length=None,
            completion_only_loss=True,
        ),
        callbacks=[
            JsonLines(folder / "log.jsonl", course),
            # Where weights lie spread, the first process could not answer alone.
            *([] if is_spread() else [said]),
            *measured.callbacks(),
        ],
    )


if __name__ == "__main__":
    main_of(adapter_parser("train.sft", __doc__), run, AdapterConfig, alone=False)
