"""Train the text alone, by the clock, on pictures that the tower has read once.

    python -m train.tiny.reread --from runs/rewards --photos DIR -o runs/rl --minutes 45

For two cores: a frozen tower says the same of a picture each time, so some thousand scenes and
crops of photographs are read first and kept as tokens, and from then on each step asks new
questions about them. Half of the steps are drills (many questions about what one chain lists); of
the chains half have their decisions rewarded, as in `train.tiny.grpo` beside its completions.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from robust_r1.scenes import Item, Question, questions_for
from robust_r1.scenes.photographs import find_photographs, of_split
from train.common.command import main_of, parser_of
from train.common.history import history_of, record, write_history
from train.tiny.config import DecisionWeights, TrainingConfig
from train.tiny.data import Collator
from train.tiny.decisions import Decisions, decisions_of, expected_values
from train.tiny.decoder import IGNORED, Decoder
from train.tiny.encoder import Encoder, patches_of, say_dtype
from train.tiny.optim import MuonAdamW, cosine
from train.tiny.pictures import Pictures, Shown
from train.tiny.stages import freeze_vision, load_checkpoint, save_checkpoint

_SALT = 0x9E4D
_FIRST_INDEX = 950_000_000
_SIZE = (192, 192)  # of scenes
_BATCH = 64
_SAVE_EVERY = 300  # seconds
_LOG = "log.jsonl"
_CHOICES = 0.6  # share of the questions about scenes that are multiple choice


@dataclass(frozen=True)
class Read:
    """Keep a batch of pictures of one size as tokens.

    Attributes:
        items: what is known of each, under its plan.
        size: (height, width) of the pictures.
        tokens: float16, batch x tokens x width.
    """

    items: tuple[Item, ...]
    size: tuple[int, int]
    tokens: torch.Tensor


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Read the pictures, train for some minutes, save in float32 and float16."""
    model, processor = load_checkpoint(arguments.start)
    say_dtype()
    freeze_vision(model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    lessons = Lessons(model, processor, arguments)
    decoder = Decoder(model, config.compiled)
    text = model.model.language_model
    optimizer = MuonAdamW(text.named_parameters(), arguments.rate, 0.25 * arguments.rate)
    peaks = [group["lr"] for group in optimizer.param_groups]
    begun = saved = time.time()
    step = 0
    while (share := (time.time() - begun) / (60 * arguments.minutes)) < 1:
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * cosine(int(1e4 * share), 10_000, 0.03, floor=0.0)
        loss, right = _loss(decoder, *lessons(step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(text.parameters(), 5.0)
        optimizer.step()
        step += 1
        row: dict[str, float] = {"step": step, "turn": (step - 1) % 4}
        row |= {"seconds": round(time.time() - begun)}
        row |= {"loss": round(loss.item(), 4), "accuracy": round(right, 4)}
        with (arguments.output / _LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if time.time() - saved > _SAVE_EVERY:
            saved = time.time()
            save_checkpoint(model, processor, arguments.output, torch.float32)
    save_checkpoint(model, processor, arguments.output, torch.float32)
    save_checkpoint(model, processor, arguments.output / "half", torch.float16)
    done = record("text on pictures read once", step * _BATCH, config.seed, arguments.output / _LOG)
    write_history(arguments.output, history_of(arguments.start), done)


class Lessons:
    """Read pictures once, and ask about them anew at each step.

    Args:
        model: whose tower reads them.
        processor: of the model.
        arguments: of the command line.
    """

    def __init__(self, model: Any, processor: Any, arguments: argparse.Namespace) -> None:
        begun = time.time()
        self._encoder, self._processor = Encoder(model.model.visual), processor.image_processor
        pixels = self._processor.size["longest_edge"]
        photographs = of_split(find_photographs(arguments.photos), "train")
        pictures = Pictures(photographs, pixels, strange=0.7)
        self.scenes = [
            self._read(pictures.scenes(_FIRST_INDEX + place * _BATCH, _BATCH, _SIZE))
            for place in range(arguments.scenes)
        ]
        self.photos = [
            self._read(pictures.photos(_FIRST_INDEX + place, _BATCH))
            for place in range(arguments.crops)
        ]
        count = _BATCH * (len(self.scenes) + len(self.photos))
        print(f"read {count} pictures in {time.time() - begun:.0f} s")
        weights = DecisionWeights(2.0, 30.0, 0.0, arguments.false_alarm)
        decisions = Decisions(processor.tokenizer, weights)
        self._plain = Collator(processor, "train", 0, _BATCH, "chain")
        self._rewarded = Collator(
            processor, "train", 0, _BATCH, "chain", decisions=decisions, emphasis=1.5
        )

    def _read(self, shown: list[Shown]) -> Read:
        images = torch.from_numpy(np.stack([one.picture for one in shown]))
        patches = patches_of(images, self._processor)
        height, width = images.shape[1:3]
        side = self._processor.patch_size
        with torch.no_grad():
            tokens = self._encoder(patches, height // side, width // side).half()
        return Read(tuple(one.item for one in shown), (height, width), tokens)

    def __call__(self, step: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Lay out a step's batch; return it and the pictures' tokens.

        By turns a drill, chains about scenes, a drill, chains about photographs.
        """
        rng = np.random.default_rng([_SALT, step])
        turn, again = step % 4, step // (2 * len(self.scenes))
        if turn == 3:
            known, collator = self.photos[(step // 4) % len(self.photos)], self._rewarded
        else:
            known = self.scenes[int(rng.integers(len(self.scenes)))]
            collator = self._rewarded if turn == 1 and (step // 4) % 2 else self._plain
        drill = turn in (0, 2)
        rows = slice(0, None, 2) if drill else slice(None)
        items = list(known.items[rows])
        if turn == 1:
            items = [item.ask(_question(item, rng)) for item in items]
        blank = np.zeros((*known.size, 3), np.uint8)
        batch = collator.lay_out(items, [blank] * len(items), drill, again + 1)
        return batch, known.tokens[rows].float()


def _loss(
    decoder: Decoder, batch: dict[str, torch.Tensor], tokens: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """Return the loss, less what decisions are expected to earn, and the share that is right."""
    asked = batch["labels"]
    logits, labels = decoder(batch["tokens"], asked, tokens, batch["grid"])
    counted = batch["weights"][:, 1:][asked[:, 1:] != IGNORED]
    total = (nn.functional.cross_entropy(logits, labels, reduction="none") * counted).sum()
    if found := decisions_of(batch):
        total = total - expected_values(logits[None], **found).sum()
    return total / counted.sum(), (logits.argmax(-1) == labels).float().mean().item()


def _question(item: Item, rng: np.random.Generator) -> Question:
    """Draw another question about an item's scene; one about something else stays."""
    if item.question.topic == "outside":
        return item.question
    kind = "mcq" if rng.random() < _CHOICES else "vqa"
    pool = [one for one in questions_for(item.scene) if one.kind == kind]
    topics = sorted({one.topic for one in pool})
    topic = topics[int(rng.integers(len(topics)))]
    pool = [one for one in pool if one.topic == topic]
    return pool[int(rng.integers(len(pool)))]


if __name__ == "__main__":
    parser = parser_of("train.tiny.reread", __doc__, "cpu")
    parser.add_argument("--from", dest="start", required=True, type=Path, help="a checkpoint")
    parser.add_argument("--photos", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--scenes", type=int, default=48, help="batches of scenes")
    parser.add_argument("--crops", type=int, default=24, help="batches of crops")
    parser.add_argument("--false-alarm", type=float, default=16.0)
    main_of(parser, run, TrainingConfig)
