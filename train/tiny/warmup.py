"""Encoder warm-up: teach the vision encoder to see before any text is learned.

Trained end to end from random weights, a small model learns the language of the chains and hardly
looks at the picture. So the encoder first learns, through probes that are thrown away afterwards,
which degradations a picture has and how strong they are (from all tokens together), which of them
changed the pixels under each token, and which object of which color lies there. The labels of the
single tokens are what teaches local damage: from one label a picture, boxes, specks and exchanged
blocks were not found at all after 32,000 pictures.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from robust_r1.degradations import SPECS, degrade
from robust_r1.scenes import Item, draw_size, make_item
from robust_r1.scenes.vocabulary import COLORS, NOUNS
from train.common.checkpoints import another_model
from train.tiny.config import TrainingConfig
from train.tiny.encoder import Encoder, patches_of, say_dtype
from train.tiny.optim import MuonAdamW, cosine
from train.tiny.pictures import CHANGED, TOKEN, Pictures

_VALIDATION = 512  # scenes
_CHECKPOINT = "warmup.pt"
_SIZE_SALT = 0x512E


@dataclass(frozen=True)
class Batch:
    """Stack pictures of one size with what the probes must say of them.

    Attributes:
        images: uint8, batch x H x W x 3.
        present, intensity: float32, batch x 16; an intensity is 0 where nothing is.
        noun, color: int64, batch x tokens; 0 is nothing.
        center: float32, batch x tokens, 1 where an object's center lies.
        local: float32, batch x tokens x 16, 1 where the degradation changed the pixels.
    """

    images: torch.Tensor
    present: torch.Tensor
    intensity: torch.Tensor
    noun: torch.Tensor
    color: torch.Tensor
    center: torch.Tensor
    local: torch.Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(**{name: part.to(device) for name, part in vars(self).items()})


class Probes(nn.Module):
    """Read degradations and objects off the encoder's merged tokens, each by one linear layer.

    Linear, because what a probe must work out for itself the text side would have to learn again:
    the picture's degradations are read off the mean of its tokens, as an attention head does.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.local_head = nn.Linear(width, len(SPECS))
        self.degradation_head = nn.Linear(width, 2 * len(SPECS))
        self.object_head = nn.Linear(width, 1 + len(NOUNS) + 1 + len(COLORS) + 1)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return presence logits, intensities (batch x 16), noun, color, center, local logits."""
        present, intensity = self.degradation_head(tokens.mean(1)).chunk(2, dim=-1)
        parts = [1 + len(NOUNS), 1 + len(COLORS), 1]
        noun, color, center = self.object_head(tokens).split(parts, dim=-1)
        local = self.local_head(tokens)
        return present, torch.sigmoid(intensity), noun, color, center.squeeze(-1), local


class ProbeScenes(Dataset):
    """Serve whole batches of scenes, each of one size, which is drawn from the batch's number.

    Args:
        split: "train", "validation" or "test".
        first_index: index of the first scene within the split.
        batch: scenes in a batch.
        numbers: which batches; a resumed run starts at a later one.
        pictures: draws every other batch from photographs; None for none.
    """

    def __init__(
        self,
        split: str,
        first_index: int,
        batch: int,
        numbers: range,
        pictures: Pictures | None = None,
    ) -> None:
        self.split, self.first_index, self.batch, self.numbers = split, first_index, batch, numbers
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Batch:
        cv2.setNumThreads(1)
        first = self.first_index + self.numbers[place] * self.batch
        if self.pictures and self.numbers[place] % 2:
            shown = self.pictures.photos(first // self.batch, self.batch)
            rows = [(one.picture, one.local, *token_labels(one.item)) for one in shown]
        else:
            size = draw_size(np.random.default_rng([_SIZE_SALT, first]))
            items = [_item(self.split, first + row, size) for row in range(self.batch)]
            rows = [(*damage_labels(item), *token_labels(item)) for item in items]
        images, local, present, intensity, noun, color, center = (
            torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True)
        )
        return Batch(images, present, intensity, noun, color, center, local)


def _item(split: str, index: int, size: tuple[int, int]) -> Item:
    """Make a sample, now and then without objects, on whose sharp outlines damage shows best."""
    item = make_item(split, index, size)
    return item if index % 3 else replace(item, scene=item.scene.without_objects())


def damage_labels(item: Item) -> tuple[np.ndarray, np.ndarray]:
    """Apply the plan step by step; return the picture and, per token, what changed it.

    Returns:
        The degraded picture, and a float32 array, tokens x 16, of 0 and 1.
    """
    picture = item.clean()
    rows, columns = picture.shape[0] // TOKEN, picture.shape[1] // TOKEN
    local = np.zeros((rows, columns, len(SPECS)), np.float32)
    ids = [spec.id for spec in SPECS]
    for step in item.plan.steps:
        after = degrade(picture, step.id, step.intensity, step.seed)
        change = cv2.absdiff(picture, after).astype(np.float32).mean(2)
        mean = cv2.resize(change, (columns, rows), interpolation=cv2.INTER_AREA)
        local[..., ids.index(step.id)] = mean > CHANGED
        picture = after
    return picture, local.reshape(-1, len(SPECS))


def token_labels(item: Item) -> tuple[np.ndarray, ...]:
    """Return presence and intensity (16 each); noun, color, center (one per token, row by row)."""
    strengths = item.plan.intensities
    intensity = np.array([strengths.get(spec.id, 0.0) for spec in SPECS], np.float32)
    rows, columns = item.scene.height // TOKEN, item.scene.width // TOKEN
    noun, color = np.zeros((2, rows, columns), np.int64)
    center = np.zeros((rows, columns), np.float32)
    x = (np.arange(columns) + 0.5) * TOKEN
    y = (np.arange(rows) + 0.5) * TOKEN
    for thing in item.scene.things:
        reach = TOKEN / 2 + 0.4 * thing.radius
        inside = (np.abs(y - thing.y) < reach)[:, None] & (np.abs(x - thing.x) < reach)[None]
        noun[inside] = 1 + NOUNS.index(thing.noun)
        color[inside] = 1 + tuple(COLORS).index(thing.color)
        center[int(thing.y // TOKEN), int(thing.x // TOKEN)] = 1
    present = (intensity > 0).astype(np.float32)
    return present, intensity, noun.ravel(), color.ravel(), center.ravel()


def loss_of(
    outputs: tuple[torch.Tensor, ...], batch: Batch, positive: float = 2.0
) -> torch.Tensor:
    """Add up the six losses; intensity counts where a degradation is there.

    Args:
        positive: what a degradation that is there counts beside one that is not. Two of sixteen
            are there on average; 2 keeps "nothing" from being a good answer.
    """
    present, intensity, noun, color, center, local = outputs
    weight = torch.full_like(present[0], positive)
    seen = functional.binary_cross_entropy_with_logits(present, batch.present, pos_weight=weight)
    where = functional.binary_cross_entropy_with_logits(local, batch.local, pos_weight=weight)
    gap = ((intensity - batch.intensity).abs() * batch.present).sum()
    strength = gap / batch.present.sum().clamp(min=1)
    middle = functional.binary_cross_entropy_with_logits(center, batch.center)
    what = _rare_first(noun, batch.noun) + 0.5 * _rare_first(color, batch.color)
    return 4 * seen + 4 * where + 2 * strength + what + middle


def _rare_first(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy with class 0, nothing, at a third of the weight of the others."""
    weight = torch.ones(logits.shape[-1], device=logits.device)
    weight[0] = 0.3
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), weight)


