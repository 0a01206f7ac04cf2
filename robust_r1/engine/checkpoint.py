"""Look into a checkpoint folder without loading it: is it whole, how large, what does it see.

Only JSON is read, and the headers of safetensors files; torch is not needed.
"""

import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from robust_r1.chain import TAGS
from robust_r1.errors import ModelError

MODEL_TYPE = "qwen2_5_vl"
INDEX = "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
# Kinds whose "longest_edge" is a side in pixels. That of Qwens is an area.
SIDES = ("smolvlm", "idefics3")
# The one of them that is shown pictures whole here, as a square, and never split.
WHOLE = "smolvlm"
# Parts of a model that see, by the beginning of their names: towers, and what leads to the text.
VISION = r".*(?:visual|vision_model|vision_tower|connector|multi_modal_projector)\b"
# Tables of a vocabulary, which quantization leaves alone.
_TABLES = ("embed_tokens.weight", "lm_head.weight")
_LAYER = re.compile(r"\blayers\.(\d+)\.")
_MAX_HEADER = 100_000_000  # bytes; the limit of the format itself


@dataclass(frozen=True)
class Checkpoint:
    """Describe a checkpoint by what its files say.

    Attributes:
        folder: where it lies.
        parameters: their number.
        widths: distinct input and output widths of the linear layers of its language side.
        min_pixels, max_pixels: the area that its processor fits pictures to.
        multiple: side of the square of pixels that becomes one token; what sides divide by.
        reasons: whether it was trained to write the chain; a checkpoint trained for answers alone
            says so by `"answer_only": true` in its config.json.
        model_type: the kind of model, in transformers' words.
        linear: weights of the linear layers of its language side, which 4 bits quantize.
        tiny: whether the project made it from the first weight on. Its vocabulary says so, which
            has the tags of the chain: other models write them as plain text.
        side: the longer side that its processor gives every picture; 0 where the area decides.
        vision: weights of its vision side.
        layers: of its language side.
    """

    folder: Path
    parameters: int
    widths: frozenset[int]
    min_pixels: int
    max_pixels: int
    multiple: int
    reasons: bool = True
    model_type: str = MODEL_TYPE
    linear: int = 0
    tiny: bool = False
    side: int = 0
    vision: int = 0
    layers: int = 0


def fingerprint(folder: str | Path) -> str:
    """Return sixteen hex digits that another training of the same model would change.

    Hashes name, size and first mebibyte of each file of weights (training moves every weight), so
    that a large checkpoint costs no full read. Empty where there are none, as for an endpoint.
    """
    digest, files = hashlib.sha256(), sorted(Path(folder).glob("*.safetensors"))
    for file in files:
        digest.update(f"{file.name} {file.stat().st_size} ".encode())
        with file.open("rb") as opened:
            digest.update(opened.read(1 << 20))
    return digest.hexdigest()[:16] if files else ""


def read_checkpoint(folder: str | Path) -> Checkpoint:
    """Check a folder and read its sizes.

    Raises:
        ModelError: no folder, no configuration of a model that sees, weights that are missing,
            broken or pickled, no processor or tokenizer; one sentence each.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(f"There is no folder {folder}; give a checkpoint's folder.")
    config = read_json(folder, "config.json", "it is no checkpoint")
    kind = config.get("model_type")
    # Every configuration of a model for pictures and text has a part for its vision tower.
    if kind != MODEL_TYPE and not (isinstance(kind, str) and "vision_config" in config):
        raise ModelError(
            f"{folder} holds a model of type {kind}; only models that see can be loaded, such as "
            f"Qwen2.5-VL ({MODEL_TYPE})."
        )
    tensors = _all_tensors(folder)
    matrices = {
        name: shape
        for name, shape in tensors.items()
        if len(shape) == 2 and not re.match(VISION, name)
    }
    pictures = _picture_settings(folder)
    if not (folder / "tokenizer.json").is_file() and not (folder / "vocab.json").is_file():
        raise ModelError(f"{folder} has no tokenizer.json; save the processor beside the model.")
    low, high = _pixel_bounds(pictures, kind)
    return Checkpoint(
        folder=folder,
        parameters=sum(math.prod(shape) for shape in tensors.values()),
        widths=frozenset(width for shape in matrices.values() for width in shape),
        linear=sum(
            math.prod(shape) for name, shape in matrices.items() if not name.endswith(_TABLES)
        ),
        min_pixels=low,
        max_pixels=high,
        multiple=_multiple(pictures, kind),
        model_type=kind,
        reasons=not config.get("answer_only", False),
        tiny=kind == MODEL_TYPE and _knows_tags(folder),
        side=_longer_side(pictures) if kind == WHOLE else 0,
        vision=sum(math.prod(one) for name, one in tensors.items() if re.match(VISION, name)),
        layers=_layers(tensors),
    )


def _knows_tags(folder: Path) -> bool:
    """Tell whether the tags of the chain are tokens of a checkpoint's vocabulary."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8", errors="replace")
    return all(re.search(rf'"content":\s*"{re.escape(tag)}"', text) for tag in TAGS)


def _layers(tensors: Mapping[str, object]) -> int:
    """Count the layers of the language side by the names of its weights."""
    numbers = (_LAYER.search(name) for name in tensors if not re.match(VISION, name))
    return len({found[1] for found in numbers if found})


