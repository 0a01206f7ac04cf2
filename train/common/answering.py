"""Have the model that is being trained answer questions, all processes together.

It stays in training, with nothing random drawn from what training draws from, so that a run goes on
as it would have without. Every process takes its share and as many passes as the others: where
weights lie spread over devices, one that stops early would leave the others waiting.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from PIL import Image
from transformers import GenerationConfig, ProcessorMixin
from trl.distributed import DistributedBackend
from trl.models.utils import unwrap_model_for_generation

from robust_r1.records import Record
from train.common.rows import Fit, known_of, picture_of, prompt_of


@dataclass(frozen=True)
class Asked:
    """Say what a model is asked about a picture, and what is known of it.

    Attributes:
        prompt: all of the user's turn.
        draw: gives the picture as the model sees it.
        solution: the true chain, or whatever it should answer.
        question, choices, sample, picture: see `train.common.rows.rollout_rows`.
        split: "train" or "validation", as the run uses the sample.
    """

    prompt: str
    draw: Callable[[], Image.Image]
    solution: str = ""
    question: str = ""
    choices: tuple[str, ...] = ()
    sample: str = ""
    picture: str = ""
    split: str = "train"


@dataclass(frozen=True)
class Said:
    """Keep what a model answered: its text, its tokens with the end token, and whether it ended."""

    text: str
    ids: tuple[int, ...]
    ended: bool


def asked_of(records: Sequence[Record], folder: Path, fit: Fit | None, split: str) -> list[Asked]:
    """Return what a model is asked about samples; arguments are those of `rows.rollout_rows`."""

    def one(record: Record) -> Asked:
        known = known_of(record, folder)
        choices = tuple(known.pop("choices"))
        return Asked(
            prompt_of(record),
            lambda: picture_of(record, folder, fit),
            choices=choices,
            split=split,
            **known,
        )

    return [one(record) for record in records]


class Answering:
    """Answer with the model of a trainer of TRL.

    Args:
        trainer: of the model.
        processor: of the model.
        batch: questions that are answered together on each device.
        tokens: the most that an answer may have.
        temperature: of what is sampled.
        generate: completes prompts in the place of the model's own `generate`.
    """

    def __init__(
        self,
        trainer: Any,
        processor: ProcessorMixin,
        batch: int,
        tokens: int,
        temperature: float = 1.0,
        generate: Callable[..., torch.Tensor] | None = None,
    ) -> None:
        self._trainer, self._processor, self._batch = trainer, processor, batch
        self._tokens, self._temperature, self._generate = tokens, temperature, generate

    def greedy(self, asked: Sequence[Asked]) -> list[Said]:
        """Return the likeliest answer to each; all processes call it, and get all of them."""
        return self._shared(asked, {"do_sample": False})

    def sampled(self, asked: Sequence[Asked], group: int, seed: int) -> list[list[Said]]:
        """Return a group of sampled answers to each, drawn from a seed; called as `greedy` is."""
        settings = {"do_sample": True, "temperature": self._temperature, "top_k": 0, "top_p": 1.0}
        accelerator = self._trainer.accelerator
        devices = [accelerator.device] if accelerator.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed + accelerator.process_index)
            said = self._shared([one for one in asked for _ in range(group)], settings)
        return [said[at : at + group] for at in range(0, len(said), group)]

    def _shared(self, asked: Sequence[Asked], settings: dict[str, Any]) -> list[Said]:
        """Answer this process's share, and put those of all together in their order."""
        accelerator = self._trainer.accelerator
        size, rank = accelerator.num_processes, accelerator.process_index
        batch = min(self._batch, math.ceil(len(asked) / size))
        own: list[tuple[int, Said]] = []
        with self._model() as model:
            for start in range(0, len(asked), max(size * batch, 1)):
                first = start + rank * batch
                part = list(enumerate(asked[first : first + batch], first))
                # Of a last pass that does not do for all, something is asked for company's sake.
                said = self._answer(model, [one for _, one in part] or [asked[0]], settings)
                own += [(at, one) for (at, _), one in zip(part, said, strict=False)]
        return [said for _, said in sorted(gather_object(own), key=lambda pair: pair[0])]

    @contextlib.contextmanager
    def _model(self) -> Iterator[torch.nn.Module]:
        """Give the model with its weights within reach, without dropout, and nothing kept."""
        trainer, accelerator = self._trainer, self._trainer.accelerator
        whole = DistributedBackend(accelerator).summon_full_params
        with (
            unwrap_model_for_generation(
                trainer.model_wrapped,
                accelerator,
                gather_deepspeed3_params=getattr(trainer.args, "ds3_gather_for_generation", True),
                gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs,
            ) as model,
            torch.no_grad(),
            whole(trainer.model_wrapped, recurse=False),
            _in_training(model),
        ):
            yield model

    def _answer(self, model: Any, asked: Sequence[Asked], settings: dict[str, Any]) -> list[Said]:
        processor, tokenizer = self._processor, self._processor.tokenizer
        inputs = processor(
            text=[_turn(processor, one.prompt) for one in asked],
            images=[[one.draw()] for one in asked],
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(self._trainer.accelerator.device)
        ends = model.generation_config.eos_token_id
        image = getattr(model.config, "image_token_id", None)
        config = GenerationConfig(
            max_new_tokens=self._tokens,
            eos_token_id=ends,
            pad_token_id=tokenizer.pad_token_id,
            # There would be no picture for it.
            suppress_tokens=None if image is None else [image],
            **settings,
        )
        generate = self._generate or model.generate
        whole = generate(**inputs, generation_config=config)
        rows = whole[:, inputs["input_ids"].shape[1] :].tolist()
        return [_said(row, _listed(ends), tokenizer) for row in rows]


def _said(row: list[int], ends: Sequence[int], tokenizer: Any) -> Said:
    """Return what a row of generated tokens says, as far as its end token."""
    stop = next((at for at, token in enumerate(row) if token in ends), None)
    ids = row if stop is None else row[: stop + 1]
    return Said(tokenizer.decode(ids, skip_special_tokens=True), tuple(ids), stop is not None)


def _listed(ends: int | Sequence[int] | None) -> list[int]:
    if ends is None:
        return []
    return [ends] if isinstance(ends, int) else list(ends)


def _turn(processor: ProcessorMixin, prompt: str) -> str:
    content = [{"type": "image"}, {"type": "text", "text": prompt}]
    talk = [{"role": "user", "content": content}]
    return processor.apply_chat_template(talk, add_generation_prompt=True)


@contextlib.contextmanager
def _in_training(model: torch.nn.Module) -> Iterator[None]:
    """Have a model in training for a while, but without dropout; then each part is as it was.

    Where one that is not in training runs in 4 bits on a CPU, bitsandbytes repacks its weights in a
    way that cannot be trained through.
    """
    before = [(part, part.training) for part in model.modules()]
    for part, _ in before:
        part.training = not isinstance(part, torch.nn.Dropout)
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
