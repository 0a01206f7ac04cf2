"""Keep what a model says while it learns: a few samples, answered greedily at each checkpoint."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from transformers import GenerationConfig, ProcessorMixin, TrainerCallback
from trl.models.utils import disable_gradient_checkpointing

from robust_r1.chain import build_prompt
from train.tiny.data import completion_of, scene_item

_SPLIT = "validation"  # of scenes: none of it is trained on


@dataclass(frozen=True)
class Asked:
    """Hold one sample: what a model is asked about a picture, and what it should say."""

    prompt: str
    picture: Image.Image
    solution: str


def scene_samples(style: str, count: int = 4) -> list[Asked]:
    """Return the first scenes of the validation split, to be answered in a style."""
    items = [scene_item(_SPLIT, index, captions=0.0) for index in range(count)]
    return [
        Asked(
            build_prompt(item.question.prompt, answer_only=style == "answer"),
            Image.fromarray(item.image()),
            completion_of(item, style),
        )
        for item in items
    ]


def row_samples(rows, count: int = 2) -> list[Asked]:
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

    def on_save(self, args, state, control, model=None, **kwargs) -> None:
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
    def _answer(self, model) -> torch.Tensor:
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