@torch.no_grad()
def evaluate(read: Callable[[Batch], tuple[torch.Tensor, ...]], loader: DataLoader) -> dict:
    """Measure the probes: type recall, precision, F1, intensity error, noun and color accuracy."""
    rows: list[list[torch.Tensor]] = [[], [], [], []]
    right = torch.zeros(3)
    for batch in loader:
        present, intensity, noun, color, *_ = (part.cpu() for part in read(batch))
        for row, part in zip(
            rows, (present > 0, batch.present > 0, intensity, batch.intensity), strict=True
        ):
            row.append(part)
        there = batch.noun > 0
        nouns, colors = noun.argmax(-1) == batch.noun, color.argmax(-1) == batch.color
        right += torch.stack([nouns[there].sum(), colors[there].sum(), there.sum()])
    found, true, guess, value = (torch.cat(part) for part in rows)
    hit = found & true
    recall = hit.sum(0) / true.sum(0).clamp(min=1)
    return {
        "recall": (hit.sum() / true.sum()).item(),
        "precision": (hit.sum() / found.sum().clamp(min=1)).item(),
        "f1": (2 * hit.sum() / (found.sum() + true.sum())).item(),
        "false_alarm": found[~true.any(1)].any(1).float().mean().item(),
        "intensity_mae": ((guess - value).abs()[hit]).mean().item() if hit.any() else None,
        "noun": (right[0] / right[2]).item(),
        "color": (right[1] / right[2]).item(),
        "by_degradation": {
            spec.id: round(recall[index].item(), 2) for index, spec in enumerate(SPECS)
        },
    }


