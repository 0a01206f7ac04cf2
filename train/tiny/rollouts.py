"""What reinforcement needs around TRL's trainer: scenes as rows, rewards, and a look inside."""

import functools
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from datasets import Dataset
from PIL import Image
from transformers.modeling_outputs import BaseModelOutputWithPooling

from robust_r1.chain import build_prompt, render
from robust_r1.rewards import (
    accuracy_reward,
    degradation_reward,
    format_reward,
    make_length_reward,
    text_of,
)
from train.common.config import AdaptRewards, GrpoConfig, RewardWeights
from train.tiny.data import scene_item

Reward = Callable[..., list[float | None]]


def rollout_dataset(
    split: str, first_index: int, count: int, captions: float = 0.0, clean: float = 0.0
) -> Dataset:
    """Make a dataset of `count` scenes of a split, from `first_index` on, drawn when they are read.

    Shares are asked for their caption, and left undamaged, as in `train.tiny.data.scene_item`.

    A row holds `prompt` and `images` for the policy, `solution` (the reference chain as text) and
    `choices` (the options, empty for an open question) for the rewards, `question` for people.
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
    }


def rewards_of(weights: RewardWeights, tokenizer: Any) -> tuple[list[Reward], list[float]]:
    """Return the four rewards, lengths counted in tokens of `tokenizer`, and their weights."""
    pairs = [
        (degradation_reward, weights.degradation),
        (make_length_reward(tokenizer), weights.length),
        (format_reward, weights.format),
        (accuracy_reward, weights.accuracy),
    ]
    return [reward for reward, _ in pairs], [weight for _, weight in pairs]


def objective_of(stage: GrpoConfig | AdaptRewards, weights: list[float]) -> dict[str, Any]:
    """Return the arguments of TRL's GRPOConfig that say what is reinforced, and how it is sampled.

    The paper's objective: TRL's own defaults are beta 0 and a loss over all tokens alike. `weights`
    are those of the rewards, in their order.
    """
    return {
        "beta": stage.beta,
        "num_generations": stage.group,
        "loss_type": "grpo",
        "scale_rewards": "group",
        "reward_weights": weights,
        "temperature": stage.temperature,
        "max_completion_length": stage.max_tokens,
    }


class SampleLog:
    """Write one group of completions of every so many steps, a JSON object for each completion.

    An object holds step, question, solution, completion, tokens, and each reward by its name.
    """

    def __init__(self, path: Path, every: int, group: int) -> None:
        self.path, self.every, self.group = path, every, group
        self._names: list[str] = []
        self._scores: dict[str, list[float | None]] = {}
        self._written = -1

    def watch(self, rewards: Sequence[Reward]) -> list[Reward]:
        """Return the rewards, under the same names, with an eye on what they are called with."""
        self._names = [reward.__name__ for reward in rewards]
        return [self._watched(reward) for reward in rewards]

    def _watched(self, reward: Reward) -> Reward:
        @functools.wraps(reward)
        def watched(completions: Sequence[Any], **columns: Any) -> list[float | None]:
            scores = reward(completions=completions, **columns)
            self._scores[reward.__name__] = scores
            if len(self._scores) == len(self._names):
                self._write(completions, columns)
                self._scores = {}
            return scores

        return watched

    def _write(self, completions: Sequence[Any], columns: dict[str, Any]) -> None:
        step = columns["trainer_state"].global_step
        if step % self.every or step == self._written:
            return
        self._written = step
        with self.path.open("a", encoding="utf-8") as file:
            for number, completion in enumerate(completions[: self.group]):
                row = {
                    "step": step,
                    "question": columns["question"][number],
                    "solution": columns["solution"][number],
                    "completion": text_of(completion),
                    "tokens": len(columns["completion_ids"][number]),
                    **{name: self._scores[name][number] for name in self._names},
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def remember_pictures(vision: torch.nn.Module, size: int) -> None:
    """Let a frozen vision encoder see each picture once, and remember the last `size` of them.

    A step shows every picture once for each completion of its group, three times over: to the
    policy that answers, to the reference, and to the policy that is updated.
    """
    forward, known = vision.forward, OrderedDict()

    def remembered(patches: torch.Tensor, grid_thw: torch.Tensor, **options: Any):
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
