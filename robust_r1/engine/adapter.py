"""Look into an adapter's folder, as LoRA and QLoRA training with peft writes it."""

import math
from dataclasses import dataclass
from pathlib import Path

from robust_r1.engine.checkpoint import read_json, tensor_shapes
from robust_r1.errors import ModelError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Adapter:
    """Describe an adapter: where it lies and what it is for.

    Attributes:
        folder: of the adapter.
        base: catalog name, folder or hub id of the model that it was trained on.
        parameters: number of its own weights.
    """

    folder: Path
    base: str
    parameters: int


def is_adapter(folder: str | Path) -> bool:
    """Tell whether a folder holds an adapter and no whole model."""
    return (Path(folder) / CONFIG).is_file() and not (Path(folder) / "config.json").is_file()


def read_adapter(folder: str | Path) -> Adapter:
    """Check an adapter's folder.

    Raises ModelError: no LoRA, no base named, weights that are missing, broken or pickled.
    """
    folder = Path(folder)
    config = read_json(folder, CONFIG, "it is no adapter")
    if config.get("peft_type") != "LORA":
        raise ModelError(
            f"{folder} holds an adapter of type {config.get('peft_type')}; only LoRA can be loaded."
        )
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(
            f"{folder / CONFIG} names no base_model_name_or_path; write the base model's there."
        )
    if not (folder / WEIGHTS).is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise ModelError(
            f"{folder} holds only pickled weights, which can run code and are never read; convert "
            "them to safetensors."
            if pickled
            else f"{folder} has no {WEIGHTS}; save the adapter there again."
        )
    sizes = [math.prod(shape) for shape in tensor_shapes(folder / WEIGHTS)]
    # A base that is named by a relative path lies beside the adapter, or where one stands.
    beside = folder.parent / base
    return Adapter(folder, str(beside) if beside.is_dir() else base, sum(sizes))
