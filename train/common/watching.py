"""What a full-size run is asked on its way: fixed prompts, samples held out, MiniBench."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import ProcessorMixin

from robust_r1.engine.types import ModelInfo
from robust_r1.records import Record
from train.common.adapter_config import AdapterConfig
from train.common.answering import Answering, Asked, asked_of
from train.common.completions import FixedPrompts
from train.common.measured import HeldOut, Measured
from train.common.minibench import MiniBench
from train.common.rewards import Scoring, rewards_of
from train.common.samples_file import SamplesFile

_SHOWN_TOKENS = 256  # of a completion of learned chains that is written down for people


@dataclass(frozen=True)
class Watched:
    """Say what a run is asked.

    Attributes:
        fixed: prompts that are followed through the run.
        held_out: what the checkpoints are measured on.
        info: what is known of the model.
    """

    fixed: Sequence[Asked]
    held_out: Sequence[Asked]
    info: ModelInfo


def watched_of(
    measured: Measured,
    records: Sequence[Record],
    pictures: Path,
    info: ModelInfo,
    config: AdapterConfig,
) -> Watched:
    """Return what a run is asked: of samples held out, and where there are none of its own.

    Args:
        measured: what is held out.
        records: what the run learns from.
        pictures: the folder that their pictures' paths begin at.
        info: what is known of the model.
        config: says how many.
    """
    held_out = asked_of(measured.records, measured.pictures, info.fit, "validation")
    own = asked_of(records[: config.watched], pictures, info.fit, "train")
    return Watched((held_out or own)[: config.watched], held_out, info)


def watch_chains(
    trainer: Any, processor: ProcessorMixin, watched: Watched, config: AdapterConfig, folder: Path
) -> None:
    """Have a trainer of chains answer on its way; arguments are those of `watch_rewards`."""
    most = config.grpo.max_tokens
    scoring = Scoring(*rewards_of(config.grpo.rewards, processor.tokenizer))
    shown = Answering(trainer, processor, config.sft.batch, min(_SHOWN_TOKENS, most))
    file = SamplesFile(folder / "samples.jsonl")
    trainer.add_callback(FixedPrompts(file, watched.fixed, shown, scoring))
    whole = Answering(trainer, processor, config.sft.batch, most)
    _add_minibench(trainer, whole, watched.info, config)


def watch_rewards(
    trainer: Any,
    processor: ProcessorMixin,
    watched: Watched,
    scoring: Scoring,
    config: AdapterConfig,
    file: SamplesFile,
) -> None:
    """Have a trainer of rewards answer on its way, and measure by `HeldOut`.

    Args:
        trainer: a `MeasuresRewards`.
        processor: of its model.
        watched: what it is asked.
        scoring: the rewards.
        config: settings.
        file: samples.jsonl.
    """
    stage = config.grpo
    answering = Answering(trainer, processor, stage.batch, stage.max_tokens, stage.temperature)
    fixed = FixedPrompts(file, watched.fixed, answering, scoring, stage.group, config.seed)
    trainer.add_callback(fixed)
    trainer.held_out = HeldOut(watched.held_out, answering, scoring)
    _add_minibench(trainer, answering, watched.info, config)


def _add_minibench(
    trainer: Any, answering: Answering, info: ModelInfo, config: AdapterConfig
) -> None:
    if config.minibench_every:
        every, items = config.minibench_every, config.minibench_items
        trainer.add_callback(MiniBench(trainer, answering, info, every, items))