def train_encoder(
    vision: nn.Module,
    processor: Any,
    config: TrainingConfig,
    folder: Path,
    pictures: Pictures | None = None,
) -> None:
    """Train `vision` in place; checkpoints and `warmup.jsonl` go to `folder`, and it resumes.

    Args:
        vision: a Qwen2.5-VL vision tower.
        processor: the image processor that goes with it.
        config: sizes, batch, rate, indices.
        folder: where an interrupted run left its checkpoint, if it did.
        pictures: draws every other batch from photographs.
    """
    say_dtype()
    stage, device = config.warmup, vision.device
    torch.manual_seed(config.seed)
    probes = Probes(vision.config.out_hidden_size).to(device)
    module = nn.ModuleDict({"vision": vision, "probes": probes})
    optimizer = MuonAdamW(module.named_parameters(), rate=stage.rate)
    peaks = [group["lr"] for group in optimizer.param_groups]
    done = _restore(folder / _CHECKPOINT, module, optimizer)
    checks = _loader(config, "validation", 0, range(min(_VALIDATION, stage.samples) // stage.batch))
    steps = range(done, stage.steps)
    batches = _loader(config, "train", stage.first_index, steps, pictures)
    encoder = Encoder(vision, compiled=config.compiled)

    def read(batch: Batch) -> tuple[torch.Tensor, ...]:
        patches = patches_of(batch.images.to(device), processor)
        rows, columns = (side // processor.patch_size for side in batch.images.shape[1:3])
        return probes(encoder(patches, rows, columns))

    begun, started = time.time(), done
    for step, batch in enumerate(batches, start=done):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * cosine(step, stage.steps, stage.warmup_share)
        loss = loss_of(read(batch), batch.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimizer.step()
        done = step + 1
        seconds = time.time() - begun
        if done % stage.log_every == 0:
            speed = round((done - started) * stage.batch / seconds, 1)
            row = {"step": done, "seconds": round(seconds), "loss": round(loss.item(), 4)}
            _log(folder, {**row, "speed": speed})
        if done % (2 * stage.save_every) == 0 or done == stage.steps:
            _log(folder, {"step": done, "seconds": round(seconds), **evaluate(read, checks)})
        if done % stage.save_every == 0 or done == stage.steps:
            _save(folder / _CHECKPOINT, module, optimizer, done)


def _loader(
    config: TrainingConfig,
    split: str,
    first_index: int,
    numbers: range,
    pictures: Pictures | None = None,
) -> DataLoader:
    scenes = ProbeScenes(split, first_index, config.warmup.batch, numbers, pictures)
    workers = {"num_workers": config.workers, "prefetch_factor": 4} if config.workers else {}
    return DataLoader(scenes, batch_size=None, **(workers if split == "train" else {}))


def _save(path: Path, module: nn.Module, optimizer: MuonAdamW, step: int) -> None:
    """Write a checkpoint so that a crash in the middle leaves the one before."""
    state = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def _restore(path: Path, module: nn.Module, optimizer: MuonAdamW) -> int:
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    try:
        module.load_state_dict(state["module"])
    except RuntimeError as error:
        raise another_model(path) from error
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def _log(folder: Path, row: dict) -> None:
    with (folder / "warmup.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)
