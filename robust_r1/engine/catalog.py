"""List the models that can be named: the bundled ones and those on the hub.

Nothing here loads or downloads a model, and torch is not imported.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from robust_r1.engine.adapter import is_adapter, read_adapter
from robust_r1.engine.checkpoint import MODEL_TYPE, Checkpoint, read_checkpoint
from robust_r1.engine.hub_models import (
    ANSWER,
    CHAIN,
    FAMILIES,
    HUB,
    HUB_MAX_PIXELS,
    HUB_MIN_PIXELS,
    Family,
)
from robust_r1.engine.memory import memory_needed
from robust_r1.engine.needs import Needs
from robust_r1.engine.types import GenerationSettings, ModelInfo
from robust_r1.errors import ModelError
from robust_r1.paths import MODELS

# How the hub's cache lays a model out.
_CACHED = re.compile(r"models--(?P<owner>[^/]+)--(?P<name>[^/]+)/snapshots/[^/]+$")
_OTHER = "A model of another kind than Qwen2.5-VL: it was not trained to write chains."
_EYES_ONLY = (
    "It sees damage in any picture and answers about synthetic scenes, but knows nothing about "
    "what photographs show"
)


@dataclass(frozen=True)
class _Bundled:
    label: str
    about: str


# In the order of training: the last one present is the newest.
_BUNDLED = {
    "tiny-base": _Bundled(
        "Tiny base (bundled)",
        "Answers questions about synthetic scenes without a chain of reasoning; it knows nothing "
        "about damage or about what photographs show.",
    ),
    "tiny-sft": _Bundled("Tiny SFT (bundled)", f"Taught to write chains by example. {_EYES_ONLY}."),
    "tiny-rl": _Bundled(
        "Tiny RL (bundled)", f"Taught by example, then by the rewards. {_EYES_ONLY}."
    ),
}


# The longest of 1,500 true chains that the bundled models learn from has 203 of their tokens.
_TINY_CHAIN = GenerationSettings(max_new_tokens=320)


def _defaults(tiny: bool, reasons: bool) -> GenerationSettings:
    """Return how a model is asked unless somebody says otherwise."""
    if tiny:
        return _TINY_CHAIN
    return CHAIN if reasons else ANSWER


def bundled() -> tuple[ModelInfo, ...]:
    """List the bundled models that are present and whole, oldest first."""
    return _look()[0]


def broken() -> tuple[str, ...]:
    """Say for each bundled model that is present but cannot be read what is wrong with it."""
    return _look()[1]


def models() -> tuple[ModelInfo, ...]:
    """List all models with a name of their own: bundled ones first."""
    return (*bundled(), *HUB)


def newest_bundled() -> ModelInfo:
    """Return the bundled model that was trained last; raises ModelError where there is none."""
    found = bundled()
    if not found:
        raise ModelError(f"No bundled model lies in {MODELS}; get the project's assets again.")
    return found[-1]


def is_cached(info: ModelInfo) -> bool:
    """Tell whether a hub model's configuration and weights lie in the local cache, all of them."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(info.source, "config.json")
    if not isinstance(found, str):
        return False
    try:
        read_checkpoint(Path(found).parent)
    except ModelError:
        return False
    return True


def find(name: str) -> ModelInfo:
    """Describe a model by its catalog name, its folder, or its hub id ("owner/name").

    A folder is read; of a hub id that is not in the catalog only the name is known yet (parameters
    0). Raises ModelError for an unknown name or a broken folder.
    """
    if name in _BUNDLED:
        return _bundled(name)
    for info in HUB:
        if name in (info.name, info.source):
            return info
    if is_adapter(name):
        return adapted(_unknown(Path(name).name, name), find(read_adapter(name).base))
    if Path(name).is_dir():
        return describe(read_checkpoint(name))
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return _unknown(name, name)
    known = [*_BUNDLED, *(info.name for info in HUB)]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}" if near else f"known are {', '.join(known)}"
    raise ModelError(f"There is no model or folder {name!r}; {hint}.")


def known_as(name: str) -> str:
    """Return the name by which other machines find a model: its hub id where it has one.

    Args:
        name: as of `find`. A folder of the hub's cache stands for what was fetched into it; any
            other folder has no name but its path.
    """
    for info in HUB:
        if name in (info.name, info.source):
            return info.source
    if not Path(name).is_dir():
        return name
    path = str(Path(name).resolve())
    cached = _CACHED.search(path)
    return f"{cached['owner']}/{cached['name']}" if cached else path


