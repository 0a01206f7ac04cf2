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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from robust_r1.degradations import SPECS, degrade
from robust_r1.scenes import Item, make_item
from robust_r1.scenes.vocabulary import COLORS, NOUNS
from train.config import TrainingConfig
from train.optim import MuonAdamW, cosine

TOKEN = 32  # pixels a side under one merged token: a patch of 16, merged 2 x 2
VALIDATION_ITEMS = 384
# Mean change in levels from which a token counts as changed by a degradation: about the smallest
# that shows side by side.
CHANGED = 1.0
_CHECKPOINT = "warmup.pt"


@dataclass(frozen=True)
class Targets:
    """Hold what the probes must say of a batch of pictures with `tokens[i]` tokens each."""

    present: torch.Tensor  # batch x 16, 0 or 1
    intensity: torch.Tensor  # batch x 16
    noun: torch.Tensor  # one row per token; 0 is nothing
    color: torch.Tensor
    local: torch.Tensor  # tokens x 16, 1 where the degradation changed the pixels of the token
    tokens: list[int]


class Probes(nn.Module):
    """Read degradations and objects off the encoder's merged tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.local_head = nn.Linear(width, len(SPECS))
        self.mix = nn.Linear(2 * (width + len(SPECS)), width)
        self.degradation_head = nn.Linear(width, 2 * len(SPECS))
        self.object_head = nn.Linear(width, 1 + len(NOUNS) + 1 + len(COLORS))

    def forward(self, tokens: torch.Tensor, counts: list[int]) -> tuple[torch.Tensor, ...]:
        """Return presence logits, intensities (both batch x 16), noun, color, local logits."""
        local = self.local_head(tokens)
        whole = torch.cat([tokens, local], dim=-1)
        pooled = [torch.cat([part.mean(0), part.amax(0)]) for part in whole.split(counts)]
        hidden = functional.gelu(self.mix(torch.stack(pooled)))
        present, intensity = self.degradation_head(hidden).chunk(2, dim=-1)
        noun, color = self.object_head(tokens).split([1 + len(NOUNS), 1 + len(COLORS)], dim=-1)
        return present, torch.sigmoid(intensity), noun, color, local


class ProbeScenes(Dataset):
    """Serve scenes as (patches, grid, targets); `start` is the first index within the split."""

    def __init__(self, processor, split: str, start: int, count: int) -> None:
        self.processor, self.split, self.start, self.count = processor, split, start, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple:
        cv2.setNumThreads(1)
        item = make_item(self.split, self.start + index)
        picture, local = damage_labels(item)
        encoded = self.processor(images=[picture], return_tensors="np")
        return encoded["pixel_values"], encoded["image_grid_thw"][0], *token_labels(item), local


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
    """Return presence and intensity (16 each), noun and color (one per token, row by row)."""
    strengths = item.plan.intensities
    intensity = np.array([strengths.get(spec.id, 0.0) for spec in SPECS], np.float32)
    rows, columns = item.scene.height // TOKEN, item.scene.width // TOKEN
    noun, color = np.zeros((2, rows, columns), np.int64)
    x = (np.arange(columns) + 0.5) * TOKEN
    y = (np.arange(rows) + 0.5) * TOKEN
    for thing in item.scene.things:
        reach = TOKEN / 2 + 0.4 * thing.radius
        inside = (np.abs(y - thing.y) < reach)[:, None] & (np.abs(x - thing.x) < reach)[None]
        noun[inside] = 1 + NOUNS.index(thing.noun)
        color[inside] = 1 + tuple(COLORS).index(thing.color)
    return (intensity > 0).astype(np.float32), intensity, noun.ravel(), color.ravel()


def collate(rows: list[tuple]) -> tuple[torch.Tensor, torch.Tensor, Targets]:
    """Join samples into patches (all pictures in one), grids and targets."""
    patches, grids, present, intensity, noun, color, local = zip(*rows, strict=True)
    targets = Targets(
        torch.from_numpy(np.stack(present)),
        torch.from_numpy(np.stack(intensity)),
        torch.from_numpy(np.concatenate(noun)),
        torch.from_numpy(np.concatenate(color)),
        torch.from_numpy(np.concatenate(local)),
        [len(part) for part in noun],
    )
    grid = torch.from_numpy(np.stack(grids))
    return torch.from_numpy(np.concatenate(patches)), grid, targets


def loss_of(outputs: tuple[torch.Tensor, ...], targets: Targets) -> torch.Tensor:
    """Add up the five losses; intensity counts where a degradation is there."""
    present, intensity, noun, color, local = outputs
    # Two of sixteen are there on average; the weight keeps "nothing" from being a good answer.
    weight = torch.full_like(present[0], 2.0)
    seen = functional.binary_cross_entropy_with_logits(present, targets.present, pos_weight=weight)
    where = functional.binary_cross_entropy_with_logits(local, targets.local, pos_weight=weight)
    gap = ((intensity - targets.intensity).abs() * targets.present).sum()
    strength = gap / targets.present.sum().clamp(min=1)
    rare = torch.ones(noun.shape[-1])
    rare[0] = 0.3
    what = functional.cross_entropy(noun, targets.noun, rare)
    rare = torch.ones(color.shape[-1])
    rare[0] = 0.3
    hue = functional.cross_entropy(color, targets.color, rare)
    return 4 * seen + 4 * where + 2 * strength + what + 0.5 * hue


@torch.no_grad()
def evaluate(vision, probes: Probes, loader: DataLoader) -> dict:
    """Measure the probes: type recall, precision, F1, intensity error, noun and color accuracy."""
    vision.eval()
    rows: list[list[torch.Tensor]] = [[], [], [], []]
    right = torch.zeros(3)
    for patches, grid, targets in loader:
        present, intensity, noun, color, _ = probes(encode(vision, patches, grid), targets.tokens)
        rows[0].append(present > 0)
        rows[1].append(targets.present > 0)
        rows[2].append(intensity)
        rows[3].append(targets.intensity)
        there = targets.noun > 0
        nouns, colors = noun.argmax(-1) == targets.noun, color.argmax(-1) == targets.color
        right += torch.stack([nouns[there].sum(), colors[there].sum(), there.sum()])
    vision.train()
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


def encode(vision, patches: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Return the merged tokens of all pictures of a batch, one row each."""
    return vision(patches, grid_thw=grid).pooler_output


