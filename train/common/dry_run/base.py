"""The base of a recipe: its shape and what its processor does, from its configuration alone."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedConfig

from robust_r1.engine import catalog
from robust_r1.engine.adapter import is_adapter, read_adapter
from robust_r1.engine.checkpoint import picture_bounds, read_json
from robust_r1.engine.hub_models import ROBUST_R1
from robust_r1.engine.processing import image_token
from robust_r1.engine.random_model import config_3b, config_qwen3_2b
from robust_r1.engine.weights import first_line
from robust_r1.errors import InputError, ModelError
from robust_r1.images import fitted_size
from train.common.bases import LANGUAGE, TARGETS

_QWEN3 = catalog.find("qwen3-vl-2b")
# Bases whose shape is known without a file of theirs, and what their processors fit pictures to:
# the least area, the largest, and what sides divide by.
_KNOWN: dict[str, tuple[Callable[[], PreTrainedConfig], tuple[int, int, int]]] = {
    **{
        info.source: (config_3b, (info.min_pixels, info.max_pixels, info.multiple))
        for info in ROBUST_R1
    },
    _QWEN3.source: (config_qwen3_2b, (_QWEN3.min_pixels, _QWEN3.max_pixels, _QWEN3.multiple)),
}


@dataclass(frozen=True)
class Shape:
    """Count a model's weights and widths.

    Attributes:
        layers: of the language side.
        hidden: width of what passes through them.
        query, keys: widths of all query heads, and of all key heads, together.
        mlp: width inside a layer.
        vocabulary: number of tokens.
        positions: longest sequence that the model was made for, in tokens.
        linear: weights of the layers' projections, which 4 bits pack and updates adapt.
        ports: inputs and outputs of those projections; an update of rank r has r times as many.
        language: weights of the language side, embeddings and head included.
        vision: all others, those of the merger among them.
        vision_hidden, vision_mlp: widths of the vision side.
        patches: of the vision side that become one token.
    """

    layers: int
    hidden: int
    query: int
    keys: int
    mlp: int
    vocabulary: int
    positions: int
    linear: int
    ports: int
    language: int
    vision: int
    vision_hidden: int
    vision_mlp: int
    patches: int


@dataclass(frozen=True)
class Base:
    """Describe a base without its weights.

    Attributes:
        name: hub id or folder.
        kind: in transformers' words.
        folder: with its configuration and tokenizer; None where only its shape is known.
        shape: of its weights.
        low, high: the area that pictures are fitted to, in pixels.
        multiple: what their sides divide by; a square of that side becomes one token.
        adapter: whether an adapter was named, which goes on being trained.
    """

    name: str
    kind: str
    folder: Path | None
    shape: Shape
    low: int
    high: int
    multiple: int
    adapter: bool

    def fitted(self, height: int, width: int, most: int) -> tuple[int, int]:
        """Return the (height, width) that a picture is fitted to, of `most` pixels at most.

        Raises:
            InputError: a budget that holds no picture.
        """
        least = max(self.low, self.multiple**2)
        if most < least:
            raise InputError(
                f"max_pixels is {most}, too few for {self.name}; set {least} or more"
            )
        return fitted_size(height, width, min(self.high, most), self.low, self.multiple)


def open_base(name: str) -> Base:
    """Find a base's configuration and read its shape; nothing is downloaded.

    Args:
        name: what `--from` takes; a folder needs no weights. Of an adapter it is its base.

    Raises:
        ModelError: no such model, no configuration on this machine, or no image tokens.
    """
    source = _source(name)
    folder = Path(source) if Path(source).is_dir() else _cached(source)
    known = _KNOWN.get(source)
    if folder is not None:
        config = _read(folder)
        low, high, multiple = picture_bounds(folder, config.model_type)
        most = catalog.HUB_MAX_PIXELS
        bounds = known[1] if known else (min(low, most), min(high, most), multiple)
    elif known:
        config, bounds = known[0](), known[1]
    else:
        raise ModelError(
            f"the configuration of {source} is not on this machine; fetch it, without weights: "
            f"hf download {source} --include '*.json' '*.txt' '*.jinja'"
        )
    image_token(config, source)  # refused where there is none
    shape = shape_of(config, source)
    return Base(source, config.model_type, folder, shape, *bounds, is_adapter(name))


def shape_of(config: PreTrainedConfig, name: str) -> Shape:
    """Return the shape of a model of this configuration; no weight is made.

    Raises:
        ModelError: it is no model whose language side could be adapted.
    """
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    text: Any = config.get_text_config()
    vision: Any = config.vision_config
    maps = [part for path, part in model.named_modules() if re.fullmatch(TARGETS, path)]
    if not maps:
        raise ModelError(
            f"{name} has no language model whose projections could be adapted; choose a "
            "Qwen2.5-VL or a Qwen3-VL"
        )
    sizes = {path: weight.numel() for path, weight in model.named_parameters()}
    language = sum(size for path, size in sizes.items() if LANGUAGE.fullmatch(path))
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    merge: int = getattr(vision, "spatial_merge_size", 0) or getattr(config, "scale_factor", 1)
    return Shape(
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        query=head * text.num_attention_heads,
        keys=head * text.num_key_value_heads,
        mlp=text.intermediate_size,
        vocabulary=text.vocab_size,
        positions=text.max_position_embeddings,
        linear=sum(part.weight.numel() for part in maps),
        ports=sum(sum(part.weight.shape) for part in maps),
        language=language,
        vision=sum(sizes.values()) - language,
        vision_hidden=vision.hidden_size,
        vision_mlp=vision.intermediate_size,
        patches=merge**2,
    )


def _source(name: str) -> str:
    """Return the hub id of a model, or its folder; of an adapter, those of its base."""
    if is_adapter(name):
        return _source(read_adapter(name).base)
    # A folder without weights is none that the catalog could read.
    if (Path(name) / "config.json").is_file():
        return name
    return catalog.find(name).source


def _cached(source: str) -> Path | None:
    """Return the folder of the hub's cache that has a model's configuration and processor."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source, "config.json")
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    names = ("processor_config.json", "preprocessor_config.json")
    return folder if any((folder / name).is_file() for name in names) else None


def _read(folder: Path) -> PreTrainedConfig:
    read_json(folder, "config.json", "it is no checkpoint")
    try:
        return AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} could not be loaded: {first_line(error)}") from error
