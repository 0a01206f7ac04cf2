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
from train.common.course import Course, MeetsSamples, whole_course
from train.common.flags import adapter_parser
from train.common.going_on import go_on, recipe_of, write_start
from train.common.groups import GroupLog, TellsGroups
from train.common.launch import HoldsWeights, is_spread
from train.common.logs import JsonLines
from train.common.measured import Measured, MeasuresRewards, keep_best, rewarded_of
from train.common.rewards import Scoring, objective_of, rewards_of
from train.common.rows import read_data, rollout_rows
from train.common.samples_file import SamplesFile
from train.common.sampling import check_sampling, sampling_of
from train.common.saving import disconnect, save_run
from train.common.splits import part_of
from train.common.vision import freeze_vision, pictures_kept, share_vision
from train.common.watching import watch_rewards, watched_of


def run(arguments: argparse.Namespace, config: AdapterConfig) -> None:
    """Reinforce, going on where an interrupted run was, and save what was learned."""
    begin(config)
    check_sampling(config.grpo)
    # --- Data: before the model, because a broken line shows in a second
    every = read_data(arguments.data)
    records = part_of(every, "grpo", config.sft_share, config.split_seed)
    folder: Path = arguments.output
    measured = rewarded_of(every, arguments.data, config)
    course = course_of(len(records), config)
    recipe = recipe_of("grpo", config, records, weights_of(arguments.start))
    course = go_on(course, recipe, folder)
    # --- Model
    start = open_start(arguments.start, config)
    # --- Training
    folder.mkdir(parents=True, exist_ok=True)
    write_start(course, recipe, folder)
    trainer = make_trainer(
        start, records, arguments.data.parent, config, course, folder, measured
    )
    train_on(trainer, "grpo", config, folder)
    # --- What was learned
    save_run(trainer, start, "rewards", len(records), folder)
    if trainer.is_world_process_zero():
        keep_best(folder)
    keep_best_whole(trainer, folder)
    disconnect(trainer)


class RewardTrainer(MeetsSamples, MeasuresRewards, TellsGroups, HoldsWeights, GRPOTrainer):
    """Run TRL's trainer on a course, and tell what it learns from."""

    def __init__(self, course: Course, groups: GroupLog, **options: Any) -> None:
        super().__init__(**options)
        self.course, self.group_log = course, groups


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
    measured: Measured,
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
        measured: what checkpoints are measured on.
    """
    stage = config.grpo
    rewards, weights = rewards_of(stage.rewards, start.processor.tokenizer)
    freeze_vision(start.network, pictures_kept(course.per_step))
    file = SamplesFile(folder / "samples.jsonl")
    trainer = RewardTrainer(
        course,
        GroupLog(file, stage.sample_every, stage.group),
        model=start.model,
        processing_class=start.processor,
        reward_funcs=list(rewards),
        train_dataset=rollout_rows(records, pictures, start.info.fit, course.order),
        eval_dataset=measured.rollouts(start.info.fit),
        args=arguments_of(config, course, folder, weights, measured),
        callbacks=[JsonLines(folder / "log.jsonl", course), *measured.callbacks()],
    )
    if trainer.ref_model is not None:
        share_vision(start.network, trainer.ref_model)
    watched = watched_of(measured, records, pictures, start.info, config)
    watch_rewards(trainer, start.processor, watched, Scoring(rewards, weights), config, file)
    return trainer


def arguments_of(
    config: AdapterConfig,
    course: Course,
    folder: Path,
    weights: list[float],
    measured: Measured,
) -> GRPOConfig:
    """Return TRL's settings of the stage; `weights` are those of the rewards, in their order."""
    stage = config.grpo
    return GRPOConfig(
        **{**settings_of(stage, config, course, folder), **measured.settings(stage)},
        # In order, a resumed run goes on with what it had not seen.
        shuffle_dataset=False,
        # What is sampled, its reference and what is reinforced are one policy.
        disable_dropout=True,
        # TRL reads a reference of whole weights where the policy was, and would lay it out over
        # all GPUs by itself where FSDP is to.
        model_init_kwargs={"device_map": None} if is_spread() else None,
        **objective_of(stage, weights),
        **sampling_of(stage),
    )


if __name__ == "__main__":
    main_of(adapter_parser("train.grpo", __doc__), run, AdapterConfig, alone=False)
