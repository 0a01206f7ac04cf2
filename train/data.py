"""Scenes as training batches: drawn when they are asked for, the same each time."""

import functools

import cv2
import numpy as np
import torch
from datasets import Dataset

from robust_r1.chain import build_prompt, close_tag, open_tag, render
from robust_r1.engine.processing import IMAGE_TOKEN, TURN_TOKENS, ImageTextProcessor
from robust_r1.scenes import Item, caption_question, draw_size, make_item
from train.decoder import IGNORED

STYLES = ("answer", "chain")
# Batches that are sorted by length together, so that little of a batch is padding.
_BLOCK = 16
# Lengths are rounded up to a multiple of this: each length is compiled once.
_STEP = 32
_SIZE_SALT, _ORDER_SALT, _CAPTION_SALT = 0x512F, 0x04DE, 0xCAB7


def completion_of(item: Item, style: str) -> str:
    """Return what a model should say: the answer section alone, or the whole chain."""
    if style == "answer":
        return f"{open_tag('ANSWER')}{item.chain.answer}{close_tag('ANSWER')}"
    return render(item.chain)


def scene_item(
    split: str, index: int, captions: float, size: tuple[int, int] | None = None
) -> Item:
    """Make sample `index` of a split, the share `captions` of them asked for their caption."""
    item = make_item(split, index, size)
    if np.random.default_rng([_CAPTION_SALT, index]).random() < captions:
        return item.ask(caption_question(item.scene))
    return item


def scene_indices(first_index: int, count: int) -> Dataset:
    """Return the rows that TRL's trainer counts and orders; `Collator` draws what they name."""
    return Dataset.from_dict({"index": list(range(first_index, first_index + count))})


class Collator:
    """Draw batches for `train.decoder`; a batch follows from its first index alone.

    A batch holds pictures of one size, drawn from its number. The scenes of `_BLOCK` batches are
    sorted by length and the batches shuffled, so rows must be asked for in order.

    Args:
        processor: of the model; its tokenizer and its picture sizes are used.
        split: "train", "validation" or "test".
        first_index: index of the first scene of the stage.
        batch: scenes in a batch.
        style: a member of `STYLES`.
        captions: share of the scenes that are asked for their caption.
    """

    def __init__(
        self,
        processor: ImageTextProcessor,
        split: str,
        first_index: int,
        batch: int,
        style: str,
        captions: float = 0.0,
    ) -> None:
        self.processor, self.split, self.style = processor, split, style
        self.first_index, self.batch, self.captions = first_index, batch, captions
        # One block is drawn at a time.
        self._order = functools.lru_cache(maxsize=2)(self._block_order)

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        """Return tokens, labels, images (uint8, batch x H x W x 3), grid (1, rows, columns)."""
        cv2.setNumThreads(1)
        number = (rows[0]["index"] - self.first_index) // self.batch
        block, place = divmod(number, _BLOCK)
        size = draw_size(np.random.default_rng([_SIZE_SALT, number]))
        chosen = self._order(block)[place]
        items = [scene_item(self.split, index, self.captions, size) for index in chosen]
        pictures = self.processor.image_processor
        grid = (1, *(side // pictures.patch_size for side in size[::-1]))
        tokens = grid[1] * grid[2] // pictures.merge_size**2
        texts = [self._tokens(item, tokens) for item in items]
        length = max(len(prompt) + len(completion) for prompt, completion in texts)
        length = -(-length // _STEP) * _STEP
        padding = self.processor.tokenizer.pad_token_id
        ids = np.full((len(texts), length), padding, np.int64)
        labels = np.full((len(texts), length), IGNORED, np.int64)
        for row, (prompt, completion) in enumerate(texts):
            end = len(prompt) + len(completion)
            ids[row, :end] = prompt + completion
            labels[row, len(prompt) : end] = completion
        return {
            "tokens": torch.from_numpy(ids),
            "labels": torch.from_numpy(labels),
            "images": torch.from_numpy(np.stack([item.image() for item in items])),
            "grid": torch.tensor(grid),
        }

    def _block_order(self, block: int) -> list[np.ndarray]:
        """Return the indices of each batch of a block: alike in length, the batches shuffled."""
        first = self.first_index + block * _BLOCK * self.batch
        indices = np.arange(first, first + _BLOCK * self.batch)
        items = (scene_item(self.split, int(index), self.captions) for index in indices)
        lengths = [
            len(item.question.prompt) + len(completion_of(item, self.style)) for item in items
        ]
        batches = indices[np.argsort(lengths, kind="stable")].reshape(_BLOCK, self.batch)
        return list(np.random.default_rng([_ORDER_SALT, first]).permutation(batches).tolist())

    def _tokens(self, item: Item, picture_tokens: int) -> tuple[list[int], list[int]]:
        text = self.processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, _question(item, self.style)]}],
            add_generation_prompt=True,
        )
        text = text.replace(IMAGE_TOKEN, IMAGE_TOKEN * picture_tokens)
        said = completion_of(item, self.style) + TURN_TOKENS[1]
        tokenize = functools.partial(self.processor.tokenizer, add_special_tokens=False)
        return tokenize(text)["input_ids"], tokenize(said)["input_ids"]


def _question(item: Item, style: str) -> dict[str, str]:
    text = build_prompt(item.question.prompt, answer_only=style == "answer")
    return {"type": "text", "text": text}
