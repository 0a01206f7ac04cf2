"""Text that is trained on pictures read once: what changes, what stays, what is asked."""

import argparse
import json

import numpy as np
import pytest
import torch

from robust_r1.scenes import make_item
from tests.support.training import SMOKE
from train.tiny import reread
from train.tiny.data import Collator
from train.tiny.stages import load_checkpoint


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Write forty small pictures of noise on a slope, of which some are for validation."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 255, 80)[None, :, None]
    for number in range(40):
        picture = slope * rng.uniform(0.4, 1, 3) + rng.normal(0, 20, (64, 80, 3))
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def test_the_text_learns_and_the_tower_stays_as_it_was(start, photos, tmp_path):
    arguments = argparse.Namespace(
        start=start, photos=[photos], output=tmp_path, minutes=0.12, rate=1e-3, scenes=1, crops=1,
        false_alarm=16.0,
    )  # fmt: skip
    reread.run(arguments, SMOKE)
    (before, _), (after, _) = (load_checkpoint(folder) for folder in (start, tmp_path))
    vision, text = (
        [torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True)]
        for one, other in (
            (before.model.visual, after.model.visual),
            (before.model.language_model, after.model.language_model),
        )
    )
    assert all(vision) and not any(text[:3])
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").open(encoding="utf-8")]
    assert [row["turn"] for row in rows] == [step % 4 for step in range(len(rows))]
    (stage,) = json.loads((tmp_path / "history.json").read_text(encoding="utf-8"))
    assert stage["samples"] == 64 * len(rows) and (tmp_path / "half" / "config.json").is_file()


def test_scenes_that_are_drilled_again_are_asked_other_questions(start):
    _, processor = load_checkpoint(start)
    collator = Collator(processor, "train", 0, 2, "chain")
    items = [make_item("train", index, (64, 64)) for index in (3, 4)]
    images = [np.zeros((64, 64, 3), np.uint8)] * 2
    first, same, other = (
        collator.lay_out(items, images, True, again)["tokens"] for again in (0, 0, 1)
    )
    assert torch.equal(first, same) and not torch.equal(first, other)
