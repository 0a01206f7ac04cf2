"""Train by FSDP2 under accelerate's launcher, and tell what each process held of the weights.

    accelerate launch ... -m tests.support.spread_training FOLDER BASE DATA CHANGE...

One start of the processes does for all: chains, interrupted and gone on with, then rewards.
"""

import contextlib
import json
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch.distributed.tensor import DTensor

from tests.support.training import small, stop_at_first_checkpoint
from train import grpo, sft
from train.common.best import keep_best_whole


def held(model: torch.nn.Module) -> dict[str, float]:
    """Return what share of a model's weights lies here, and of how many parts all the others do."""
    weights = list(model.parameters())
    spread = [weight for weight in weights if isinstance(weight, DTensor)]
    here = sum(weight.to_local().numel() for weight in spread)
    return {
        "spread": len(spread),
        "weights": len(weights),
        "here": here / sum(weight.numel() for weight in weights),
    }


def run(stage: Any, folder: Path, start: Path, data: Path, changes: list[str]) -> Any:
    """Run a stage, all but its parting, and return its trainer."""
    made = []
    make = stage.make_trainer

    def make_uneven(*arguments: Any) -> Any:
        trainer = make(*arguments)
        made.append(trainer)
        if stage is grpo:  # the first process is done before the second one
            trainer.generation_config.max_new_tokens = 4 + 8 * trainer.accelerator.process_index
        return trainer

    stage.make_trainer = make_uneven
    stage.disconnect = lambda trainer: trainer.accelerator.wait_for_everyone()
    try:
        given = Namespace(start=str(start), data=data, output=folder, validation=None)
        stage.run(given, small(*changes))
    finally:
        stage.make_trainer = make
    return made[0]


def keep_last_as_best(trainer: Any, folder: Path) -> None:
    """Keep a copy of the last checkpoint as a model, as one that an earlier step left is kept."""
    if trainer.is_world_process_zero():
        shutil.copytree(folder / "checkpoint-4", folder / "checkpoint-1")
    trainer.accelerator.wait_for_everyone()
    trainer.state.best_model_checkpoint = str(folder / "checkpoint-1")
    keep_best_whole(trainer, folder)


class _Patch:
    """Set attributes, as pytest's monkeypatch does."""

    @staticmethod
    def setattr(owner: Any, name: str, value: Any) -> None:
        setattr(owner, name, value)


def main() -> None:
    """Train, and write what this process held to FOLDER/held-RANK.json."""
    folder, base, data = map(Path, sys.argv[1:4])
    changes = sys.argv[4:]
    torch.set_num_threads(1)
    make = sft.make_trainer
    stop_at_first_checkpoint(sft, _Patch)
    with contextlib.suppress(KeyboardInterrupt):
        run(sft, folder / "sft", base, data, changes)
    sft.make_trainer = make
    taught = run(sft, folder / "sft", base, data, changes)
    keep_last_as_best(taught, folder / "sft")
    rewarded = run(grpo, folder / "rl", folder / "sft", data, changes)
    told = {
        "sft": held(taught.model),
        "policy": held(rewarded.model),
        "reference": held(rewarded.ref_model),
    }
    rank = PartialState().process_index
    (folder / f"held-{rank}.json").write_text(json.dumps(told))
    PartialState().destroy_process_group()


if __name__ == "__main__":
    main()
