"""Put an adapter onto its base, every update in its place; imports torch and peft.

peft warns where an adapter's names are none of the base's, and leaves the base as it was. Here that
is an error, or the names are written as the base writes them where there is no doubt how.
"""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from robust_r1.engine.adapter import WEIGHTS
from robust_r1.engine.checkpoint import tensor_names
from robust_r1.engine.finite import require_finite
from robust_r1.errors import ModelError

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel

# How earlier versions of transformers named the parts of these models, and what they are today.
_TODAY = {
    "model.layers.": "model.language_model.layers.",
    "language_model.model.layers.": "model.language_model.layers.",
    "visual.": "model.visual.",
}
# A weight of an adapter: the part of the base that it is for, and which of its weights it is.
_UPDATE = re.compile(r"base_model\.model\.(?P<part>.+)\.(?P<kind>lora_[A-Za-z_]+)(?:\..+)?")
_OTHER = re.compile(r"base_model\.model\.(?P<part>.+)\.[^.]+")


def attach(model: PreTrainedModel, folder: Path, trainable: bool = False) -> "PeftModel":
    """Return a base with an adapter on it.

    Args:
        model: the base.
        folder: of a LoRA that `read_adapter` has checked.
        trainable: whether it is to be trained on.

    Raises:
        ModelError: updates for what the base does not have, only a part of the updates that the
            adapter was trained with, or such that are not finite.
    """
    from peft import LoraConfig, PeftModel

    config = LoraConfig.from_pretrained(str(folder))
    parts = _parts(folder)
    renamed = _renamed(parts, model, folder)
    _require_all(parts, renamed, model, config, folder)
    mapping: dict[str, str] | None = None
    if any(old != new for old, new in renamed.items()):
        if config.rank_pattern or config.alpha_pattern:
            raise _misfit(folder, parts, _alike(parts, model))
        mapping = {f"^{re.escape(old)}": new for old, new in _TODAY.items()}
        config.target_modules = set(renamed.values())
        config.layers_to_transform = config.exclude_modules = None
    require_finite([folder / WEIGHTS])
    with _complete(folder):
        return PeftModel.from_pretrained(
            model, str(folder), is_trainable=trainable, config=config, key_mapping=mapping
        )


def _parts(folder: Path) -> dict[str, set[str]]:
    """Return which weights an adapter has for each part of a base, by the part's name."""
    parts: dict[str, set[str]] = {}
    for name in tensor_names(folder / WEIGHTS):
        match = _UPDATE.fullmatch(name)
        other = match or _OTHER.fullmatch(name)
        part = other["part"] if other else name
        parts.setdefault(part, set()).add(match["kind"] if match else "")
    return parts


def _renamed(parts: Iterable[str], model: PreTrainedModel, folder: Path) -> dict[str, str]:
    """Return what the base calls each part that an adapter has updates for."""
    known = {name for name, _ in model.named_modules()}
    renamed: dict[str, str] = {}
    for part in parts:
        today = (_TODAY[old] + part[len(old) :] for old in _TODAY if part.startswith(old))
        renamed[part] = part if part in known else next(today, part)
    if foreign := [part for part, name in renamed.items() if name not in known]:
        raise _misfit(folder, foreign, _alike(foreign, model))
    return renamed


def _require_all(
    parts: Mapping[str, set[str]],
    renamed: Mapping[str, str],
    model: PreTrainedModel,
    config: "LoraConfig",
    folder: Path,
) -> None:
    """Refuse an adapter that lacks updates which it was trained with by its configuration."""
    from peft.tuners.tuners_utils import check_target_module_exists

    given = {
        renamed[part]
        for part, kinds in parts.items()
        if kinds >= {"lora_A", "lora_B"} or kinds >= {"lora_embedding_A", "lora_embedding_B"}
    }
    wanted = [
        name
        for name, _ in model.named_modules()
        if any(check_target_module_exists(config, one) for one in _spellings(name))
    ]
    halves = [renamed[part] for part in parts if any(parts[part]) and renamed[part] not in given]
    if missing := sorted({*wanted, *halves} - given):
        raise ModelError(
            f"{folder} holds only a part of its updates: those for {_first(sorted(given))} are "
            f"there, and {len(missing)} are missing, those for {_first(missing)}; save or download "
            "it again."
        )


def _spellings(name: str) -> Iterator[str]:
    yield name
    for old, new in _TODAY.items():
        if name.startswith(new):
            yield old + name[len(new) :]


def _alike(parts: Iterable[str], model: PreTrainedModel) -> list[str]:
    """Return the parts of a base that an adapter's could be meant for: those of the same kinds."""
    kinds = {part.rpartition(".")[2] for part in parts}
    weighted = [name for name, module in model.named_modules() if hasattr(module, "weight")]
    return [name for name in weighted if name.rpartition(".")[2] in kinds] or weighted


def _misfit(folder: Path, parts: Iterable[str], names: Iterable[str]) -> ModelError:
    return ModelError(
        f"{folder} does not fit its base: it has updates for {_first(parts)}, and the base has "
        f"{_first(names)}; name the model that it was trained on in its adapter_config.json."
    )


def _first(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:3]) or "nothing"


@contextmanager
def _complete(folder: Path) -> Iterator[None]:
    """Make an error of what peft warns of: updates that stayed as they are before any training."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Found missing adapter keys")
        try:
            yield
        except UserWarning as warning:
            raise ModelError(f"{folder} lacks updates: {str(warning)[:200]}") from warning
