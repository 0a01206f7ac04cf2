"""Train tiny-rl: reinforce good chains by GRPO, from the checkpoint of train.tiny.sft.

    python -m train.tiny.grpo --config cpu --from runs/sft -o runs/rl

Each scene is answered by a group of sampled chains; what a chain earns beyond its group's mean, in
units of the group's spread, is how much it is reinforced (paper, training). Rewards are those of
robust_r1.rewards: degradation, length, format, accuracy. Vision encoder and merger stay frozen.
Besides metrics, the run's folder gets sampled chains with their rewards in samples.jsonl.
"""

import argparse
import dataclasses
import functools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import Qwen2_5_VLForConditionalGeneration
from trl import GRPOConfig

from robust_r1.engine.processing import ImageTextProcessor
from train.common.checkpoints import step_of
from train.common.command import main_of, parser_of
from train.common.groups import GroupLog
from train.common.history import history_of, record, write_history
from train.common.logs import JsonLines
from train.common.rewards import objective_of, rewards_of
from train.common.rows import read_data, rollout_rows
from train.common.samples_file import SamplesFile
from train.tiny.config import DecisionWeights, GrpoConfig, TrainingConfig
from train.tiny.data import Collator, scene_indices
from train.tiny.decisions import Decisions
from train.tiny.encoder import Encoder, attends_fully, say_dtype
from train.tiny.grpo_trainer import SceneGRPOTrainer
from train.tiny.optim import MuonAdamW, cosine
from train.tiny.photos import add_photos, open_pictures
from train.tiny.pictures import Pictures
from train.tiny.rollouts import remember_pictures, rollout_dataset
from train.tiny.sampler import Sampler
from train.tiny.stages import (
    SceneLoss,
    freeze_vision,
    load_checkpoint,
    resume,
    save_checkpoint,
    with_samples,
)

