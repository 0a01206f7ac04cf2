"""Reinforce a full-size model's good chains by GRPO, with the paper's rewards.

    python -m train.grpo --config grpo-3b-qlora --from runs/3b-sft --data DATA -o runs/3b-rl

Each question is answered by a group of sampled chains; what a chain earns beyond its group's mean,
in units of the group's spread, is how much it is reinforced (paper, training). Rewards are those of
robust_r1.rewards: degradation, length, format, accuracy. Flags and DATA are those of train.sft,
whose run `--from` names; this stage learns from the samples that train.sft left out.

What learns is an adapter (LoRA, QLoRA) or with finetuning=full the language side's own weights, and
so is the run's folder an adapter or a checkpoint: `python app.py --model runs/3b-rl` loads either.
On several GPUs: `accelerate launch --config_file train/accelerate/gpus.yaml -m train.grpo ...`.
"""

import sys

if __name__ == "__main__" and "--dry-run" in sys.argv:
    # Before the trainers, which take longer to import than all else that a dry run does.
    from train.common.dry_run.command import main

    sys.exit(main("grpo", __doc__))

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import PartialState
from trl import GRPOConfig, GRPOTrainer

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
from train.common.completions import SampleLog
from train.common.course import Course, MeetsSamples, whole_course
from train.common.flags import adapter_parser
from train.common.going_on import go_on, recipe_of, write_start
from train.common.launch import HoldsWeights, is_spread
from train.common.logs import JsonLines
from train.common.rewards import objective_of, rewards_of
from train.common.rows import read_data, rollout_rows
from train.common.sampling import check_sampling, sampling_of
from train.common.saving import disconnect, save_run
from train.common.splits import part_of
from train.common.vision import freeze_vision, pictures_kept, share_vision


def run(arguments: argparse.Namespace, config: AdapterConfig) -> None:
    """Reinforce, going on where an interrupted run was, and save what was learned."""
    begin(config)
    check_sampling(config.grpo)
    # --- Data: before the model, because a broken line shows in a second
    every = read_data(arguments.data)
    records = part_of(every, "grpo", config.sft_share, config.split_seed)
    folder: Path = arguments.output
    course = course_of(len(records), config)
    recipe = recipe_of("grpo", config, records, weights_of(arguments.start))
    course = go_on(course, recipe, folder)
    # --- Model
    start = open_start(arguments.start, config)
    # --- Training
    folder.mkdir(parents=True, exist_ok=True)
    write_start(course, recipe, folder)
    trainer = make_trainer(start, records, arguments.data.parent, config, course, folder)
    train_on(trainer, "grpo", config, folder)
    # --- What was learned
    save_run(trainer, start, "rewards", len(records), folder)
    keep_best_whole(trainer, folder)
    disconnect(trainer)


class RewardTrainer(MeetsSamples, HoldsWeights, GRPOTrainer):
    """Run TRL's trainer on a course."""

    def __init__(self, course: Course, **options: Any) -> None:
        super().__init__(**options)
        self.course = course


def course_of(samples: int, config: AdapterConfig) -> Course:
    """Return the course of a whole run of this stage on so many samples, checked beforehand.

    Raises:
        InputError: fewer samples than a step takes, or a step that the processes cannot share.
    """
    return whole_course("grpo", samples, config, PartialState().num_processes)


def make_trainer(
    start: Start,
    records: Sequence[Record],
    pictures: Path,
    config: AdapterConfig,
    course: Course,
    folder: Path,
) -> GRPOTrainer:
    """Make TRL's trainer of rewards, with the paper's objective.

    The reference of its divergence is the adapter, or are the weights, as they were loaded.

    Args:
        start: policy and processor.
        records: samples with true chains.
        pictures: the folder that their pictures' paths begin at.
        config: settings.
        course: which of the samples are still to be met.
        folder: checkpoints, log.jsonl and samples.jsonl go there.
    """
    stage, state = config.grpo, PartialState()
    rewards, weights = rewards_of(stage.rewards, start.processor.tokenizer)
    freeze_vision(start.network, pictures_kept(course.per_step))
    if state.is_main_process:
        said = SampleLog(folder / "samples.jsonl", stage.sample_every, stage.group)
        rewards = said.watch(rewards)
    trainer = RewardTrainer(
        course,
        model=start.model,
        processing_class=start.processor,
        reward_funcs=list(rewards),
        train_dataset=rollout_rows(records, pictures, start.info.fit, course.order),
        args=arguments_of(config, course, folder, weights),
        callbacks=[JsonLines(folder / "log.jsonl", course)],
    )
    if trainer.ref_model is not None:
        share_vision(start.network, trainer.ref_model)
    return trainer


def arguments_of(
    config: AdapterConfig, course: Course, folder: Path, weights: list[float]
) -> GRPOConfig:
    """Return TRL's settings of the stage; `weights` are those of the rewards, in their order."""
    return GRPOConfig(
        **settings_of(config.grpo, config, course, folder),
        # In order, a resumed run goes on with what it had not seen.
        shuffle_dataset=False,
        # What is sampled, its reference and what is reinforced are one policy.
        disable_dropout=True,
        # TRL reads a reference of whole weights where the policy was, and would lay it out over
        # all GPUs by itself where FSDP is to.
        model_init_kwargs={"device_map": None} if is_spread() else None,
        **objective_of(config.grpo, weights),
        **sampling_of(config.grpo),
    )


if __name__ == "__main__":
    main_of(adapter_parser("train.grpo", __doc__), run, AdapterConfig, alone=False)
