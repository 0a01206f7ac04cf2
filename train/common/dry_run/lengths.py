"""Tokens of samples, as the base's own processor counts them, or by characters without it."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    before, between, after = _turns(processor)
    asked = [before + _question(record) + between for record in records]
    said = [plain(record.chain) + after for record in records]
    prompts, chains = (_lengths(processor, texts) for texts in (asked, said))
    pictures = _expanded(processor, base, fitted, squares, asked[0])
    return Counted(Sizes(prompts, pictures, chains), "the base's own tokenizer")


def _question(record: Record) -> str:
    return build_prompt(plain(record.prompt.strip()))


def _turns(processor: ProcessorMixin) -> list[str]:
    """Return what a conversation has before a question about a picture, before and after a chain.
    """
    question, chain = "THE QUESTION", "THE CHAIN"
    asked = [{"type": "image"}, {"type": "text", "text": question}]
    said = [{"type": "text", "text": chain}]
    talk = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    before, _, rest = processor.apply_chat_template(talk).partition(question)
    between, _, after = rest.partition(chain)
    return [before, between, after]


def _lengths(processor: ProcessorMixin, texts: Sequence[str]) -> list[int]:
    # The turns have their special tokens; where each token stands in a text is not asked for.
    tokenizer = processor.tokenizer.backend_tokenizer
    return [len(one.ids) for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


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