# AdamW's share of the matrices' rate, as in the stages before (1e-3 of 4e-3).
_ADAM_SHARE = 0.25


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Reinforce and save the checkpoint in float32 and, for bundling, in float16."""
    # --- Model
    model, processor = load_checkpoint(arguments.start)
    say_dtype()
    freeze_vision(model)
    if attends_fully(model.model.visual):
        Encoder(model.model.visual).replace_forward()
    Sampler(model).replace_generate()
    remember_pictures(model.model.visual, 2 * config.grpo.batch)
    # --- Training
    arguments.output.mkdir(parents=True, exist_ok=True)
    pictures = open_pictures(arguments.photos, config, arguments.output, arguments.data)
    rows = None
    if arguments.data:
        records = read_data(arguments.data)
        stage = with_samples(config.grpo, len(records), arguments.data)
        config = dataclasses.replace(config, grpo=stage)
        rows = rollout_rows(records, arguments.data.parent)
    checkpoint = resume(model, arguments.output)
    seen = step_of(checkpoint) if checkpoint else 0
    trainer = make_trainer(model, processor, config, arguments.output, rows, seen, pictures)
    trainer.train(resume_from_checkpoint=checkpoint)
    # --- Checkpoint
    keep_share(model, arguments.start, config.grpo.share)
    save_checkpoint(model, processor, arguments.output, torch.float32)
    save_checkpoint(model, processor, arguments.output / "half", torch.float16)
    samples = config.grpo.samples + (0 if arguments.data else config.grpo.mixed)
    done = record("rewards", samples, config.seed, arguments.output / "log.jsonl")
    write_history(arguments.output, history_of(arguments.start), done)


def keep_share(model: torch.nn.Module, start: Path, share: float) -> None:
    """Move the trained weights back along the line to those of the checkpoint they started from.

    What rewards teach grows with the distance from the start, and the harm of their noise with its
    square: between the two ends lies a model that is better than either (interpolation towards the
    initialization, Rame et al. 2024, WARP).

    Args:
        model: trained; changed in place.
        start: the checkpoint that it was loaded from.
        share: in (0, 1]; 1 keeps all that was learned.
    """
    if share == 1:
        return
    first = dict(load_checkpoint(start)[0].named_parameters())
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.lerp_(first[name].to(weight), 1 - share)


def make_trainer(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: ImageTextProcessor,
    config: TrainingConfig,
    folder: Path,
    rows: Dataset | None = None,
    seen: int = 0,
    pictures: Pictures | None = None,
) -> SceneGRPOTrainer:
    """Make TRL's trainer: scenes, rewards, optimizer and logs of the reinforcement stage.

    Args:
        model: the policy, loaded from a checkpoint, which TRL loads again as the reference.
        processor: pads on the left, as generation needs it.
        folder: checkpoints, log.jsonl and samples.jsonl go there.
        rows: what to answer instead of drawn scenes.
        seen: steps that an interrupted run has done already.
        pictures: draws every other batch of true chains beside the completions from photographs.
    """
    stage = config.grpo
    logging.getLogger("transformers.trainer").setLevel(logging.ERROR)
    rewards, weights = rewards_of(stage.rewards, processor.tokenizer)
    file = SamplesFile(folder / "samples.jsonl")
    file.begin(seen, fixed=0)
    mix: Iterator[tuple[torch.Tensor, float]] = iter(())
    if rows is None and stage.mix:
        score = SceneLoss(model, processor, config.compiled)
        mix = map(score, mixed_batches(stage, config, processor, seen, pictures))
    if rows is None:
        count = stage.steps * stage.batch
        rows = rollout_dataset("train", stage.first_index, count, stage.captions, stage.clean)
    trainer = SceneGRPOTrainer(
        model=model,
        groups=GroupLog(file, stage.sample_every, stage.group),
        reward_funcs=rewards,
        args=_arguments(stage, config, weights, folder),
        train_dataset=rows,
        processing_class=processor,
        optimizers=_optimizers(model, stage),
        callbacks=[JsonLines(folder / "log.jsonl")],
        decisions=decisions_for(stage, processor.tokenizer),
        mix=mix,
        mix_weight=stage.mix_weight,
    )
    if trainer.ref_model is not None:
        # The same frozen weights: one encoder sees for both.
        reference = trainer.accelerator.unwrap_model(trainer.ref_model)
        reference.model.visual = model.model.visual
    return trainer


def _optimizers(model: torch.nn.Module, stage: GrpoConfig) -> tuple[MuonAdamW, LambdaLR]:
    optimizer = MuonAdamW(model.named_parameters(), stage.rate, stage.rate * _ADAM_SHARE)
    schedule = functools.partial(cosine, steps=stage.steps, warmup_share=stage.warmup_share)
    return optimizer, LambdaLR(optimizer, schedule)


def decisions_for(stage: GrpoConfig, tokenizer: Any) -> Decisions | None:
    """Find what `stage` weighs, each kind as its reward does; None where nothing counts."""
    weights = DecisionWeights(
        names=stage.decisions.names * stage.rewards.degradation,
        intensities=stage.decisions.intensities * stage.rewards.degradation,
        answers=stage.decisions.answers * stage.rewards.accuracy,
        false_alarm=stage.decisions.false_alarm,
    )
    if not weights.names and not weights.intensities and not weights.answers:
        return None
    return Decisions(tokenizer, weights)


def mixed_batches(
    stage: GrpoConfig,
    config: TrainingConfig,
    processor: ImageTextProcessor,
    seen: int = 0,
    pictures: Pictures | None = None,
) -> DataLoader:
    """Draw the true chains that are learned beside completions, a batch for each forward pass.

    Args:
        seen: steps whose batches are left out.
        pictures: draws every other batch from photographs.
    """
    # The loss on their tokens says all about answers that a decision could.
    weights = dataclasses.replace(stage.decisions, answers=0.0)
    decisions = decisions_for(dataclasses.replace(stage, decisions=weights), processor.tokenizer)
    collator = Collator(
        processor, "train", stage.mix_index, stage.mix, "chain",
        stage.captions, stage.drills, stage.clean, decisions, stage.mix_answers, pictures,
    )  # fmt: skip
    first = seen * stage.accumulate * stage.mix
    return DataLoader(
        scene_indices(stage.mix_index + first, stage.mixed - first),
        batch_size=stage.mix,
        collate_fn=collator,
        num_workers=config.workers,
    )


def _arguments(
    stage: GrpoConfig, config: TrainingConfig, weights: list[float], folder: Path
) -> GRPOConfig:
    return GRPOConfig(
        output_dir=str(folder),
        **objective_of(stage, weights),
        # --- Steps: one generation for each
        per_device_train_batch_size=stage.batch * stage.group // stage.accumulate,
        gradient_accumulation_steps=stage.accumulate,
        max_steps=stage.steps,
        # Scenes are independent draws already; in order, a resumed run sees what it had not seen.
        shuffle_dataset=False,
        seed=config.seed,
        # --- Files
        save_steps=stage.save_every,
        save_total_limit=1,
        logging_steps=stage.log_every,
        report_to="tensorboard",
        # --- Machine
        activation_checkpointing=False,
        dataloader_num_workers=config.workers,
        bf16=False,
        fp16=False,
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
    )


if __name__ == "__main__":
    parser = parser_of("train.tiny.grpo", __doc__, "cpu")
    parser.add_argument(
        "--from", dest="start", required=True, type=Path, help="run of train.tiny.sft"
    )
    add_photos(parser)
    parser.add_argument("--data", type=Path, help="train on this JSONL file instead of scenes")
    main_of(parser, run, TrainingConfig)
