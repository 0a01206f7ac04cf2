"""Claims about samples.jsonl: what is kept is what a model says, and keeping changes nothing."""

import json
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator

from robust_r1.rewards import format_reward
from tests.support.training import SMOKE, rows_of
from train.common.answering import Answering
from train.common.completions import FixedPrompts
from train.common.rewards import Scoring
from train.common.samples_file import SamplesFile
from train.tiny.model import make_model, make_processor
from train.tiny.sampler import Sampler
from train.tiny.stages import shown_scenes


def stated(step):
    return SimpleNamespace(is_world_process_zero=True, global_step=step)


@pytest.fixture(scope="module")
def trainer(tokenizer):
    """Return as much of a trainer as answers take, with a model in training."""
    model = make_model(SMOKE.model, tokenizer, seed=1).train()
    arguments = SimpleNamespace(gradient_checkpointing_kwargs=None)
    return SimpleNamespace(model_wrapped=model, accelerator=Accelerator(cpu=True), args=arguments)


@pytest.fixture(scope="module")
def processor(tokenizer):
    """Return the model's processor."""
    return make_processor(SMOKE.model, tokenizer)


def test_what_is_kept_is_what_the_model_answers_and_leaves_it_in_training(
    trainer, processor, tmp_path
):
    model, told = trainer.model_wrapped, {}
    for name, batch, generate in (("own", 4, None), ("fast", 4, Sampler(model)), ("few", 1, None)):
        answering = Answering(trainer, processor, batch, 8, generate=generate)
        log = FixedPrompts(SamplesFile(tmp_path / name), shown_scenes("chain"), answering)
        before = torch.random.get_rng_state()
        log.on_save(None, stated(3), None)
        assert torch.equal(before, torch.random.get_rng_state())
        told[name] = rows_of(tmp_path / name)
    assert told["own"] == told["fast"] == told["few"] and model.training
    assert [(row["kind"], row["step"], row["sample"]) for row in told["own"]] == [
        ("greedy", 3, f"validation-{number}") for number in range(4)
    ]


def test_groups_differ_by_member_and_step_and_draw_nothing_of_the_run(
    trainer, processor, tmp_path
):
    answering = Answering(trainer, processor, 2, 8)
    scoring = Scoring([format_reward], [2.0])
    asked = shown_scenes("chain")[:2]
    log = FixedPrompts(SamplesFile(tmp_path / "s"), asked, answering, scoring, 3, seed=5)
    for step in (4, 8, 4):
        before = torch.random.get_rng_state()
        log.on_save(None, stated(step), None)
        assert torch.equal(before, torch.random.get_rng_state())
    rows = rows_of(tmp_path / "s")
    first, second, again = rows[:8], rows[8:16], rows[16:]
    assert first == again
    assert [(row["kind"], row["sample"], row["member"]) for row in first] == [
        *(("greedy", one.sample, 0) for one in asked),
        *(("watched", one.sample, member) for one in asked for member in range(3)),
    ]
    said = [
        {row["completion"] for row in part if row["kind"] == "watched"} for part in (first, second)
    ]
    assert len(said[0]) == len(said[1]) == 6 and not said[0] & said[1]
    assert all(row["reward"] == 2 * row["format_reward"] for row in first)
    assert [row["advantage"] for row in first] == [None] * 2 + [0.0] * 6


def lines_of(path):
    # What is said may hold characters that end a line for `splitlines`.
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def test_a_run_that_goes_on_finds_no_line_that_it_will_write_again(tmp_path):
    path = tmp_path / "samples.jsonl"
    old = [{"step": 0, "format_reward": 1.0, "completion": "a\u2028b"}, {"step": 2, "solution": ""}]
    new = [
        {"kind": kind, "step": at, "member": member}
        for at in (0, 2, 4)
        for kind, members in (("greedy", 1), ("watched", 2), ("trained", 2))
        for member in range(members)
    ]
    file = SamplesFile(path)
    file.add([*old, *new])
    path.write_text(path.read_text("utf-8") + '{"kind": "gre', "utf-8")
    assert file.begin(4, fixed=3) and lines_of(path) == [*old, *new[:-2]]
    # At step 2 something of an earlier version stands besides the three: all is said again.
    assert not file.begin(2, fixed=3)
    assert lines_of(path) == [row for row in (*old, *new) if row["step"] == 0]
    assert not file.begin(0, fixed=3) and lines_of(path) == []
