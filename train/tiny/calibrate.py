"""Reward the text's decisions on photographs that the tower has not learned from.

    python -m train.tiny.calibrate --from runs/rewards --photos DIR -o runs/rl --steps 120

On the photographs that it was trained on, a tower is as sure as it is right; on others it is surer.
Text that has only read of the former believes every strong impression. So the last word about what
to name is learned on the validation photographs, and on training photographs turned, mirrored and
with their colors exchanged until they are strange to it; scenes go on beside them. The tower stays
frozen, and the validation photographs are no longer unseen afterwards.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from robust_r1.scenes import draw_size
from robust_r1.scenes.photographs import find_photographs, of_split
from train.common.command import main_of, parser_of
from train.common.history import history_of, record, write_history
from train.tiny.config import DecisionWeights, TrainingConfig
from train.tiny.data import Collator
from train.tiny.decisions import Decisions
from train.tiny.encoder import say_dtype
from train.tiny.optim import MuonAdamW, cosine
from train.tiny.pictures import Pictures, Shown
from train.tiny.stages import (
    SceneLoss,
    freeze_vision,
    load_checkpoint,
    save_checkpoint,
)

_SALT = 0xCA11
_FIRST_INDEX = 900_000_000
_SAVE_EVERY = 20  # steps
_LOG = "log.jsonl"


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Train the text for some steps and save the checkpoint in float32 and float16."""
    model, processor = load_checkpoint(arguments.start)
    say_dtype()
    freeze_vision(model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    photographs = find_photographs(arguments.photos)
    pixels = processor.image_processor.size["longest_edge"]
    known = Pictures(of_split(photographs, "train"), pixels, strange=1.0)
    unseen = Pictures(of_split(photographs, "validation"), pixels)
    weights = DecisionWeights(
        names=2.0, intensities=30.0, answers=0.0, false_alarm=arguments.false_alarm
    )
    collator = Collator(
        processor, "train", 0, arguments.batch, "chain",
        decisions=Decisions(processor.tokenizer, weights), emphasis=1.5,
    )  # fmt: skip
    score = SceneLoss(model, processor, config.compiled)
    text = model.model.language_model
    optimizer = MuonAdamW(text.named_parameters(), arguments.rate, 0.25 * arguments.rate)
    peaks = [group["lr"] for group in optimizer.param_groups]
    begun = time.time()
    for step in range(arguments.steps):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * cosine(step, arguments.steps, 0.1, floor=0.0)
        shown, drill = _batch(arguments.begin + step, arguments.batch, known, unseen)
        batch = collator.lay_out([one.item for one in shown], [one.picture for one in shown], drill)
        loss, accuracy = score(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(text.parameters(), 5.0)
        optimizer.step()
        row: dict[str, float] = {"step": step + 1, "seconds": round(time.time() - begun)}
        row |= {"loss": round(loss.item(), 4), "accuracy": round(accuracy, 4)}
        with (arguments.output / _LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if (step + 1) % _SAVE_EVERY == 0:
            save_checkpoint(model, processor, arguments.output, torch.float32)
    save_checkpoint(model, processor, arguments.output, torch.float32)
    save_checkpoint(model, processor, arguments.output / "half", torch.float16)
    samples = arguments.steps * arguments.batch
    done = record("decisions on new photographs", samples, config.seed, arguments.output / _LOG)
    write_history(arguments.output, history_of(arguments.start), done)


def _batch(step: int, count: int, known: Pictures, unseen: Pictures) -> tuple[list[Shown], bool]:
    """Draw a batch: two of unseen photographs, one of strange ones, one of scenes, by turns."""
    turn = step % 4
    if turn == 3:
        size = draw_size(np.random.default_rng([_SALT, step]))
        return known.scenes(_FIRST_INDEX + step * count, count, size), step % 8 == 7
    return (known if turn == 1 else unseen).photos(_FIRST_INDEX + step, count), False


if __name__ == "__main__":
    parser = parser_of("train.tiny.calibrate", __doc__, "cpu")
    parser.add_argument("--from", dest="start", required=True, type=Path, help="a checkpoint")
    parser.add_argument("--photos", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--begin", type=int, default=0, help="steps whose pictures were shown")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=7e-4)
    parser.add_argument("--false-alarm", type=float, default=20.0)
    main_of(parser, run, TrainingConfig)
