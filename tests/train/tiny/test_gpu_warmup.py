"""What a swing on a GPU is made of, tried on a CPU: batches, optimizer, deeper tower, measures."""

import numpy as np
import pytest
import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from robust_r1.chain import Finding
from train.tiny.deepen import deepened
from train.tiny.encoder import fast_dtype
from train.tiny.feed import Feed
from train.tiny.optim import MuonAdamW
from train.tiny.perception import Check, View, score, sight_of
from train.tiny.pictures import IDS
from train.tiny.stacked import StackedMuon


def test_batches_of_several_processes_arrive_as_they_were_made():
    def make(number: int) -> dict[str, np.ndarray]:
        return {"a": np.full((3, 2), number, np.int16), "b": np.arange(number % 5 + 1) * 0.5}

    feed = Feed(make, processes=2, slots=4)
    seen = [feed.take(lambda arrays: {key: part.copy() for key, part in arrays.items()})
            for _ in range(12)]  # fmt: skip
    feed.close()
    numbers = [int(batch["a"][0, 0]) for batch in seen]
    assert len(set(numbers)) == 12
    for number, batch in zip(numbers, seen, strict=True):
        assert batch["a"].shape == (3, 2) and (batch["a"] == number).all()
        assert (batch["b"] == np.arange(number % 5 + 1) * 0.5).all()


def test_a_deeper_tower_says_the_same_at_first(tiny_checkpoint):
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny_checkpoint).float()
    depth = model.config.vision_config.depth
    deeper = deepened(model, depth + 2)
    assert len(deeper.model.visual.blocks) == depth + 2
    width = model.model.visual.patch_embed.proj.weight[0].numel()
    patches, grid = torch.randn(16, width), torch.tensor([[1, 4, 4]])
    with torch.no_grad():
        first, second = (
            one.eval().model.visual(patches, grid_thw=grid).pooler_output for one in (model, deeper)
        )
    first, second = (torch.cat(list(one)) for one in (first, second))
    assert torch.allclose(first, second, atol=1e-5)


def test_stacked_steps_are_those_of_the_optimizer():
    torch.manual_seed(0)
    shapes = [(8, 16), (8, 16), (16, 8), (12,), (1, 5)]
    sides = []
    for kind in (MuonAdamW, StackedMuon):
        torch.manual_seed(1)
        weights = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
        names = ["a", "b", "c", "bias", "embed"]
        optimizer = kind(zip(names, weights, strict=True), rate=0.02)
        for _ in range(3):
            for weight in weights:
                weight.grad = torch.randn_like(weight)
            optimizer.step()
        sides.append(torch.cat([weight.detach().flatten() for weight in weights]))
    tolerance = 2e-3 if fast_dtype() == torch.bfloat16 else 1e-2
    assert (sides[0] - sides[1]).abs().max() < tolerance


def test_a_kind_counts_from_where_the_probes_find_it_half_the_time():
    levels = np.linspace(0.05, 0.95, 60)
    kinds = np.concatenate([np.full(60, IDS.index("darkness")), np.full(40, -1)])
    logits = np.full((100, len(IDS)), -4.0)
    logits[:60, IDS.index("darkness")] = np.where(levels > 0.5, 3.0, -3.0)
    check = Check(np.zeros((100, 1)), kinds, np.concatenate([levels, np.zeros(40)]))
    sight, row = sight_of([check], [logits])
    assert sight["darkness"] == pytest.approx(0.34, abs=0.1)
    assert sight["lens_blur"] == 0.75
    # Of the 43 levels from .31 on, the 30 above .5.
    assert row["probe_false"] == 0 and row["probe_recall"]["darkness"] == pytest.approx(0.7)
    assert row["probe_recall"]["lens_blur"] is None  # not shown at all


def test_a_saved_view_may_be_said_to_have_a_little_jpeg_compression():
    blank, true = np.zeros((1, 1, 3)), (Finding("graffiti", 0.45),)
    views = [View(blank, (), 0.0, True), View(blank, (), 0.0, False), View(blank, true, 0.45, True)]
    little = (Finding("jpeg compression", 0.15),)
    row = score(views, [little, little, (Finding("graffiti", 0.55),)])
    assert (row["false_saved"], row["false_unsaved"]) == (0, 1)
    assert row["f1_0.45"] == 1 and row["mae"] == pytest.approx(0.1)
