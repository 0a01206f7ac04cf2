"""Claims about the bundled models' recipes: sizes, index ranges, and the paper's figures."""

import dataclasses

import pytest

from robust_r1.errors import InputError
from train.common.config import load_config
from train.tiny.config import TrainingConfig


def test_every_bundled_configuration_loads_and_has_widths_in_multiples_of_64():
    for name in ("cpu", "gpu", "smoke"):
        model = dataclasses.asdict(load_config(name, TrainingConfig).model)
        for key in ("vision_width", "vision_mlp", "text_width", "text_mlp"):
            assert model[key] % 64 == 0


def test_stages_draw_from_index_ranges_that_do_not_overlap():
    config = load_config("cpu", TrainingConfig)
    stages = (config.warmup, config.base, config.sft)
    ranges = [range(stage.first_index, stage.first_index + stage.samples) for stage in stages]
    for one, other in zip(ranges, ranges[1:], strict=False):
        assert one.stop <= other.start


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (["grpo.group=1"], "grpo.group is 1"),
        (["grpo.accumulate=3"], "grpo.accumulate is 3, it must divide the 4 completions"),
        (["grpo.temperature=0"], "must be above 0"),
        (["grpo.share=0"], "grpo.share is 0"),
        ([f"grpo.rewards.{n}=0" for n in ("degradation", "length", "format", "accuracy")], "all 0"),
        (["grpo.rewards.speed=1"], "unknown key grpo.rewards.speed"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_settings_that_cannot_work_are_refused_before_anything_runs(changes, fault):
    with pytest.raises(InputError) as caught:
        load_config("smoke", TrainingConfig, changes)
    assert fault in str(caught.value)


def test_reinforcement_draws_scenes_that_no_earlier_stage_drew():
    config = load_config("cpu", TrainingConfig)
    last = max(stage.first_index + stage.samples for stage in (config.base, config.sft))
    assert config.grpo.first_index >= last


def test_the_papers_group_and_beta_are_those_of_the_gpu_and_the_cpu_differs_in_beta_alone():
    gpu, cpu = (load_config(name, TrainingConfig).grpo for name in ("gpu", "cpu"))
    assert (gpu.group, gpu.beta) == (8, 0.04) and (cpu.group, cpu.beta) == (8, 0.02)
