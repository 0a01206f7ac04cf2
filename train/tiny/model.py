"""Make a bundled model: an ordinary Qwen2.5-VL of a few million parameters, with a tokenizer."""

from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AddedToken,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from robust_r1.chain import TAGS, build_prompt, render
from robust_r1.engine.processing import (
    IMAGE_TOKEN,
    PAD_TOKEN,
    TURN_TOKENS,
    VIDEO_TOKEN,
    VISION_TOKENS,
    ImageTextProcessor,
    build_processor,
)
from robust_r1.scenes import make_item
from train.tiny import attention, patches
from train.tiny.config import ModelConfig, TrainingConfig

START, END = TURN_TOKENS
SPECIAL = (PAD_TOKEN, *TURN_TOKENS, *VISION_TOKENS)
_TEXTS = 4000  # scenes whose prompts and chains teach the tokenizer its words


def make_tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on prompts and chains of training scenes.

    Digits stay single, so that an intensity is read digit by digit. The section tags are ordinary
    added tokens: special ones would vanish when text is decoded for rewards.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(TAGS),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        eos_token=END,
        additional_special_tokens=[START, *VISION_TOKENS],
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    fast.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return fast


def _texts():
    for index in range(_TEXTS):
        item = make_item("train", index)
        text = render(item.chain)
        for tag in TAGS:
            text = text.replace(tag, "\n")
        yield text
        prompt = build_prompt(item.question.prompt)
        yield prompt if index < 200 else item.question.prompt


def make_processor(config: ModelConfig, tokenizer: PreTrainedTokenizerFast) -> ImageTextProcessor:
    """Make the processor: patches in phase with JPEG's grid, a budget in pixels."""
    return build_processor(
        tokenizer,
        patch_size=config.patch,
        min_pixels=config.max_pixels // 2,
        max_pixels=config.max_pixels,
    )


def make_model(
    config: ModelConfig, tokenizer: PreTrainedTokenizerFast, seed: int
) -> Qwen2_5_VLForConditionalGeneration:
    """Make a model with first weights drawn by a seed, embeddings tied."""
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(_architecture(config, tokenizer))
    attention.initialize(model.model.language_model)
    return model


def _architecture(config: ModelConfig, tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLConfig:
    token = tokenizer.convert_tokens_to_ids
    head = config.text_width // config.text_heads
    return Qwen2_5_VLConfig(
        vision_config={
            "depth": config.vision_depth,
            "hidden_size": config.vision_width,
            "intermediate_size": config.vision_mlp,
            "num_heads": config.vision_heads,
            "patch_size": config.patch,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": config.text_width,
            # 144 patches are few enough for full attention in every block.
            "fullatt_block_indexes": list(range(config.vision_depth)),
        },
        text_config={
            "vocab_size": -(-len(tokenizer) // 64) * 64,
            "hidden_size": config.text_width,
            "intermediate_size": config.text_mlp,
            "num_hidden_layers": config.text_depth,
            "num_attention_heads": config.text_heads,
            "num_key_value_heads": config.text_kv_heads,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                # Time, row and column take turns from the fastest frequency on. In Qwen's three
                # blocks columns get the slowest ones, at which six tokens side by side differ
                # by a hundredth of a radian: a small model cannot tell left from right.
                "mrope_section": [1] * (head // 2),
            },
            "bos_token_id": None,
            "eos_token_id": token(END),
            "pad_token_id": token(PAD_TOKEN),
        },
        image_token_id=token(IMAGE_TOKEN),
        video_token_id=token(VIDEO_TOKEN),
        vision_start_token_id=token(VISION_TOKENS[0]),
        vision_end_token_id=token(VISION_TOKENS[1]),
        tie_word_embeddings=True,
    )


def prepare_vision(vision: torch.nn.Module, processor: Any, config: TrainingConfig) -> None:
    """Give the patch embedding its first weights, whitened on clean training scenes."""
    scenes = [make_item("train", index).clean() for index in range(64)]
    pixels = processor(images=scenes, return_tensors="np")["pixel_values"]
    patches.initialize(vision.patch_embed.proj, torch.from_numpy(np.asarray(pixels)), config.seed)
