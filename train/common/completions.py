"""What a model says while it learns: in samples.jsonl of its run's folder, a JSON object each.

From chains it is a few samples, answered greedily at each checkpoint; of reinforcement a group of
sampled completions, with what each of them earned.
"""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from PIL import Image
from transformers import (
    GenerationConfig,
    ProcessorMixin,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl.models.utils import disable_gradient_checkpointing

from robust_r1.rewards import text_of
from train.common.rewards import Reward


@dataclass(frozen=True)
class Asked:
    """Say what a model is asked about a picture, and what it should answer."""

    prompt: str
    picture: Image.Image
    solution: str


def row_samples(rows: Dataset, count: int = 2) -> list[Asked]:
    """Return the first rows of `train.common.rows.chain_rows`."""
    return [
        Asked(row["prompt"][0]["content"], row["images"][0], row["completion"][0]["content"])
        for row in (rows[number] for number in range(min(count, len(rows))))
    ]


class CompletionLog(TrainerCallback):
    """Append what the model says to a file whenever a checkpoint is saved, one JSON object each.

    An object holds step, prompt, solution, completion and tokens. Nothing random is drawn, so the
    run goes on as it would have without.

    Args:
        path: of the file.
        samples: what to ask.
        processor: of the model.
        generate: completes prompts, called as `model.generate` is.
        tokens: the most that a completion may have.
    """

    def __init__(
        self,
        path: Path,
        samples: Sequence[Asked],
        processor: ProcessorMixin,
        generate: Callable[..., torch.Tensor],
        tokens: int,
    ) -> None:
        self._path, self._samples, self._processor = path, samples, processor
        self._generate, self._tokens = generate, tokens

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Answer the samples and write them down; the first of several processes does."""
        if not state.is_world_process_zero:
            return
        with (
            _without_dropout(model),
            disable_gradient_checkpointing(model, args.gradient_checkpointing_kwargs),
        ):
            said = self._answer(model)
        tokenizer = self._processor.tokenizer
        with self._path.open("a", encoding="utf-8") as file:
            for sample, ids in zip(self._samples, said, strict=True):
                ids = ids[ids != tokenizer.pad_token_id]
                row = {
                    "step": state.global_step,
                    "prompt": sample.prompt,
                    "solution": sample.solution,
                    "completion": tokenizer.decode(ids, skip_special_tokens=True),
                    "tokens": len(ids),
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    @torch.no_grad()
    def _answer(self, model: torch.nn.Module) -> torch.Tensor:
        processor = self._processor
        inputs = processor(
            text=[_asking(processor, sample.prompt) for sample in self._samples],
            images=[[sample.picture] for sample in self._samples],
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(model.device)
        settings = GenerationConfig(
            max_new_tokens=self._tokens,
            do_sample=False,
            eos_token_id=model.generation_config.eos_token_id,
            pad_token_id=processor.tokenizer.pad_token_id,
        )
        whole = self._generate(**inputs, generation_config=settings)
        return whole[:, inputs["input_ids"].shape[1] :].cpu()


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


@contextmanager
def _without_dropout(model: torch.nn.Module) -> Iterator[None]:
    """Leave dropout out for a while; the model stays in training.

    Where one that is not runs in 4 bits on a CPU, bitsandbytes repacks its weights in a way that
    cannot be trained through.
    """
    drops = [part for part in model.modules() if isinstance(part, torch.nn.Dropout)]
    drops = [part for part in drops if part.training]
    for part in drops:
        part.eval()
    try:
        yield
    finally:
        for part in drops:
            part.train()


def _asking(processor: ProcessorMixin, prompt: str) -> str:
    content = [{"type": "image"}, {"type": "text", "text": prompt}]
    talk = [{"role": "user", "content": content}]
    return processor.apply_chat_template(talk, add_generation_prompt=True)
