"""Claims about the bundled models' stages: they run as commands, resume, and refuse in one line."""

import argparse
import dataclasses
import json

import pytest
import torch
from transformers import TrainerCallback

from robust_r1.engine.catalog import find
from robust_r1.errors import InputError, ModelError
from tests.support.training import SMOKE
from train.common.config import load_config
from train.common.history import history_of
from train.tiny import sft, stages
from train.tiny.config import TrainingConfig
from train.tiny.data import completion_of, scene_item
from train.tiny.model import make_model, make_processor
from train.tiny.stages import load_checkpoint, with_samples


@pytest.mark.slow
@pytest.mark.parametrize("stops", [1, 3])
def test_interrupted_chains_resume_to_the_same_weights(base_run, tmp_path, monkeypatch, stops):
    stage = dataclasses.replace(SMOKE.sft, save_every=1)
    config = dataclasses.replace(SMOKE, sft=stage)

    class Stop(TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            if state.global_step == stops:
                raise KeyboardInterrupt

    def train(name):
        sft.run(
            argparse.Namespace(
                start=base_run / "base", output=tmp_path / name, data=None, photos=[],
                no_reasoning=False,
            ),
            config,
        )
        return load_checkpoint(tmp_path / name)[0].state_dict()

    whole = train("whole")
    with monkeypatch.context() as patch:
        patch.setattr(stages, "JsonLines", lambda path: Stop())
        with pytest.raises(KeyboardInterrupt):
            train("cut")
    assert (tmp_path / "cut" / f"checkpoint-{stops}").is_dir()
    resumed = train("cut")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
def test_the_stages_write_checkpoints_logs_and_small_files(base_run):
    for stage in ("base", "sft"):
        folder = base_run / stage
        rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        assert any("train_loss" in row for row in rows)
        weights = list((folder / "half").glob("*.safetensors"))
        assert weights and all(file.stat().st_size < 10_000_000 for file in weights)
    assert (base_run / "base" / "warmup.jsonl").is_file()
    stages = history_of(base_run / "sft")
    assert [stage.stage for stage in stages] == ["encoder warm-up", "answers", "chains"]
    assert stages[2].command.startswith("python -m train.tiny.sft --config smoke --from")
    assert stages[2].samples == SMOKE.sft.samples and stages[2].seed == SMOKE.seed


@pytest.mark.slow
def test_who_loads_a_checkpoint_of_answers_alone_asks_for_no_chain(base_run):
    for stage, reasons in (("base", False), ("sft", True)):
        for folder in (base_run / stage, base_run / stage / "half"):
            assert find(str(folder)).reasons == reasons


@pytest.mark.slow
@pytest.mark.parametrize("name", ["records.jsonl", "authors.jsonl"])
def test_chains_are_learned_from_a_data_file(base_run, data_file, tmp_path, name):
    arguments = argparse.Namespace(
        start=base_run / "base", output=tmp_path, data=data_file.with_name(name), photos=[],
        no_reasoning=False,
    )
    sft.run(arguments, SMOKE)
    (stage,) = history_of(tmp_path)[2:]
    assert stage.samples == 8
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 2 and rows[-1]["train_loss"] > 0


def test_less_than_a_batch_of_samples_is_refused(data_file):
    stage = dataclasses.replace(SMOKE.sft, batch=16)
    with pytest.raises(InputError, match="8 samples, less than one batch of 16"):
        with_samples(stage, 8, data_file)


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "style"), [("base", "answer"), ("sft", "chain")])
def test_what_the_model_says_of_held_out_scenes_is_kept(base_run, stage, style):
    rows = [json.loads(line) for line in (base_run / stage / "samples.jsonl").open()]
    items = [scene_item("validation", index, 0.0) for index in range(4)]
    assert [row["step"] for row in rows] == 4 * [0] + 4 * [getattr(SMOKE, stage).steps]
    assert [row["solution"] for row in rows] == 2 * [completion_of(item, style) for item in items]
    for row, item in zip(rows, 2 * items, strict=True):
        assert item.question.prompt in row["prompt"] and row["split"] == "validation"
        assert 0 < row["tokens"] <= SMOKE.grpo.max_tokens


@pytest.mark.slow
def test_sft_leaves_the_vision_encoder_as_it_was_and_changes_the_text_side(base_run):
    before, _ = load_checkpoint(base_run / "base")
    after, _ = load_checkpoint(base_run / "sft")
    for name, value in before.model.visual.state_dict().items():
        assert torch.equal(value, after.model.visual.state_dict()[name]), name
    changed = before.model.language_model.state_dict()["layers.0.mlp.up_proj.weight"]
    assert not torch.equal(
        changed, after.model.language_model.state_dict()["layers.0.mlp.up_proj.weight"]
    )


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelError, match="run the stage before"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "no configuration"), ("unfounded", "holds no checkpoint")]
)
def test_what_cannot_begin_ends_with_one_line_and_exit_2(commands, name, words):
    folder, told = commands
    status, error = told[name]
    assert status == 2 and not (folder / name).exists()
    assert error.startswith("error: ") and error.count("\n") == 1 and words in error


@pytest.mark.slow
def test_a_disk_that_takes_no_checkpoint_is_told_in_one_line_and_the_command_goes_on_later(
    commands, base_run
):
    _, told = commands
    status, error = told["full"]
    last = error.splitlines()[-1]
    assert status == 2 and "Traceback" not in error
    assert last.startswith(f"error: {base_run / 'sft'} could not be written: ")
    assert last.endswith("make room or choose another folder")
    assert told["sft"][0] == 0


@pytest.mark.slow
def test_what_another_model_left_in_a_runs_folder_is_refused(base_run, tokenizer):
    config = load_config("smoke", TrainingConfig, ["model.text_width=128"])
    wider = make_model(config.model, tokenizer, 0)
    with pytest.raises(ModelError, match="checkpoint-4 is of a model of another shape"):
        stages.resume(wider, base_run / "sft")


def _misfit(folder):
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] *= 2
    (folder / "config.json").write_text(json.dumps(config))


def _cut(folder):
    file = next(folder.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("damage", "words"), [(_misfit, "could not be loaded"), (_cut, "broken or cut short")]
)
def test_a_broken_checkpoint_is_refused_in_one_sentence(tmp_path, tokenizer, damage, words):
    model = make_model(SMOKE.model, tokenizer, 0)
    stages.save_checkpoint(model, make_processor(SMOKE.model, tokenizer), tmp_path, torch.float32)
    assert load_checkpoint(tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelError, match=words) as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)
