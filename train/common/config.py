"""Settings: a YAML file plus `--set section.key=value`, checked before anything runs."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml

from robust_r1.errors import InputError

CONFIGS = Path(__file__).parents[1] / "configs"
# Whose recipe a file is, by a key that only such a file has: the package of its commands, the
# models that they train, and the names of the commands.
_FULL_SIZE = ("train", "full-size", ("sft", "grpo"))
_RECIPES = {
    "lora": _FULL_SIZE,
    "finetuning": _FULL_SIZE,
    "warmup": ("train.tiny", "the bundled", ("base", "sft", "grpo")),
}
# Recipes of earlier names that no file has any more, and what to write instead.
_FORMER = {"3b-lora": "--config 3b-qlora --set lora.quantized=false"}
_Config = TypeVar("_Config")


@dataclass(frozen=True)
class RewardWeights:
    """Weigh the rewards in their sum; one of weight 0 is still computed and logged."""

    degradation: float = 1.0
    length: float = 1.0
    format: float = 1.0
    accuracy: float = 1.0


@dataclass(frozen=True)
class GroupSettings:
    """Say how completions are sampled in groups and rewarded; the defaults are the paper's.

    Each prompt is answered `group` times, and a completion is reinforced by what it earns beyond
    the mean of its group.
    """

    group: int = 8
    beta: float = 0.04  # weight of the divergence from where the stage began
    temperature: float = 1.0
    max_tokens: int = 2048
    sample_every: int = 10  # optimizer steps between completions written to samples.jsonl
    rewards: RewardWeights = field(default_factory=RewardWeights)

    def problems(self) -> list[str]:
        """Name each of these settings that cannot work."""
        found = []
        if self.group < 2:
            found.append(f"grpo.group is {self.group}, a group compares 2 completions or more")
        if not self.temperature > 0 or self.max_tokens < 1:
            found.append("grpo.temperature and grpo.max_tokens must be above 0")
        if not any(dataclasses.astuple(self.rewards)):
            found.append("grpo.rewards are all 0, give one of them a weight")
        return found


def load_config(path: str, kind: type[_Config], changes: Sequence[str] | None = ()) -> _Config:
    """Read a configuration.

    Args:
        path: a YAML file, or the name of one in `train/configs` ("cpu", "sft-3b-qlora"). A name
            without its stage stands for both stages' ("3b-qlora").
        kind: what the file describes, a dataclass.
        changes: "section.key=value" strings that override the file.

    Raises:
        InputError: a missing file, or unknown, missing or unfit keys; all of them in one message.
    """
    values = _values(path)
    problems: list[str] = []
    for change in changes or ():
        _change(values, change, problems)
    config = _build(kind, values, "", problems)
    if problems:
        raise InputError(f"{path}: " + "; ".join(problems))
    return config


def check_recipe(path: str, command: str) -> None:
    """Refuse a recipe that belongs to another command, and name that one.

    Args:
        path: as of `load_config`; a file that is not there is left to it.
        command: which is to follow the recipe, such as "train.sft".

    Raises:
        InputError: the recipe trains models of the other kind, or is of another stage.
    """
    package, _, stage = command.rpartition(".")
    if not any(file.is_file() for file in _files(path)):
        return
    values = _values(path)
    for section, (owner, models, stages) in _RECIPES.items():
        if section in values and owner != package:
            other = f"{owner}.{stage if stage in stages else stages[0]}"
            raise InputError(f"{path} trains {models} models; that is now `python -m {other}`")
    if package == _FULL_SIZE[0] and stage not in values:
        others = [other for other in _FULL_SIZE[2] if other in values]
        of = f"it is a recipe of train.{others[0]}" if others else "it is a recipe of no stage"
        raise InputError(
            f"{path} has no section {stage}, {of}; take one that has, such as {stage}-3b-qlora"
        )


def _files(path: str) -> list[Path]:
    """Return the file of a recipe, or those of both stages where the name is without a stage."""
    if path.endswith((".yaml", ".yml")):
        return [Path(path)]
    if path in _FORMER:
        raise InputError(f"there is no recipe {path} any more; write {_FORMER[path]}")
    stages = [CONFIGS / f"{stage}-{path}.yaml" for stage in _FULL_SIZE[2]]
    return stages if all(file.is_file() for file in stages) else [CONFIGS / f"{path}.yaml"]


def _values(path: str) -> dict[str, Any]:
    """Read a recipe; of two stages the settings of both, which must not contradict each other."""
    values: dict[str, Any] = {}
    for file in _files(path):
        read = _read(file)
        if other := [key for key in read if key in values and read[key] != values[key]]:
            raise InputError(
                f"{path} stands for both stages, which differ in {', '.join(other)}; name one of "
                f"them: {' or '.join(file.stem for file in _files(path))}"
            )
        values |= read
    return values


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        known = ", ".join(sorted(found.stem for found in CONFIGS.glob("*.yaml")))
        raise InputError(f"no configuration {file}; give a YAML file or one of: {known}")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{file} is not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise InputError(f"{file} must hold keys and values, not {type(values).__name__}")
    return values


def _change(values: dict[str, Any], change: str, problems: list[str]) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        problems.append(f"--set {change}: write it as section.key=value")
        return
    *sections, last = key.strip().split(".")
    inner: Any = values
    for section in sections:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            problems.append(f"--set {change}: {section} is no section")
            return
    inner[last] = yaml.safe_load(text)


def _build(kind: type, values: Any, place: str, problems: list[str]) -> Any:
    """Make a dataclass from a mapping and note every key that does not fit."""
    before = len(problems)
    if not isinstance(values, dict):
        problems.append(f"{place or 'the file'} must be a section of keys")
        return None
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    problems += [f"unknown key {place}{name}" for name in unknown]
    arguments: dict[str, Any] = {}
    for name, entry in fields.items():
        if name in values:
            arguments[name] = _setting(entry.type, values[name], f"{place}{name}", problems)
        elif entry.default is entry.default_factory is dataclasses.MISSING:
            problems.append(f"missing key {place}{name}")
    if len(problems) > before:
        return None
    try:
        return kind(**arguments)
    except InputError as error:
        problems.append(str(error))
        return None


def _setting(kind: Any, value: Any, key: str, problems: list[str]) -> Any:
    """Return a value as the kind that its key has; note what does not fit."""
    if get_origin(kind) is UnionType:  # of something and None
        return None if value is None else _setting(get_args(kind)[0], value, key, problems)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _build(kind, value, f"{key}.", problems)
    if get_origin(kind) is Literal:
        choice = "off" if value is False else value  # which is how YAML reads that word
        if choice not in get_args(kind):
            problems.append(f"{key} must be one of {', '.join(get_args(kind))}, not {value!r}")
        return choice
    if kind is str:
        if not isinstance(value, str):
            problems.append(f"{key} must be a text, not {value!r}")
        return value
    if kind is bool:
        if not isinstance(value, bool):
            problems.append(f"{key} must be true or false, not {value!r}")
        return value
    if kind == tuple[str, ...]:
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return tuple(texts)
        problems.append(f"{key} must be a list of folders, not {value!r}")
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        problems.append(f"{key} must be a number, not {value!r}")
    elif kind is int and value != int(value):
        problems.append(f"{key} must be a whole number, not {value}")
    elif value < 0:
        problems.append(f"{key} must not be negative, it is {value}")
    else:
        return kind(value)
    return None
