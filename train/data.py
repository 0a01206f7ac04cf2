"""Scenes as training data for TRL: rows of prompt, completion and images, drawn when asked for."""

import cv2
from datasets import Dataset
from PIL import Image

from robust_r1.chain import build_prompt, close_tag, open_tag, render
from robust_r1.scenes import Item, make_item

STYLES = ("answer", "chain")


def completion_of(item: Item, style: str) -> str:
    """Return what a model should say: the answer section alone, or the whole chain."""
    if style == "answer":
        return f"{open_tag('ANSWER')}{item.chain.answer}{close_tag('ANSWER')}"
    return render(item.chain)


def scene_dataset(split: str, first_index: int, count: int, style: str) -> Dataset:
    """Make a dataset of `count` scenes of a split, from `first_index` on.

    A row is drawn when it is read and is the same each time, so nothing is stored, any number of
    workers gives the same rows, and a resumed run skips what it has seen at no cost.

    Args:
        split: "train", "validation" or "test".
        first_index: index of the first scene within the split.
        count: number of rows.
        style: a member of `STYLES`.
    """
    indices = Dataset.from_dict({"index": list(range(first_index, first_index + count))})

    def draw(rows: dict) -> dict:
        cv2.setNumThreads(1)
        items = [make_item(split, index) for index in rows["index"]]
        return {
            "prompt": [_prompt(item, style) for item in items],
            "completion": [
                [{"role": "assistant", "content": completion_of(item, style)}] for item in items
            ],
            "images": [[Image.fromarray(item.image())] for item in items],
        }

    return indices.with_transform(draw)


def _prompt(item: Item, style: str) -> list[dict]:
    text = build_prompt(item.question.prompt, answer_only=style == "answer")
    return [{"role": "user", "content": text}]
