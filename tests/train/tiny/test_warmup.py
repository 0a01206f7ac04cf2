"""Claims about the encoder's warm-up: labels lie under their objects, a resumed run is the same."""

import dataclasses

import pytest
import torch

from robust_r1.errors import ModelError
from robust_r1.scenes import make_item
from tests.support.training import SMOKE
from train.common.config import load_config
from train.tiny import warmup
from train.tiny.config import TrainingConfig
from train.tiny.model import make_model, make_processor, prepare_vision
from train.tiny.optim import MuonAdamW


def test_labels_mark_the_tokens_under_each_object():
    for index in range(30):
        item = make_item("train", index)
        _, intensity, noun, color, center = warmup.token_labels(item)
        assert (intensity > 0).sum() == len(item.plan)
        columns = item.scene.width // warmup.TOKEN
        for thing in item.scene.things:
            cell = int(thing.y // warmup.TOKEN) * columns + int(thing.x // warmup.TOKEN)
            assert noun[cell] == 1 + warmup.NOUNS.index(thing.noun)
            assert center[cell] == 1
        assert ((noun > 0) == (color > 0)).all()
        assert center.sum() == len(item.scene.things)


@pytest.mark.slow
def test_an_interrupted_warm_up_resumes_to_the_same_encoder(tokenizer, tmp_path, monkeypatch):
    stage = dataclasses.replace(SMOKE.warmup, save_every=2)
    config = dataclasses.replace(SMOKE, warmup=stage)
    images = make_processor(config.model, tokenizer).image_processor

    def encoder():
        vision = make_model(config.model, tokenizer, config.seed).model.visual
        prepare_vision(vision, images, config)
        return vision

    def train(vision, name):
        (tmp_path / name).mkdir(exist_ok=True)
        warmup.train_encoder(vision, images, config, tmp_path / name)
        return torch.nn.utils.parameters_to_vector(vision.parameters()).detach()

    whole = train(encoder(), "whole")
    real = warmup._save

    def save_and_die(path, module, optimizer, step):
        real(path, module, optimizer, step)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(warmup, "_save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train(encoder(), "cut")
    assert torch.equal(train(encoder(), "cut"), whole)


def test_what_another_encoder_left_in_a_runs_folder_is_refused(tokenizer, tmp_path):
    wider = make_model(
        load_config("smoke", TrainingConfig, ["model.text_width=128"]).model, tokenizer, 0
    )
    optimizer = MuonAdamW(wider.named_parameters(), rate=0.1)
    warmup._save(tmp_path / "left.pt", wider, optimizer, 1)
    with pytest.raises(ModelError, match="left.pt is of a model of another shape"):
        warmup._restore(tmp_path / "left.pt", make_model(SMOKE.model, tokenizer, 0), optimizer)