def describe(checkpoint: Checkpoint) -> ModelInfo:
    """Describe a checkpoint folder, which need not be in the catalog."""
    if checkpoint.folder.parent.resolve() == MODELS and checkpoint.folder.name in _BUNDLED:
        return _bundled(checkpoint.folder.name)
    return complete(_unknown(checkpoint.folder.name, str(checkpoint.folder)), checkpoint)


def complete(info: ModelInfo, checkpoint: Checkpoint) -> ModelInfo:
    """Fill in what only the files of a model can tell."""
    own = checkpoint.model_type == MODEL_TYPE
    reasons = info.reasons and checkpoint.reasons
    return replace(
        info,
        parameters=checkpoint.parameters,
        memory=memory_of(checkpoint),
        min_pixels=min(checkpoint.min_pixels, HUB_MAX_PIXELS),
        max_pixels=min(checkpoint.max_pixels, HUB_MAX_PIXELS),
        multiple=checkpoint.multiple,
        side=checkpoint.side,
        reasons=reasons,
        defaults=_defaults(checkpoint.tiny, reasons),
        tiny=checkpoint.tiny,
        knows_photographs=not checkpoint.tiny,
        needs=_needs(checkpoint),
        about=info.about if own else _OTHER,
        # How processors of other kinds want several pictures differs from one to the next.
        pictures=info.pictures if own else 1,
    )


def _needs(checkpoint: Checkpoint) -> Needs:
    family = FAMILIES.get(checkpoint.model_type, Family())
    return Needs(
        precision="fp32" if checkpoint.tiny else family.precision,
        packages=family.packages,
        linear=checkpoint.linear,
        # The embeddings are most of what is left; the head is as large.
        head=max(0, checkpoint.parameters - checkpoint.linear - checkpoint.vision),
        vision=checkpoint.vision,
        patch=checkpoint.multiple // 2 if checkpoint.multiple > 2 else family.patch,
        token=checkpoint.multiple if checkpoint.multiple > 2 else family.token,
        layers=checkpoint.layers,
    )


def memory_of(checkpoint: Checkpoint) -> Mapping[str, int]:
    """Estimate the bytes that a checkpoint needs, by precision."""
    return memory_needed(checkpoint.linear, checkpoint.parameters - checkpoint.linear)


def adapted(info: ModelInfo, base: ModelInfo) -> ModelInfo:
    """Describe a base model under the name of an adapter, which was trained to write chains."""
    return replace(
        base,
        name=info.name,
        label=info.label,
        source=info.source,
        bundled=False,
        licence="unknown",
        about=f"An adapter for {base.label}.",
        reasons=True,
        defaults=_defaults(base.tiny, reasons=True),
    )


def _look() -> tuple[tuple[ModelInfo, ...], tuple[str, ...]]:
    found, faults = [], []
    for name in _BUNDLED:
        if not (MODELS / name).is_dir():
            continue
        try:
            found.append(_bundled(name))
        except ModelError as error:
            faults.append(str(error))
    return tuple(found), tuple(faults)


def _bundled(name: str) -> ModelInfo:
    folder = MODELS / name
    if not folder.is_dir():
        raise ModelError(f"The bundled model {name} is not in {MODELS}; get the assets again.")
    entry = _BUNDLED[name]
    info = replace(
        _unknown(name, str(folder)),
        label=entry.label,
        bundled=True,
        licence="MIT",
        about=entry.about,
        # Trained on one question about one picture.
        converses=False,
        pictures=1,
    )
    return complete(info, read_checkpoint(folder))


def _unknown(name: str, source: str) -> ModelInfo:
    return ModelInfo(
        name=name,
        label=name,
        source=source,
        bundled=False,
        parameters=0,
        memory={},
        licence="unknown",
        about="A Qwen2.5-VL checkpoint that is not in the catalog.",
        min_pixels=HUB_MIN_PIXELS,
        max_pixels=HUB_MAX_PIXELS,
        multiple=28,
        knows_photographs=True,
        defaults=_defaults(tiny=False, reasons=True),
    )