def _side(patch: object) -> int:
    """Return the side of a patch, in whichever way a processor writes it; 14 where it has none."""
    if isinstance(patch, dict):
        patch = patch.get("height")
    return patch if isinstance(patch, int) else 14


def weight_files(folder: Path) -> list[Path]:
    """List the files that a checkpoint's weights lie in; raises ModelError where some are missing.

    Args:
        folder: of the checkpoint.
    """
    if not (folder / INDEX).is_file():
        return [_only_file(folder)]
    names = sorted(set(_places(folder).values()))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing or not names:
        raise ModelError(
            f"{folder} lacks {len(missing)} of {len(names)} weight files "
            f"({', '.join(missing[:2]) or 'the index is empty'}); download it again."
        )
    return [folder / name for name in names]


def _places(folder: Path) -> dict[str, str]:
    """Return the file of each weight by the checkpoint's index; empty where there is no index."""
    if not (folder / INDEX).is_file():
        return {}
    places = read_json(folder, INDEX, "").get("weight_map")
    return places if isinstance(places, dict) else {}


def _all_tensors(folder: Path) -> dict[str, list[int]]:
    """Read the shapes of all weights by their names; each file must hold what the index says."""
    places = _places(folder)
    tensors: dict[str, list[int]] = {}
    for file in weight_files(folder):
        held = _tensors(file)
        if lost := {name for name, place in places.items() if place == file.name} - set(held):
            raise ModelError(
                f"{file} is of another model: it lacks {len(lost)} of the weights that {INDEX} "
                f"says it holds, {min(lost)} among them; download it again."
            )
        tensors |= held
    return tensors


def _only_file(folder: Path) -> Path:
    if (folder / "model.safetensors").is_file():
        return folder / "model.safetensors"
    if any(next(folder.glob(pattern), None) for pattern in PICKLES):
        raise ModelError(
            f"{folder} holds only pickled weights, which can run code and are never read; "
            "convert them to safetensors."
        )
    raise ModelError(f"{folder} has no model.safetensors; save the model's weights there.")


def tensor_shapes(file: Path) -> list[list[int]]:
    """Read the shapes of all tensors from a safetensors header, and check the file's length.

    Raises ModelError for a broken file.
    """
    return list(_tensors(file).values())


def tensor_names(file: Path) -> list[str]:
    """Read the names of all tensors as `tensor_shapes` reads their shapes."""
    return list(_tensors(file))


def _tensors(file: Path) -> dict[str, list[int]]:
    try:
        with file.open("rb") as stream:
            length = struct.unpack("<Q", stream.read(8))[0]
            if length > _MAX_HEADER:
                raise ValueError("header too long")
            header = json.loads(stream.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max(entry["data_offsets"][1] for entry in tensors.values())
        if file.stat().st_size != 8 + length + end:
            raise ValueError("wrong length")
        return {name: entry["shape"] for name, entry in tensors.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(f"{file} is broken or cut short; copy or download it again.") from error


def _picture_settings(folder: Path) -> dict:
    # transformers 5 writes one file for the whole processor, earlier versions one for pictures.
    if (folder / "processor_config.json").is_file():
        pictures = read_json(folder, "processor_config.json", "").get("image_processor")
        if isinstance(pictures, dict):
            return pictures
    return read_json(folder, "preprocessor_config.json", "save the processor beside the model")


def picture_bounds(folder: Path, kind: str) -> tuple[int, int, int]:
    """Return what a processor fits pictures to: least and largest area, and what sides divide by.

    Args:
        folder: that has the processor's files; weights need not be there.
        kind: of the model, in transformers' words.

    Raises:
        ModelError: no such files, or broken ones.
    """
    pictures = _picture_settings(folder)
    return *_pixel_bounds(pictures, kind), _multiple(pictures, kind)


def _longer_side(pictures: dict) -> int:
    return (pictures.get("max_image_size") or {}).get("longest_edge") or 364


def _multiple(pictures: dict, kind: str) -> int:
    """Return the side of the square of pixels that becomes one token."""
    if kind == WHOLE:
        return 2  # whatever its size, a picture becomes the same number of tokens
    if "encoder_patch_size" in pictures:
        return pictures["encoder_patch_size"] * pictures.get("downsample_factor", 2)
    return _side(pictures.get("patch_size", 14)) * pictures.get("merge_size", 2)


def _pixel_bounds(pictures: dict, kind: str) -> tuple[int, int]:
    size = pictures.get("size") or {}
    if kind == WHOLE:
        return _longer_side(pictures) ** 2, _longer_side(pictures) ** 2
    if kind in SIDES:
        return 56 * 56, (size.get("longest_edge") or 512) ** 2
    low = pictures.get("min_pixels") or size.get("shortest_edge") or size.get("min_pixels")
    high = pictures.get("max_pixels") or size.get("longest_edge") or size.get("max_pixels")
    return low or 56 * 56, high or 28 * 28 * 1280


def read_json(folder: Path, name: str, hint: str) -> dict:
    """Read a JSON object; raises ModelError, with the hint where there is no such file."""
    file = folder / name
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder} has no {name}; {hint}.") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read as JSON; copy or download it again.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{file} holds no JSON object; copy or download it again.")
    return content
