"""Claims about the frozen vision side: each picture is seen once, as it was, without gradients."""

import pytest
import torch
from PIL import Image

from tests.support.training import rows_of, small
from train import grpo, sft
from train.common.adapters import begin, open_start, train_on
from train.common.measured import Measured
from train.common.rows import read_data
from train.common.splits import part_of
from train.common.vision import freeze_vision, pictures_kept

FULL = "lora.quantized=false"


def picture(seed):
    values = torch.randint(0, 256, (64, 96, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(values.to(torch.uint8).numpy())


@pytest.fixture
def start(tiny_checkpoint):
    return open_start(str(tiny_checkpoint), small(FULL))


@pytest.fixture
def looks(start):
    """Count the pictures that each pass through the tower brings, and note whether it learns."""
    seen = []

    def note(tower, given, named):
        seen.append((len(named["grid_thw"]), torch.is_grad_enabled()))

    start.model.get_base_model().model.visual.register_forward_pre_hook(note, with_kwargs=True)
    return seen


def test_what_is_seen_of_repeated_pictures_is_what_the_model_itself_sees(start, looks):
    order = [0, 0, 1, 0, 2, 1]
    shown = start.processor.image_processor([picture(seed) for seed in order], return_tensors="pt")
    model = start.model.get_base_model()
    plain = model.model.get_image_features(**shown).pooler_output
    freeze_vision(model, 2)
    looks.clear()
    for _ in range(2):
        seen = model.get_image_features(**shown).pooler_output
        for one, other in zip(seen, plain, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
        assert not any(one.requires_grad for one in seen)
    # Two were kept of three.
    assert [number for number, _ in looks] == [3, 1] and not any(learns for _, learns in looks)


def test_pictures_that_differ_in_one_number_are_told_apart(start):
    model = start.model.get_base_model()
    shown = start.processor.image_processor([picture(0), picture(0)], return_tensors="pt")
    shown["pixel_values"][-1, -2] += 1
    freeze_vision(model, 2)
    one, other = model.get_image_features(**shown).pooler_output
    assert not torch.equal(one, other)


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_a_run_looks_at_each_picture_once_a_step_and_never_backwards(
    stage, tiny_checkpoint, start, looks, data_file, tmp_path
):
    module = {"sft": sft, "grpo": grpo}[stage]
    config = small(FULL, "grpo.save_every=99", "sft.save_every=99", "sft.epochs=1")
    begin(config)
    records = part_of(read_data(data_file), stage, config.sft_share, config.seed)
    course = module.course_of(len(records), config)
    further = (Measured(),) if stage == "sft" else ()
    where = (data_file.parent, config, course, tmp_path)
    trainer = module.make_trainer(start, records, *where, *further)
    train_on(trainer, stage, config, tmp_path)
    steps = [number for number, learns in looks if not learns]
    assert len(steps) == len(looks)
    # Chains: two samples a step, and two more that are asked at the end. Rewards: one prompt a
    # step, for four completions, their reference and their policy.
    assert steps == {"sft": [2, 2, 2], "grpo": [1, 1, 1, 1]}[stage]
    assert any(row.get("grad_norm") for row in rows_of(tmp_path / "log.jsonl"))


@pytest.mark.parametrize("spread", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_no_picture_is_remembered_where_all_devices_must_look_together(spread, monkeypatch):
    assert pictures_kept(4) == 4
    monkeypatch.setenv(spread, "true")
    assert pictures_kept(4) == 0


def test_policy_and_reference_are_one_before_anything_is_learned(
    adapt, tiny_checkpoint, data_file, tmp_path
):
    config = small(FULL, "lora.dropout=0.5", "sft.epochs=1", "grpo.group=2", "grpo.max_tokens=16")
    taught = adapt("sft", tmp_path / "sft", tiny_checkpoint, config)
    rewarded = adapt("grpo", tmp_path / "rl", taught, config)
    divergence = [row["kl"] for row in rows_of(rewarded / "log.jsonl") if "kl" in row]
    assert divergence[0] == pytest.approx(0, abs=1e-6)
