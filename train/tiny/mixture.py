"""Batches of photographs and scenes with all that a swing on a GPU learns from them."""

from collections.abc import Sequence

import numpy as np

from robust_r1.engine.processing import ImageTextProcessor
from robust_r1.scenes import draw_size
from train.tiny.config import DecisionWeights
from train.tiny.data import Collator
from train.tiny.decisions import Decisions
from train.tiny.feed import Arrays
from train.tiny.pictures import IDS, Pictures
from train.tiny.warmup import token_labels

_SIZE_SALT = 0x6B1D
_DRILLS = 0.35  # share of the batches of scenes whose text is drills
_PHOTOS = 0.55  # share of the batches that are photographs
# Scenes that no other stage draws.
_FIRST_INDEX = 800_000_000


class Maker:
    """Make batch `number`: pictures, what the probes and the chain must say of them.

    Args:
        pictures: draws them.
        processor: of the model, for its tokenizer and sizes.
        batch: pictures in a batch.
        sight: shared memory of the 16 intensities from which a kind counts on photographs.
    """

    def __init__(
        self,
        pictures: Pictures,
        processor: ImageTextProcessor,
        batch: int,
        sight: Sequence[float],
    ) -> None:
        self.pictures, self.batch, self.sight = pictures, batch, sight
        # As the rows beside completions in train.tiny.grpo: what they answer counts double.
        weights = DecisionWeights(names=2.0, intensities=30.0, answers=0.0, false_alarm=14.0)
        decisions = Decisions(processor.tokenizer, weights)
        self.collator = Collator(
            processor, "train", 0, batch, "chain", decisions=decisions, emphasis=1.5
        )

    def __call__(self, number: int) -> Arrays:
        rng = np.random.default_rng([_SIZE_SALT, number])
        photo, drill = rng.random() < _PHOTOS, rng.random() < _DRILLS
        self.pictures.sight = dict(zip(IDS, self.sight, strict=True))
        if photo:
            shown = self.pictures.photos(number, self.batch)
        else:
            first = _FIRST_INDEX + number * self.batch
            shown = self.pictures.scenes(first, self.batch, draw_size(rng))
        items = [one.item for one in shown]
        batch = self.collator.lay_out(items, [one.picture for one in shown], drill and not photo)
        names = ("present", "intensity", "noun", "color", "center")
        labels = [token_labels(item) for item in items]
        arrays = {
            name: np.stack(part)
            for name, part in zip(names, zip(*labels, strict=True), strict=True)
        }
        arrays |= {
            "noun": arrays["noun"].astype(np.uint8),
            "color": arrays["color"].astype(np.uint8),
            "local": np.stack([one.local for one in shown]).astype(np.uint8),
            "images": batch["images"].numpy(),
            "tokens": batch["tokens"].numpy().astype(np.int16),
            "labels": batch["labels"].numpy().astype(np.int16),
            "weights": batch["weights"].numpy(),
            "photo": np.array([photo]),
        }
        return arrays | {k: v.numpy() for k, v in batch.items() if k.startswith("decision_")}
