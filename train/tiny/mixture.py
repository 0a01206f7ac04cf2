"""Batches of photographs and scenes with all that a swing on a GPU learns from them.

Each batch is laid out twice: with chains, and with answers alone for a model that learns the same
pictures without reasoning.
"""

from collections.abc import Sequence

import numpy as np

from robust_r1.engine.processing import ImageTextProcessor
from robust_r1.scenes import draw_size
from train.tiny.config import DecisionWeights
from train.tiny.data import Collator
from train.tiny.decisions import Decisions
from train.tiny.feed import Arrays
from train.tiny.pictures import IDS, Pictures, Shown
from train.tiny.warmup import token_labels

_SIZE_SALT = 0x6B1D
_DRILLS = 0.45  # share of the batches of scenes whose text is drills
_PHOTOS = 0.55  # share of the batches that are photographs
# Scenes that no other stage draws.
_FIRST_INDEX = 800_000_000
ANSWERS = "answers_"  # what the names of the second layout begin with
_LAID_OUT = ("tokens", "labels", "weights")


class Maker:
    """Make batch `number`: pictures, what the probes and the chain must say of them.

    Args:
        pictures: draws them.
        unseen: draws two of four batches instead where `unseen_now` says so; see
            `train.tiny.calibrate`.
        processor: of the model, for its tokenizer and sizes.
        batch: pictures in a batch.
        sight: shared memory of the 16 intensities from which a kind counts on photographs.
        unseen_now: shared memory of one number, 0 or 1.
    """

    def __init__(
        self,
        pictures: Pictures,
        unseen: Pictures,
        processor: ImageTextProcessor,
        batch: int,
        sight: Sequence[float],
        unseen_now: Sequence[int],
    ) -> None:
        self.pictures, self.unseen, self.batch = pictures, unseen, batch
        self.sight, self.unseen_now = sight, unseen_now
        # As the rows beside completions in train.tiny.grpo: what they answer counts double.
        weights = DecisionWeights(names=2.0, intensities=30.0, answers=0.0, false_alarm=14.0)
        decisions = Decisions(processor.tokenizer, weights)
        self.collator = Collator(
            processor, "train", 0, batch, "chain", decisions=decisions, emphasis=1.5
        )
        self.plain = Collator(processor, "train", 0, batch, "answer")

    def __call__(self, number: int) -> Arrays:
        rng = np.random.default_rng([_SIZE_SALT, number])
        photo, drill = rng.random() < _PHOTOS, rng.random() < _DRILLS
        source = self.pictures
        if self.unseen_now[0]:
            photo = number % 4 != 3
            source = self.unseen if number % 4 in (0, 2) else self.pictures
        source.sight = dict(zip(IDS, self.sight, strict=True))
        if photo:
            shown = source.photos(number, self.batch)
        else:
            first = _FIRST_INDEX + number * self.batch
            shown = source.scenes(first, self.batch, draw_size(rng))
        return self._arrays(shown, photo, drill and not photo)

    def _arrays(self, shown: Sequence[Shown], photo: bool, drill: bool) -> Arrays:
        items, images = [one.item for one in shown], [one.picture for one in shown]
        batch = self.collator.lay_out(items, images, drill)
        plain = self.plain.lay_out(items, images, drill)
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
            "photo": np.array([photo]),
        }
        for before, laid in (("", batch), (ANSWERS, plain)):
            parts = {name: laid[name].numpy() for name in _LAID_OUT}
            arrays |= {
                before + name: part if part.dtype == np.float32 else part.astype(np.int16)
                for name, part in parts.items()
            }
        return arrays | {k: v.numpy() for k, v in batch.items() if k.startswith("decision_")}
