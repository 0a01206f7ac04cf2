"""Scenes as training batches: drawn when they are asked for, the same each time."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from robust_r1.chain import build_prompt, close_tag, open_tag, render
from robust_r1.degradations import DegradationPlan
from robust_r1.engine.processing import IMAGE_TOKEN, TURN_TOKENS, ImageTextProcessor
from robust_r1.scenes import (
    Item,
    Question,
    caption_question,
    draw_size,
    make_item,
    questions_for,
)
from train.tiny.decisions import Decision, Decisions, as_tensors
from train.tiny.decoder import IGNORED
from train.tiny.pictures import Pictures

if TYPE_CHECKING:
    from datasets import Dataset

STYLES = ("answer", "chain")
# Batches that are sorted by length together, so that little of a batch is padding.
_BLOCK = 16
# Lengths are rounded up to a multiple of this: each length is compiled once.
_STEP = 32
_SIZE_SALT, _ORDER_SALT, _CAPTION_SALT, _DRILL_SALT = 0x512F, 0x04DE, 0xCAB7, 0xD211
# What a token counts in the loss where it is not 1. An answer is one token of eighty, but what is
# hardest to learn: which number stands before the option that the chain has come to.
_WEIGHTS = {"TYPE": 2.0, "CONCLUSION": 2.0, "ANSWER": 4.0}
_LOOKED_UP = ("CONCLUSION", "ANSWER")
_Turn = tuple[list[int], list[int]]  # tokens of what is asked, and of what is said
_UNDAMAGED = DegradationPlan.of({}, seed=0)
_DRILL_LENGTH = 448  # tokens of a drill: one compiled length; as many questions as fit
_DRILL_CHOICES = 0.6  # share of a drill's questions that are multiple choice


def completion_of(item: Item, style: str) -> str:
    """Return what a model should say: the answer section alone, or the whole chain."""
    if style == "answer":
        return _answer(item.chain.answer)
    return render(item.chain)


def scene_item(
    split: str,
    index: int,
    captions: float,
    size: tuple[int, int] | None = None,
    clean: float = 0.0,
) -> Item:
    """Make sample `index` of a split.

    The share `captions` is asked for its caption, the share `clean` is left undamaged.
    """
    item = make_item(split, index, size)
    rng = np.random.default_rng([_CAPTION_SALT, index])
    if rng.random() < captions:
        item = item.ask(caption_question(item.scene))
    return item.under(_UNDAMAGED) if rng.random() < clean else item


def scene_indices(first_index: int, count: int) -> Dataset:
    """Return the rows that TRL's trainer counts and orders; `Collator` draws what they name."""
    # Here, because a swing on a GPU does without TRL and its data sets.
    from datasets import Dataset

    return Dataset.from_dict({"index": list(range(first_index, first_index + count))})


