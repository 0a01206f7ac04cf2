"""Claims about samples.jsonl: what is kept is what a model says, and keeping changes nothing."""

import json
from types import SimpleNamespace

import torch

from robust_r1.rewards import format_reward
from tests.support.training import SMOKE, rows_of
from train.common.completions import CompletionLog, SampleLog
from train.tiny.model import make_model, make_processor
from train.tiny.sampler import Sampler
from train.tiny.stages import shown_scenes


def test_what_is_kept_is_what_the_model_answers_and_leaves_it_in_training(tokenizer, tmp_path):
    model = make_model(SMOKE.model, tokenizer, seed=1).train()
    processor = make_processor(SMOKE.model, tokenizer)
    told, arguments = {}, SimpleNamespace(gradient_checkpointing_kwargs=None)
    for name, generate in (("own", model.generate), ("fast", Sampler(model))):
        log = CompletionLog(tmp_path / name, shown_scenes("chain"), processor, generate, 8)
        before = torch.random.get_rng_state()
        first = SimpleNamespace(is_world_process_zero=True, global_step=3)
        log.on_save(arguments, first, None, model)
        assert torch.equal(before, torch.random.get_rng_state())
        told[name] = [json.loads(line) for line in (tmp_path / name).open()]
    assert told["own"] == told["fast"] and model.training
    log.on_save(arguments, SimpleNamespace(is_world_process_zero=False), None, model)
    assert len((tmp_path / "fast").read_text().splitlines()) == 4


def test_the_sample_log_leaves_rewards_alone_and_keeps_its_pace(tmp_path):
    log = SampleLog(tmp_path / "samples.jsonl", every=2, group=1)
    (watched,) = log.watch([format_reward])
    assert watched.__name__ == "format_reward"
    for step in (0, 1, 1, 2, 2, 3, 4):
        columns = {"question": ["q", "q"], "solution": ["s", "s"], "completion_ids": [[1], [2]]}
        state = SimpleNamespace(global_step=step)
        assert watched(completions=["a", "b"], trainer_state=state, **columns) == [0.0, 0.0]
    assert [row["step"] for row in rows_of(tmp_path / "samples.jsonl")] == [0, 2, 4]
