"""Claims about rows for reinforcement, and about an encoder that sees each picture once."""

import numpy as np
import torch

from robust_r1.chain import build_prompt, parse
from robust_r1.rewards import accuracy_reward
from robust_r1.scenes import make_item
from train.tiny import rollouts
from train.tiny.stages import load_checkpoint


def test_rows_hold_what_policy_and_rewards_need():
    dataset = rollouts.rollout_dataset("train", 70, 12)
    for index, row in enumerate(dataset.select(range(12)), 70):
        item = make_item("train", index)
        assert row["prompt"] == [{"role": "user", "content": build_prompt(item.question.prompt)}]
        assert np.array_equal(np.asarray(row["images"][0]), item.image())
        assert parse(row["solution"]).chain == item.chain
        assert row["choices"] == list(item.question.choices)
        columns = {"solution": [row["solution"]], "choices": [row["choices"]]}
        assert accuracy_reward([row["solution"]], **columns) == [1.0]


def test_a_group_draws_its_scene_once(monkeypatch):
    drawn = []
    draw = rollouts.scene_item
    watched = lambda *each, **more: drawn.append(each[:2]) or draw(*each, **more)  # noqa: E731
    monkeypatch.setattr(rollouts, "scene_item", watched)
    rollouts._row.cache_clear()
    rows = rollouts.rollout_dataset("train", 80, 2).select([0] * 8 + [1] * 8)
    assert len(list(rows)) == 16 and sorted(drawn) == [("train", 80), ("train", 81)]


def test_reinforcement_can_be_given_more_undamaged_scenes():
    rows = rollouts.rollout_dataset("train", 80, 12, clean=1.0)
    assert all(not parse(row["solution"]).chain.findings for row in rows)


def test_remembered_pictures_give_the_same_features_and_are_seen_once(start):
    model, processor = load_checkpoint(start)
    vision, sizes = model.model.visual, ((192, 192), (128, 256), (192, 192))
    pictures = [np.random.default_rng(n).integers(0, 255, (*size, 3), np.uint8)
                for n, size in enumerate(sizes)]  # fmt: skip
    shown = [pictures[number] for number in (0, 1, 0, 2, 1)]
    inputs = processor.image_processor(images=shown, return_tensors="pt")
    patches, grid = inputs["pixel_values"], inputs["image_grid_thw"]
    with torch.no_grad():
        plain = vision(patches, grid_thw=grid).pooler_output
        seen, real = [], vision.forward

        def counted(patches, grid_thw):
            seen.append(len(grid_thw))
            return real(patches, grid_thw=grid_thw)

        vision.forward = counted
        rollouts.remember_pictures(vision, 2)
        for _ in range(2):
            again = vision(patches, grid_thw=grid).pooler_output
            assert torch.allclose(again, plain, atol=1e-5)
        # Two of the three are remembered; the one that had to go is seen again.
        assert seen[0] == 3 and sum(seen) <= 5