def train_encoder(vision, processor, config: TrainingConfig, folder: Path) -> None:
    """Train `vision` in place; checkpoints and `warmup.jsonl` go to `folder`, and it resumes.

    Args:
        vision: a Qwen2.5-VL vision tower.
        processor: the image processor that goes with it.
        config: sizes, batch, rate, indices.
        folder: where an interrupted run left its checkpoint, if it did.
    """
    stage, torch_seed = config.warmup, config.seed
    torch.manual_seed(torch_seed)
    probes = Probes(vision.config.out_hidden_size)
    module = nn.ModuleDict({"vision": vision, "probes": probes})
    optimizer = MuonAdamW(module.named_parameters(), rate=stage.rate)
    peaks = [group["lr"] for group in optimizer.param_groups]
    done = _restore(folder / _CHECKPOINT, module, optimizer)
    validation = ProbeScenes(processor, "validation", 0, min(VALIDATION_ITEMS, stage.samples))
    checks = DataLoader(validation, batch_size=stage.batch, collate_fn=collate)
    batches = _batches(processor, config, done)
    begun, started = time.time(), done
    for step, (patches, grid, targets) in enumerate(batches, start=done):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * cosine(step, stage.steps, stage.warmup_share)
        loss = loss_of(probes(encode(vision, patches, grid), targets.tokens), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimizer.step()
        done = step + 1
        speed = (done - started) * stage.batch / (time.time() - begun)
        if done % stage.log_every == 0:
            _log(folder, {"step": done, "loss": round(loss.item(), 4), "speed": round(speed, 1)})
        if done % (2 * stage.save_every) == 0 or done == stage.steps:
            _log(folder, {"step": done, **evaluate(vision, probes, checks)})
        if done % stage.save_every == 0 or done == stage.steps:
            _save(folder / _CHECKPOINT, module, optimizer, done)


def _batches(processor, config: TrainingConfig, done: int) -> Iterator[tuple]:
    stage = config.warmup
    skip = done * stage.batch
    rest = ProbeScenes(
        processor, "train", stage.first_index + skip, stage.steps * stage.batch - skip
    )
    workers = {"num_workers": config.workers, "prefetch_factor": 6} if config.workers else {}
    return iter(DataLoader(rest, batch_size=stage.batch, collate_fn=collate, **workers))


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
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def _log(folder: Path, row: dict) -> None:
    with (folder / "warmup.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)
