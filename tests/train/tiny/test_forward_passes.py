"""Claims about the fast forward passes: they give the numbers of transformers."""

import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from robust_r1.chain import build_prompt
from robust_r1.errors import InputError, ModelError
from robust_r1.scenes import make_item
from train.common.config import load_config
from train.tiny import decoder
from train.tiny.config import TrainingConfig
from train.tiny.data import Collator, scene_item
from train.tiny.decoder import IGNORED, Decoder
from train.tiny.encoder import Encoder, patches_of
from train.tiny.model import make_model, make_processor
from train.tiny.sampler import Sampler
from train.tiny.stages import load_checkpoint


def test_a_tower_that_attends_within_windows_is_not_run_as_if_it_did_not(tokenizer):
    deeper = load_config("smoke", TrainingConfig, ["model.vision_depth=2"]).model
    model = make_model(deeper, tokenizer, seed=1)
    Encoder(model.model.visual)
    model.model.visual.fullatt_block_indexes = [1]
    with pytest.raises(ModelError, match="attends within windows"):
        Encoder(model.model.visual)


@pytest.mark.parametrize("size", [(192, 192), (224, 160), (256, 128)])
def test_the_forward_passes_for_training_give_the_numbers_of_transformers(
    tokenizer, size, monkeypatch
):
    changes = ["model.text_heads=2", "model.vision_depth=2"]
    config = load_config("smoke", TrainingConfig, changes).model
    model = make_model(config, tokenizer, seed=1).eval()
    processor = make_processor(config, tokenizer)
    monkeypatch.setattr(processor.tokenizer, "padding_side", "right")
    collator = Collator(processor, "train", 0, 3, "chain")
    items = [scene_item("train", index, 0.0, size) for index in range(3)]
    texts = ["".join(tokenizer.batch_decode(collator._turn(item, 1))) for item in items]
    images = [[item.image()] for item in items]
    whole = processor(images=images, text=texts, return_tensors="pt", padding=True)
    labels = whole["input_ids"].masked_fill(whole["attention_mask"] == 0, IGNORED)
    encoder, decoder = Encoder(model.model.visual), Decoder(model)
    encoder.dtype = decoder.dtype = torch.float32
    grid = whole["image_grid_thw"][0]
    with torch.no_grad():
        wanted = model(**whole).logits[:, :-1][labels[:, 1:] != IGNORED]
        pixels = torch.from_numpy(np.concatenate([image[0][None] for image in images]))
        pictures = encoder(patches_of(pixels, processor.image_processor), *grid[1:].tolist())
        got, asked = decoder(whole["input_ids"], labels, pictures, grid)
        encoder.replace_forward()
        again = model.model.visual(whole["pixel_values"], grid_thw=whole["image_grid_thw"])
    assert torch.allclose(got, wanted, atol=1e-4)
    assert asked.tolist() == labels[:, 1:][labels[:, 1:] != IGNORED].tolist()
    assert torch.allclose(again.pooler_output, pictures.flatten(0, 1), atol=1e-5)


def test_completions_are_scored_as_transformers_scores_them(start, monkeypatch):
    model, processor = load_checkpoint(start)
    monkeypatch.setattr(decoder, "fast_dtype", lambda: torch.float32)
    items = [make_item("train", index) for index in (3, 5, 8)]
    parts = [[{"type": "image"}, {"type": "text", "text": "Why?" * count}] for count in (1, 9, 4)]
    turns = [[{"role": "user", "content": part}] for part in parts]
    texts = [processor.apply_chat_template(turn, add_generation_prompt=True) for turn in turns]
    images = [[item.image()] for item in items]
    inputs = dict(processor(images=images, text=texts, return_tensors="pt", padding=True))
    prompt, seen = inputs["input_ids"], inputs["attention_mask"]
    said = torch.randint(8, 200, (3, 7), generator=torch.Generator().manual_seed(1))
    inputs["mm_token_type_ids"] = torch.cat(
        [inputs["mm_token_type_ids"], torch.zeros_like(said)], 1
    )
    inputs["input_ids"] = torch.cat([prompt, said], 1)
    inputs["attention_mask"] = torch.cat([seen, torch.ones_like(said)], 1)
    inputs["attention_mask"][1, -2:] = 0  # a shorter completion is padded on the right
    with torch.no_grad():
        logits = model(**inputs).logits[:, -8:-1] / 0.7
        wanted = logits.log_softmax(-1).gather(-1, said[..., None]).squeeze(-1)
        got, entropy = decoder.log_probabilities(
            decoder.completion_logits(
                model, inputs["input_ids"], inputs["attention_mask"], 7, inputs
            ),
            said,
            temperature=0.7,
        )
    there = inputs["attention_mask"][:, -7:] > 0
    assert torch.allclose(got[there], wanted[there], atol=1e-4)
    spread = torch.distributions.Categorical(logits=logits).entropy()
    assert torch.allclose(entropy[there], spread[there], atol=1e-4)


@pytest.mark.slow
def test_the_sampler_completes_as_transformers_generates(start):
    model, processor = load_checkpoint(start)
    model.eval()
    items = [make_item("validation", index) for index in range(6)]
    texts = [
        processor.apply_chat_template(
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image"},
                        {"type": "text", "text": build_prompt(item.question.prompt)},
                    ],
                }
            ],
            add_generation_prompt=True,
        )
        for item in items
    ]
    images = [[item.image()] for item in items]
    inputs = dict(processor(images=images, text=texts, return_tensors="pt", padding=True))
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.config.image_token_id).long()
    # Random weights never say the end: any frequent token may be it here, so that rows do end.
    free = GenerationConfig(max_new_tokens=24, do_sample=False, pad_token_id=0, eos_token_id=1)
    said = model.generate(**inputs, generation_config=free)[:, inputs["input_ids"].shape[1] :]
    ends = said[:3, 4].unique().tolist()
    settings = GenerationConfig(
        max_new_tokens=24, do_sample=False, pad_token_id=0, eos_token_id=ends
    )
    wanted = model.generate(**inputs, generation_config=settings)
    sampler = Sampler(model)
    sampler.dtype = torch.float32
    got = sampler(**inputs, generation_config=settings)
    assert got.tolist() == wanted.tolist()
    assert (got == 0).any() and len({row.count(0) for row in got.tolist()}) > 1
    drawn = GenerationConfig(
        max_new_tokens=24, do_sample=True, top_k=0, pad_token_id=0, eos_token_id=1, temperature=1.0
    )
    torch.manual_seed(3)
    one, other = (sampler(**inputs, generation_config=drawn) for _ in range(2))
    torch.manual_seed(3)
    again = sampler(**inputs, generation_config=drawn)
    assert one.tolist() == again.tolist() and one.tolist() != other.tolist()


def test_the_sampler_refuses_settings_that_it_does_not_know(start):
    with pytest.raises(InputError, match="top_k, repetition_penalty"):
        Sampler(load_checkpoint(start)[0])(
            None, None, GenerationConfig(do_sample=True, top_k=5, repetition_penalty=1.2)
        )
