"""Tokens of samples, as the base's own processor counts them; by characters where it is not here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from transformers import ProcessorMixin

from robust_r1.chain import build_prompt
from robust_r1.engine.conversation import plain
from robust_r1.engine.processing import QWENS, load_processor
from robust_r1.engine.weights import first_line
from robust_r1.errors import ModelError
from robust_r1.records import Record
from train.common.dry_run.base import Base
from train.common.dry_run.sizes import Sizes

# Of English in Qwen's vocabulary some four characters are a token, of section tags fewer.
_CHARACTERS = 3.5
_TURNS = 25  # tokens of the turns around a question and an answer


@dataclass(frozen=True)
class Counted:
    """Hold what was counted, and how: `by` names it to people."""

    sizes: Sizes
    by: str


def count_tokens(
    base: Base, records: Sequence[Record], shapes: Sequence[tuple[int, int]], most: int
) -> Counted:
    """Count the tokens of each sample.

    Args:
        base: whose tokenizer counts, where its folder is known.
        records: samples with chains.
        shapes: (height, width) of their pictures.
        most: pixels of a picture, at most.

    Raises:
        InputError: a budget of pixels that holds no picture.
        ModelError: a broken tokenizer, or one without a chat template.
    """
    fitted = [base.fitted(*shape, most) for shape in shapes]
    squares = [height * width // base.multiple**2 for height, width in fitted]
    if base.folder is None:
        sizes = Sizes(
            [round(len(_question(one)) / _CHARACTERS) + _TURNS for one in records],
            squares,
            [round(len(one.chain) / _CHARACTERS) for one in records],
        )
        return Counted(sizes, f"{_CHARACTERS} characters a token, as no tokenizer is at hand")
    processor = _processor(base)
    talks = [_talk(record) for record in records]
    asked = _written(processor, [talk[:1] for talk in talks], ask=True)
    whole = _written(processor, talks)
    said = [text[len(start) :] for start, text in zip(asked, whole, strict=True)]
    prompts, chains = (_lengths(processor, texts) for texts in (asked, said))
    pictures = _expanded(processor, base, fitted, squares, asked[0])
    return Counted(Sizes(prompts, pictures, chains), "the base's own tokenizer")


def _question(record: Record) -> str:
    return build_prompt(plain(record.prompt.strip()))


def _talk(record: Record) -> list[dict[str, Any]]:
    asked = [{"type": "image"}, {"type": "text", "text": _question(record)}]
    said = [{"type": "text", "text": plain(record.chain)}]
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


def _written(
    processor: ProcessorMixin, talks: Sequence[list[dict[str, Any]]], ask: bool = False
) -> list[str]:
    """Return conversations as a model reads them; `ask` opens the turn of the answer."""
    return processor.apply_chat_template(list(talks), add_generation_prompt=ask)


def _lengths(processor: ProcessorMixin, texts: Sequence[str]) -> list[int]:
    # Without special tokens of its own: the turns have theirs.
    counted = processor.tokenizer(list(texts), add_special_tokens=False, return_length=True)
    return [int(length) for length in counted["length"]]


def _expanded(
    processor: ProcessorMixin,
    base: Base,
    fitted: Sequence[tuple[int, int]],
    squares: Sequence[int],
    asked: str,
) -> list[int]:
    """Return the tokens that each picture adds to the one that stands for it in a prompt."""
    if base.kind in QWENS:
        return [count - 1 for count in squares]
    plain_length = _lengths(processor, [asked])[0]
    adds = {}
    for height, width in set(fitted):
        blank = Image.fromarray(np.zeros((height, width, 3), np.uint8))
        ids = processor(text=[asked], images=[[blank]], add_special_tokens=False)["input_ids"]
        adds[height, width] = len(ids[0]) - plain_length
    return [adds[size] for size in fitted]


def _processor(base: Base) -> ProcessorMixin:
    assert base.folder is not None
    try:
        processor = load_processor(
            base.folder, base.kind, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # tokenizers raises plain Exception for a broken file
        raise ModelError(
            f"the processor in {base.folder} could not be loaded: {first_line(error)}"
        ) from error
    if not getattr(processor, "chat_template", None):
        raise ModelError(
            f"{base.name} has no chat template, in which questions and chains are written; choose "
            "a model that was taught to converse"
        )
    return processor
