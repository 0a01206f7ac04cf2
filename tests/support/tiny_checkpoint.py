"""Make a tiny checkpoint with random weights: every path of the engine in a second, untrained."""

from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)
from transformers.utils import logging

from robust_r1.chain import TAGS
from robust_r1.engine.processing import (
    IMAGE_TOKEN,
    PAD_TOKEN,
    TURN_TOKENS,
    VIDEO_TOKEN,
    VISION_TOKENS,
    build_processor,
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Make a tokenizer of single bytes, the control tokens, and the section tags."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytes_only = Tokenizer(models.BPE({sign: place for place, sign in enumerate(alphabet)}, []))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_only, eos_token=TURN_TOKENS[1], pad_token=PAD_TOKEN
    )
    control = [AddedToken(token, special=True) for token in (*VISION_TOKENS, TURN_TOKENS[0])]
    tokenizer.add_tokens(control, special_tokens=True)
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return tokenizer


def make_checkpoint(folder: Path, width: int = 64) -> Path:
    """Save a model of two layers each and its processor; all widths are multiples of `width`."""
    tokenizer = make_tokenizer()
    torch.manual_seed(1)
    model = Qwen2_5_VLForConditionalGeneration(make_config(tokenizer, width))
    # Weights this large make the text vary instead of repeating one token.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.35)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    logging.enable_progress_bar()
    build_processor(tokenizer, patch_size=16, merge_size=2).save_pretrained(folder)
    return folder


def make_config(tokenizer: PreTrainedTokenizerFast, width: int) -> Qwen2_5_VLConfig:
    """Describe the model."""
    index = tokenizer.convert_tokens_to_ids
    rope = {"rope_type": "default", "rope_theta": 10_000.0}
    text = {
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "max_position_embeddings": 2048,
        "rope_parameters": {**rope, "mrope_section": [width // 8, width // 8, width // 4]},
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "depth": 2,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_heads": 1,
        "patch_size": 16,
        "window_size": 64,
        "out_hidden_size": width,
        "fullatt_block_indexes": [1],
    }
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=index(IMAGE_TOKEN),
        video_token_id=index(VIDEO_TOKEN),
        vision_start_token_id=index(VISION_TOKENS[0]),
        vision_end_token_id=index(VISION_TOKENS[1]),
        tie_word_embeddings=True,
    )
