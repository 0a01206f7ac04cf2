"""What a model is measured on while it learns, and what the best checkpoint is by.

The samples held out: of chains their loss, of rewards what greedy completions for them earn.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from robust_r1.engine.adapter import CONFIG, WEIGHTS
from robust_r1.metrics import mean
from robust_r1.records import Record
from train.common.adapter_config import AdapterConfig, AdapterRewards, AdapterStage
from train.common.answering import Answering, Asked
from train.common.findings import finding_figures, matching_of
from train.common.history import FILE as HISTORY
from train.common.logs import log_figures
from train.common.rewards import Scoring
from train.common.rows import Fit, chain_rows, read_data, rollout_rows
from train.common.splits import validation_of

BEST = "best"


@dataclass(frozen=True)
class Measured:
    """Hold samples that a model is measured on at each checkpoint, and their pictures' folder."""

    records: Sequence[Record] = ()
    pictures: Path = Path()

    def rows(self, fit: Fit) -> Dataset | None:
        """Return the samples as rows; None where there are none."""
        return chain_rows(self.records, self.pictures, fit) if self.records else None

    def rollouts(self, fit: Fit) -> Dataset | None:
        """Return the samples as rows for rewards; None where there are none."""
        return rollout_rows(self.records, self.pictures, fit) if self.records else None

    def settings(self, stage: AdapterStage) -> dict[str, Any]:
        """Return TRL's settings for it: the best and the last checkpoint are kept."""
        if not self.records:
            return {}
        rewards = isinstance(stage, AdapterRewards)
        return {
            "eval_strategy": "steps",
            "eval_steps": stage.save_every,
            "per_device_eval_batch_size": stage.batch,
            "metric_for_best_model": "eval_reward" if rewards else "eval_loss",
            "greater_is_better": rewards,
            "save_total_limit": 2,
            **({"num_generations_eval": 1} if rewards else {}),
        }

    def callbacks(self) -> list[TrainerCallback]:
        """Return what has the last step measured too, and weights in 4 bits left as they are."""
        return [_MeasureAtEnd(), _LeaveUnpacked()] if self.records else []


def measured_of(
    records: Sequence[Record], data: Path, validation: Path | None, config: AdapterConfig
) -> Measured:
    """Return what chains are measured on.

    Args:
        records: all of the data file; those marked for validation are taken.
        data: the file.
        validation: a file of its own instead, all of it; None for none.
        config: says how many samples at most, and which.

    Raises:
        DataError: a file that cannot be used.
    """
    if validation is not None:
        return Measured(read_data(validation)[: config.validation], validation.parent)
    return Measured(validation_of(records, config.validation, config.split_seed), data.parent)


def rewarded_of(records: Sequence[Record], data: Path, config: AdapterConfig) -> Measured:
    """Return what rewards are measured on: of a data file's samples those held out."""
    return Measured(validation_of(records, config.rewarded, config.split_seed), data.parent)


class HeldOut:
    """Measure what greedy completions for samples held out earn.

    Args:
        asked: the samples.
        answering: has the model answer.
        scoring: the rewards.
    """

    def __init__(self, asked: Sequence[Asked], answering: Answering, scoring: Scoring) -> None:
        self._asked, self._answering, self._scoring = asked, answering, scoring

    def measure(self) -> dict[str, float]:
        """Return the figures, under the names that the log has; all processes call it."""
        said = self._answering.greedy(self._asked)
        columns: dict[str, list[Any]] = {
            "solution": [one.solution for one in self._asked],
            "choices": [list(one.choices) for one in self._asked],
        }
        texts, ids = [one.text for one in said], [one.ids for one in said]
        parts = self._scoring.parts(texts, ids, columns)
        means: dict[str, float | None] = {
            "eval_reward": mean(map(self._scoring.total, parts)),
            **{f"eval_rewards/{name}/mean": mean(p[name] for p in parts) for name in parts[0]},
        }
        found = map(matching_of, texts, columns["solution"])
        return {
            **{name: value for name, value in means.items() if value is not None},
            "eval_samples": float(len(said)),
            **finding_figures(found, "eval_findings"),
        }


class MeasuresRewards:
    """Let TRL's trainer of rewards measure by `HeldOut`: mixed in before the trainer's class.

    Its own way would sample, and compute the loss of what it sampled.
    """

    held_out: HeldOut

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        """Measure, log, and return the figures."""
        trainer: Any = self
        figures = self.held_out.measure()
        log_figures(trainer, dict(figures))
        trainer.control = trainer.callback_handler.on_evaluate(
            trainer.args, trainer.state, trainer.control, figures
        )
        return figures


def keep_best(folder: Path) -> None:
    """Keep the best checkpoint as an adapter of its own, where it is not the last.

    Args:
        folder: of a run that has ended, with its adapter.
    """
    shutil.rmtree(folder / BEST, ignore_errors=True)
    states = sorted(folder.glob(f"checkpoint-*/{TRAINER_STATE_NAME}"), key=_step)
    named = _state(states[-1]).get("best_model_checkpoint") if states else None
    # By its name: the folder may have been moved since.
    best = folder / Path(named).name if named else None
    if best is None or best == states[-1].parent or not (best / WEIGHTS).is_file():
        return
    (folder / BEST).mkdir()
    shutil.copy(best / WEIGHTS, folder / BEST / WEIGHTS)
    for name in (CONFIG, HISTORY):
        shutil.copy(folder / name, folder / BEST / name)


def _state(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def _step(file: Path) -> int:
    return int(_state(file)["global_step"])


class _MeasureAtEnd(TrainerCallback):
    """Have it measured at the last step, which is saved whatever its number."""

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Ask for it."""
        control.should_evaluate |= state.global_step >= state.max_steps


class _LeaveUnpacked(TrainerCallback):
    """Have weights in 4 bits measured as they are trained through.

    On a CPU with instructions for them bitsandbytes packs the weights of a model that is measured
    another way, which is faster for answers; there is no gradient through them any more.
    """

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Say so to each layer."""
        for part in model.modules():
            if hasattr(part, "support_avx512bf16_for_cpu"):
                part.support_avx512bf16_for_cpu = False