class Collator:
    """Draw batches for `train.tiny.decoder`; a batch follows from its first index alone.

    A batch holds pictures of one size, drawn from its number. The scenes of `_BLOCK` batches are
    sorted by length and the batches shuffled, so rows must be asked for in order.

    Args:
        processor: of the model; its tokenizer and its picture sizes are used.
        split: "train", "validation" or "test".
        first_index: index of the first scene of the stage.
        batch: scenes in a batch.
        style: a member of `STYLES`.
        captions: share of the scenes that are asked for their caption.
        drills: every so many batches are one of drills, of half as many rows; 0 for none.
        clean: share of the scenes that are left undamaged.
        decisions: finds the decisions of each chain, to be laid out for `expected_values`.
        emphasis: what a token of a conclusion or an answer counts beside its usual weight.
        pictures: draws every other batch from photographs; None for none.
    """

    def __init__(
        self,
        processor: ImageTextProcessor,
        split: str,
        first_index: int,
        batch: int,
        style: str,
        captions: float = 0.0,
        drills: int = 0,
        clean: float = 0.0,
        decisions: Decisions | None = None,
        emphasis: float = 1.0,
        pictures: Pictures | None = None,
    ) -> None:
        self.processor, self.split, self.style = processor, split, style
        self.first_index, self.batch, self.captions = first_index, batch, captions
        self.drills, self.clean, self.decisions = drills, clean, decisions
        self.pictures = pictures
        token = processor.tokenizer.convert_tokens_to_ids
        self._weights = {
            (token(open_tag(name)), token(close_tag(name))): (
                weight * emphasis if name in _LOOKED_UP else weight
            )
            for name, weight in (_WEIGHTS if style == "chain" else {}).items()
        }
        # One block is drawn at a time.
        self._order = functools.lru_cache(maxsize=2)(self._block_order)

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        """Return tokens, labels, weights, images (uint8, batch x H x W x 3) and their grid."""
        cv2.setNumThreads(1)
        number = (rows[0]["index"] - self.first_index) // self.batch
        if self.pictures and number % 2:
            shown = self.pictures.photos(rows[0]["index"] // self.batch, self.batch)
            return self.lay_out([one.item for one in shown], [one.picture for one in shown])
        block, place = divmod(number, _BLOCK)
        size = draw_size(np.random.default_rng([_SIZE_SALT, number]))
        chosen = self._order(block)[place]
        drill = self.drills > 0 and number % self.drills == self.drills - 1
        chosen = chosen[::2] if drill else chosen
        items = [self._item(index, size) for index in chosen]
        return self.lay_out(items, [item.image() for item in items], drill)

    def lay_out(
        self, items: list[Item], images: list[np.ndarray], drill: bool = False, again: int = 0
    ) -> dict[str, torch.Tensor]:
        """Lay out items and the pictures that are shown for them, all of one size, as a batch.

        Args:
            drill: ask each item's scene many questions instead of its own.
            again: how often the same scenes were drilled before; other questions are drawn.
        """
        pictures = self.processor.image_processor
        grid = (1, *(side // pictures.patch_size for side in images[0].shape[:2]))
        tokens = grid[1] * grid[2] // pictures.merge_size**2
        talks = [self._drill(item, tokens, again) if drill else [self._turn(item, tokens)]
                 for item in items]  # fmt: skip
        length = max(sum(len(prompt) + len(said) for prompt, said in talk) for talk in talks)
        length = -(-length // _STEP) * _STEP
        padding = self.processor.tokenizer.pad_token_id
        ids = np.full((len(talks), max(length, _DRILL_LENGTH if drill else 0)), padding, np.int64)
        labels = np.full_like(ids, IGNORED)
        for row, talk in enumerate(talks):
            end = 0
            for prompt, said in talk:
                begin, middle, end = end, end + len(prompt), end + len(prompt) + len(said)
                ids[row, begin:middle], ids[row, middle:end] = prompt, said
                labels[row, middle:end] = said
        batch = {
            "tokens": torch.from_numpy(ids),
            "labels": torch.from_numpy(labels),
            "weights": torch.from_numpy(self._weigh(ids)),
            "images": torch.from_numpy(np.stack(images)),
            "grid": torch.tensor(grid),
        }
        return batch | (self._decide(self.decisions, items, talks) if self.decisions else {})

    def _decide(
        self, find: Decisions, items: list[Item], talks: list[list[_Turn]]
    ) -> dict[str, torch.Tensor]:
        """Lay out the decisions of all rows as those of one long row, as their labels are."""
        found: list[Decision] = []
        first = 0
        for item, talk in zip(items, talks, strict=True):
            decisions = find(talk[0][1], render(item.chain))
            found += [dataclasses.replace(each, place=first + each.place) for each in decisions]
            first += sum(len(said) for _, said in talk)
        return as_tensors([found])

    def _item(self, index: int, size: tuple[int, int] | None = None) -> Item:
        return scene_item(self.split, index, self.captions, size, self.clean)

    def _block_order(self, block: int) -> list[np.ndarray]:
        """Return the indices of each batch of a block: alike in length, the batches shuffled."""
        first = self.first_index + block * _BLOCK * self.batch
        indices = np.arange(first, first + _BLOCK * self.batch)
        items = (self._item(int(index)) for index in indices)
        lengths = [
            len(item.question.prompt) + len(completion_of(item, self.style)) for item in items
        ]
        batches = indices[np.argsort(lengths, kind="stable")].reshape(_BLOCK, self.batch)
        return list(np.random.default_rng([_ORDER_SALT, first]).permutation(batches).tolist())

    def _weigh(self, ids: np.ndarray) -> np.ndarray:
        weights = np.ones(ids.shape, np.float32)
        for (opened, closed), weight in self._weights.items():
            inside = (np.cumsum(ids == opened, 1) - np.cumsum(ids == closed, 1)) > 0
            weights[inside] = weight
        return weights

    def _drill(
        self, item: Item, picture_tokens: int, again: int = 0
    ) -> list[tuple[list[int], list[int]]]:
        """Tokenize an item about its whole scene, then questions answered from what it lists.

        Looking things up in what was said is learned from many answers to one picture, long before
        it is from the one answer at the end of each chain.
        """
        rng = np.random.default_rng([_DRILL_SALT, item.scene.seed, *([again] if again else [])])
        talk = [self._turn(item.ask(caption_question(item.scene)), picture_tokens)]
        pools: dict[str, dict[str, list[Question]]] = {"mcq": {}, "vqa": {}, "cap": {}}
        for question in questions_for(item.scene):
            pools[question.kind].setdefault(question.topic, []).append(question)
        room = _DRILL_LENGTH - len(talk[0][0]) - len(talk[0][1])
        while True:
            topics = list(pools["mcq" if rng.random() < _DRILL_CHOICES else "vqa"].values())
            pool = topics[int(rng.integers(len(topics)))]
            question = pool[int(rng.integers(len(pool)))]
            turn = self._follow_up(question)
            room -= len(turn[0]) + len(turn[1])
            if room < 0:
                return talk
            talk.append(turn)

    def _follow_up(self, question: Question) -> tuple[list[int], list[int]]:
        start, end = TURN_TOKENS
        asked = f"\n{start}user\n{question.prompt}{end}\n{start}assistant\n"
        said = _answer(question.answer)
        if self.style == "chain":
            said = f"{open_tag('CONCLUSION')}{question.claim}{close_tag('CONCLUSION')}{said}"
        return self._tokenize(asked), self._tokenize(said + end)

    def _tokenize(self, text: str) -> list[int]:
        return self.processor.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _turn(self, item: Item, picture_tokens: int) -> tuple[list[int], list[int]]:
        text = self.processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, _question(item, self.style)]}],
            add_generation_prompt=True,
        )
        text = text.replace(IMAGE_TOKEN, IMAGE_TOKEN * picture_tokens)
        said = completion_of(item, self.style) + TURN_TOKENS[1]
        return self._tokenize(text), self._tokenize(said)


def _answer(text: str) -> str:
    return f"{open_tag('ANSWER')}{text}{close_tag('ANSWER')}"


def _question(item: Item, style: str) -> dict[str, str]:
    text = build_prompt(item.question.prompt, answer_only=style == "answer")
    return {"type": "text", "text": text}
