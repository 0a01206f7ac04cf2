"""What chains are measured on while a model learns them, and what the best checkpoint is by."""

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
from robust_r1.records import Record
from train.common.adapter_config import AdapterConfig
from train.common.history import FILE as HISTORY
from train.common.rows import Fit, chain_rows, read_data
from train.common.splits import validation_of

BEST = "best"


@dataclass(frozen=True)
class Measured:
    """Hold samples whose loss is measured at each checkpoint, and the folder of their pictures."""

    records: Sequence[Record] = ()
    pictures: Path = Path()

    def rows(self, fit: Fit) -> Dataset | None:
        """Return the samples as rows; None where there are none."""
        return chain_rows(self.records, self.pictures, fit) if self.records else None

    def settings(self, config: AdapterConfig) -> dict[str, Any]:
        """Return TRL's settings for it: the best and the last checkpoint are kept."""
        if not self.records:
            return {}
        return {
            "eval_strategy": "steps",
            "eval_steps": config.sft.save_every,
            "per_device_eval_batch_size": config.sft.batch,
            "metric_for_best_model": "eval_loss",
            "greater_is_better": False,
            "save_total_limit": 2,
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


def keep_best(folder: Path) -> None:
    """Keep the checkpoint of the lowest loss as an adapter of its own, where it is not the last.

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
    """Have the loss measured at the last step, which is saved whatever its number."""

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
