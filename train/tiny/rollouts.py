"""Scenes as rows for reinforcement, and a vision encoder that sees each of them once."""

import functools
import hashlib
from collections import OrderedDict
from typing import Any

import cv2
import torch
from datasets import Dataset
from PIL import Image
from transformers.modeling_outputs import BaseModelOutputWithPooling

from robust_r1.chain import build_prompt, render
from train.tiny.data import scene_item


def rollout_dataset(
    split: str, first_index: int, count: int, captions: float = 0.0, clean: float = 0.0
) -> Dataset:
    """Make a dataset of `count` scenes of a split, from `first_index` on, drawn when they are read.

    Shares are asked for their caption, and left undamaged, as in `train.tiny.data.scene_item`.

    A row holds what one of `train.common.rows.rollout_rows` does; no file has its picture.
    """
    indices = Dataset.from_dict({"index": list(range(first_index, first_index + count))})

    def draw(rows: dict) -> dict:
        cv2.setNumThreads(1)
        drawn = [_row(split, index, captions, clean) for index in rows["index"]]
        return {key: [row[key] for row in drawn] for key in drawn[0]}

    return indices.with_transform(draw)


# A row is read once for each completion of its group, and again for each accumulated pass.
@functools.lru_cache(maxsize=64)
def _row(split: str, index: int, captions: float, clean: float) -> dict[str, Any]:
    item = scene_item(split, index, captions, clean=clean)
    question = item.question
    return {
        "prompt": [{"role": "user", "content": build_prompt(question.prompt)}],
        "images": [Image.fromarray(item.image())],
        "solution": render(item.chain),
        "choices": list(question.choices),
        "question": question.prompt,
        "sample": f"{split}-{index}",
        "picture": "",
    }


def remember_pictures(vision: torch.nn.Module, size: int) -> None:
    """Let a frozen vision encoder see each picture once, and remember the last `size` of them.

    A step shows every picture once for each completion of its group, three times over: to the
    policy that answers, to the reference, and to the policy that is updated.
    """
    forward = vision.forward
    known: OrderedDict[bytes, torch.Tensor] = OrderedDict()

    def remembered(
        patches: torch.Tensor, grid_thw: torch.Tensor, **options: Any
    ) -> BaseModelOutputWithPooling:
        parts = patches.split(grid_thw.prod(-1).tolist())
        keys = [_key(part, grid) for part, grid in zip(parts, grid_thw, strict=True)]
        new = {key: number for number, key in enumerate(keys) if key not in known}
        if new:
            rows = list(new.values())
            seen = forward(torch.cat([parts[row] for row in rows]), grid_thw=grid_thw[rows])
            tokens = (grid_thw[rows].prod(-1) // vision.spatial_merge_size**2).tolist()
            known.update(zip(new, seen.pooler_output.split(tokens), strict=True))
        features = torch.cat([known[key] for key in keys])
        while len(known) > size:
            known.popitem(last=False)
        return BaseModelOutputWithPooling(last_hidden_state=None, pooler_output=features)

    vision.forward = remembered


def _key(patches: torch.Tensor, grid: torch.Tensor) -> bytes:
    data = patches.detach().contiguous().cpu().view(torch.uint8).numpy()
    return hashlib.sha1(data, usedforsecurity=False).digest() + repr(grid.tolist()).encode()
