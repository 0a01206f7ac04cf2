"""Make a tiny checkpoint with random weights: every path of the engine in a second, untrained."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)
from transformers.models.idefics3 import Idefics3Processor
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
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


def make_tokenizer(
    end: str = TURN_TOKENS[1],
    pad: str = PAD_TOKEN,
    control: Sequence[str] = (*VISION_TOKENS, TURN_TOKENS[0]),
) -> PreTrainedTokenizerFast:
    """Make a tokenizer of single bytes, the control tokens, and the section tags."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytes_only = Tokenizer(models.BPE({sign: place for place, sign in enumerate(alphabet)}, []))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_only, eos_token=end, pad_token=pad
    )
    added = [AddedToken(token, special=True) for token in control]
    tokenizer.add_tokens(added, special_tokens=True)
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return tokenizer


def make_checkpoint(folder: Path, width: int = 64) -> Path:
    """Save a model of two layers each and its processor; all widths are multiples of `width`."""
    tokenizer = make_tokenizer()
    torch.manual_seed(1)
    _save(Qwen2_5_VLForConditionalGeneration(make_config(tokenizer, width)), folder)
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


def make_qwen3(folder: Path) -> Path:
    """Save a Qwen3-VL of two layers with random weights, and its processor."""
    tokenizer = make_tokenizer()
    index = tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": -(-len(tokenizer) // 64) * 64, "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 64,
        "max_position_embeddings": 2048, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [16, 8, 8],
        },
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 1,
        "patch_size": 16, "out_hidden_size": 64, "num_position_embeddings": 144,
        "deepstack_visual_indexes": [0],
    }  # fmt: skip
    config = Qwen3VLConfig(
        text_config=text, vision_config=vision, image_token_id=index(IMAGE_TOKEN),
        video_token_id=index(VIDEO_TOKEN), vision_start_token_id=index(VISION_TOKENS[0]),
        vision_end_token_id=index(VISION_TOKENS[1]), tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(2)
    _save(Qwen3VLForConditionalGeneration(config), folder)
    build_processor(tokenizer, patch_size=16, merge_size=2).save_pretrained(folder)
    return folder


SMOLVLM_TURNS = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% if message['content'] is string %}{{ ' ' + message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>' }}"
    "{% else %}{{ ' ' + part['text'] }}{% endif %}{% endfor %}{% endif %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def make_smolvlm(folder: Path) -> Path:
    """Save a SmolVLM of two layers with random weights, and its processor, as those on the hub."""
    cells = [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
    control = ("<image>", "<fake_token_around_image>", "<global-img>", "<|im_start|>", *cells)
    tokenizer = make_tokenizer("<end_of_utterance>", "<|im_end|>", control)
    text = {
        "model_type": "llama", "vocab_size": -(-len(tokenizer) // 64) * 64, "hidden_size": 64,
        "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 1,
        "num_key_value_heads": 1, "head_dim": 64, "max_position_embeddings": 2048,
        "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    vision = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 1, "image_size": 64, "patch_size": 16,
    }  # fmt: skip
    config = SmolVLMConfig(
        text_config=text, vision_config=vision, scale_factor=2, tie_word_embeddings=True,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(3)
    _save(SmolVLMForConditionalGeneration(config), folder)
    side = {"longest_edge": 64}
    pictures = SmolVLMImageProcessorPil(size=side, max_image_size=side, do_image_splitting=False)
    processor = Idefics3Processor(pictures, tokenizer, 4, chat_template=SMOLVLM_TURNS)
    processor.save_pretrained(folder)
    saved = json.loads((folder / "processor_config.json").read_text())
    saved |= {
        "processor_class": "SmolVLMProcessor",
        "video_processor": {"video_processor_type": "SmolVLMVideoProcessor"},
    }
    saved["image_processor"]["image_processor_type"] = "SmolVLMImageProcessor"
    (folder / "processor_config.json").write_text(json.dumps(saved))
    return folder


def _save(model: PreTrainedModel, folder: Path) -> None:
    # Weights this large make the text vary instead of repeating one token.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.35)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    logging.enable_progress_bar()


def write_lora(base: Path, folder: Path) -> Path:
    """Save a LoRA for a tiny Qwen2.5-VL, as training would leave it; return its folder."""
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(3)
    targets = r".*language_model.*\.(q_proj|v_proj|down_proj)"
    config = LoraConfig(r=4, lora_alpha=32, target_modules=targets, init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(folder)
    return folder
