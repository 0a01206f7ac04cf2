"""What a run was begun with, in recipe.json of its folder: whether it can go on, and from where."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from accelerate import PartialState

from robust_r1.engine.checkpoint import read_json
from robust_r1.errors import InputError
from robust_r1.records import Record
from robust_r1.records.lines import write_whole
from train.common.adapter_config import AdapterConfig, AdapterRewards
from train.common.checkpoints import last_checkpoint, step_of
from train.common.course import Course
from train.common.launch import check_checkpoint

FILE = "recipe.json"
# What another machine may do otherwise without another model coming of it.
_OF_THE_MACHINE = ("threads", "workers", "checkpointing", "validation")
_OF_A_STAGE = (
    *("batch", "global_batch", "save_every", "log_every", "sample_every"),
    *(field.name for field in fields(AdapterRewards) if field.name.startswith("vllm")),
)


@dataclass(frozen=True)
class Recipe:
    """Say what a run is trained with: settings by name, a digest of its samples, and its start.

    The start is empty where it is not known, as in a run of an earlier version.
    """

    settings: Mapping[str, Any]
    data: str
    start: str = ""


def recipe_of(
    stage: str, config: AdapterConfig, records: Sequence[Record], start: str = ""
) -> Recipe:
    """Return the recipe of a run.

    Args:
        stage: "sft" or "grpo".
        config: what it is to be trained with.
        records: what it learns from, in order.
        start: what tells the weights that it begins with from others.
    """
    return Recipe(dict(_settings(stage, config)), _digest(records), start)


def go_on(course: Course, recipe: Recipe, folder: Path) -> Course:
    """Return where a run goes on after its last checkpoint; its beginning where there is none.

    Args:
        course: of the whole run, from its beginning.
        recipe: what it is to be trained with.
        folder: of the run, which need not be there.

    Raises:
        InputError: the run was begun with other settings, samples or weights, which are named, or
            its weights lay otherwise over the GPUs.
        ModelError: a broken recipe.json.
    """
    last = last_checkpoint(folder)
    if last is None:
        return course
    check_checkpoint(Path(last))
    if (folder / FILE).is_file():
        _refuse_others(read_json(folder, FILE, ""), recipe, folder)
    step = step_of(last)
    return replace(course, step=step, seen=_seen(_parts(folder, step), step, course))


def write_start(course: Course, recipe: Recipe, folder: Path) -> None:
    """Write down what a run is trained with, and from where on; one process does."""
    state = PartialState()
    state.wait_for_everyone()  # all have read before one writes
    if not state.is_main_process:
        return
    now = {"step": course.step, "seen": course.seen, "per_step": course.per_step}
    parts = [*_parts(folder, course.step), now]
    write_whole(folder / FILE, [json.dumps({**asdict(recipe), "parts": parts}, indent=1), "\n"])


def _parts(folder: Path, step: int) -> list[dict[str, int]]:
    """Return the starts of a run that led to a step; none of a run of an earlier version."""
    if not step or not (folder / FILE).is_file():
        return []
    return [part for part in read_json(folder, FILE, "")["parts"] if part["step"] < step]


def _seen(parts: Sequence[Mapping[str, int]], step: int, course: Course) -> int:
    """Return how many samples the starts of a run have met by a step."""
    if not parts:  # begun by an earlier version, with the batch that it goes on with
        return min(course.per_step * step, course.wanted)
    last = parts[-1]
    return min(last["seen"] + (step - last["step"]) * last["per_step"], course.wanted)


def _settings(stage: str, config: AdapterConfig) -> Iterator[tuple[str, Any]]:
    """Yield the settings that make a run what it is, by their names."""
    # What is not trained does not matter, whatever size it would have.
    config = replace(config, lora=config.updates)
    for key, value in asdict(config).items():
        if value is None or key in _OF_THE_MACHINE or (key in ("sft", "grpo") and key != stage):
            continue
        if not isinstance(value, dict):
            yield key, value
            continue
        for name, one in value.items():
            if name not in _OF_A_STAGE:
                yield f"{key}.{name}", one


def _refuse_others(begun: Mapping[str, Any], recipe: Recipe, folder: Path) -> None:
    # Earlier versions trained nothing else.
    before, after = {"finetuning": "lora", **begun["settings"]}, recipe.settings
    other = [
        f"{key}={json.dumps(after[key])} (it was {json.dumps(before[key])})"
        for key in after
        if key in before and before[key] != after[key]
    ]
    if begun["data"] != recipe.data:
        other.append("the samples")
    if recipe.start and begun.get("start", "") not in ("", recipe.start):
        other.append("the weights of --from")
    if other:
        raise InputError(
            f"{folder} holds a run that was begun otherwise: {', '.join(other)} differ; go on with "
            "what it was begun with, or give this run a folder of its own"
        )


def _digest(records: Sequence[Record]) -> str:
    digest = hashlib.sha256()
    for record in records:
        # Of the picture its name alone: the folder may lie elsewhere by now.
        name = Path(record.image).name
        digest.update(json.dumps([name, record.prompt, record.chain]).encode())
    return digest.hexdigest()
