"""Prepare pictures and text for a Qwen2.5-VL model, on machines with and without torchvision.

The processor that comes with transformers also carries a video processor, which cannot be built
without torchvision, and there is no torchvision for the CPU build of torch. Nothing here shows a
model a video, so one class without that part serves every machine: the same pictures then give the
same numbers everywhere.
"""

from pathlib import Path
from typing import Any

from transformers import (
    AutoConfig,
    AutoProcessor,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    ProcessorMixin,
)
from transformers.models.idefics3 import Idefics3Processor
from transformers.models.qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from robust_r1.engine.checkpoint import SIDES, WHOLE
from robust_r1.engine.needs import package_with_version
from robust_r1.errors import ModelError

# Model types whose pictures and turns are those of Qwen2.5-VL.
QWENS = ("qwen2_5_vl", "qwen2_vl", "qwen3_vl", "qwen3_vl_moe")
IMAGE_TOKEN = "<|image_pad|>"
VIDEO_TOKEN = "<|video_pad|>"
VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", IMAGE_TOKEN, VIDEO_TOKEN)
TURN_TOKENS = ("<|im_start|>", "<|im_end|>")
PAD_TOKEN = "<|endoftext|>"

# The turns of Qwen2.5-VL without its system prompt: a message is a text or a list of parts.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' -}}"
    "{%- if message['content'] is string -%}{{- message['content'] -}}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}"
    "{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}"
    "{%- elif part['type'] == 'text' -%}{{- part['text'] -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{- '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


class ImageTextProcessor(Qwen2_5_VLProcessor):
    """Turn pictures and text into the inputs of a Qwen2.5-VL model, without a video processor.

    The base class finds its parts by reading the signature of `__init__`, so the signature is the
    whole change. Saved files name this class: call `register_processor` before `AutoProcessor`
    (TRL, `transformers serve`) is to read them, or use `load_processor`.
    """

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None
    ):
        super().__init__(image_processor, tokenizer, chat_template=chat_template)


# SmolVLM's own class needs a video processor, and a package that writes numbers out for it. What
# becomes of pictures and text is that of Idefics3.
_LOADERS = dict.fromkeys(QWENS, ImageTextProcessor) | dict.fromkeys(SIDES, Idefics3Processor)


def register_processor() -> None:
    """Teach `AutoProcessor` the image-only processor, in this process; calling it twice is fine."""
    AutoProcessor.register(Qwen2_5_VLConfig, ImageTextProcessor, exist_ok=True)


def load_processor(
    source: str | Path, model_type: str = QWENS[0], **options: Any
) -> ProcessorMixin:
    """Load the processor of a checkpoint: a folder or a hub id, saved by either class.

    Of model types outside QWENS and SIDES it is what transformers' auto class makes of it. Padding
    is on the left, as generation needs it. Options go to `from_pretrained`. Raises what
    transformers raises (OSError, ValueError) where files are missing or broken.
    """
    loader = _LOADERS.get(model_type, AutoProcessor)
    processor = loader.from_pretrained(str(source), **options)
    if model_type == WHOLE:
        _show_whole(processor.image_processor)
    processor.tokenizer.padding_side = "left"
    return processor


def _show_whole(pictures: Any) -> None:
    """Have pictures shown whole, as a square of the vision tower's own side, and not split."""
    pictures.do_image_splitting = False
    pictures.size = {"longest_edge": pictures.max_image_size["longest_edge"]}


def read_tokens(folder: Path) -> tuple[int, int]:
    """Return how many tokens a checkpoint's model knows, and as which of them it reads a picture.

    Raises:
        ModelError: a model without image tokens.
        OSError, ValueError: transformers cannot read the configuration.
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return config.get_text_config().vocab_size, image_token(config, str(folder))


def image_token(config: PreTrainedConfig, label: str) -> int:
    """Return the token as which a model reads a picture.

    Args:
        config: of the model.
        label: names the model to people.

    Raises:
        ModelError: a model without image tokens.
    """
    token = getattr(config, "image_token_id", None)
    if token is None:
        token = getattr(config, "image_token_index", None)
    if token is None:
        raise ModelError(
            f"{label} has no image tokens, by which a picture stands in a conversation; choose a "
            "model that has, such as a Qwen2.5-VL or a Qwen3-VL."
        )
    return token


def require_same_tokens(processor: ProcessorMixin, folder: Path) -> None:
    """Refuse a processor that writes other tokens than its model knows.

    Args:
        processor: of the folder.
        folder: of a checkpoint.

    Raises:
        ModelError: it does, or the model has no image tokens.
    """
    size, token = read_tokens(folder)
    has, written = len(processor.tokenizer), getattr(processor, "image_token_id", None)
    if has > size or written not in (None, token):
        raise ModelError(
            f"The tokenizer in {folder} is of another model: it has {has} tokens and writes a "
            f"picture as number {written}, and the model knows {size} and reads one as number "
            f"{token}; save or download the model's own."
        )


def package_wanted(error: Exception) -> str:
    """Say which package a processor failed for and what to do; empty where it was none."""
    if "torchvision" in str(error).lower():
        return f"it needs {package_with_version('torchvision')}"
    return ""


def build_processor(
    tokenizer: PreTrainedTokenizerFast,
    *,
    patch_size: int = 16,
    merge_size: int = 2,
    min_pixels: int = 32 * 32,
    max_pixels: int = 192 * 192,
    chat_template: str = CHAT_TEMPLATE,
) -> ImageTextProcessor:
    """Build a processor for a model that is trained from scratch.

    Args:
        tokenizer: must know VISION_TOKENS, and a padding token where texts are to be batched.
        patch_size: side of a vision patch in pixels.
        merge_size: patches along each side of the square that becomes one token of the text.
        min_pixels, max_pixels: bounds on a picture's area; outside them it is resized.
        chat_template: Jinja template of a conversation.

    Raises:
        ValueError: the tokenizer lacks one of VISION_TOKENS.
    """
    vocabulary = tokenizer.get_vocab()
    if missing := [token for token in VISION_TOKENS if token not in vocabulary]:
        raise ValueError(f"The tokenizer lacks {', '.join(missing)}; add them before training.")
    tokenizer.padding_side = "left"
    pictures = Qwen2VLImageProcessorPil(
        patch_size=patch_size, merge_size=merge_size, min_pixels=min_pixels, max_pixels=max_pixels
    )
    return ImageTextProcessor(pictures, tokenizer, chat_template=chat_template)
