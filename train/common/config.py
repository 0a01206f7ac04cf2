"""Training settings: a YAML file plus `--set section.key=value`, checked before anything runs."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from robust_r1.errors import InputError

CONFIGS = Path(__file__).parents[1] / "configs"
_Config = TypeVar("_Config")


@dataclass(frozen=True)
class ModelConfig:
    """Hold the sizes of a bundled model. All widths are multiples of 64.

    4-bit kernels on CPU want widths that are multiples of their block, hence 64. The patch of 16
    keeps JPEG's grid of 8 in phase with the patches.
    """

    vision_width: int = 192
    vision_depth: int = 4
    vision_heads: int = 3
    vision_mlp: int = 512
    text_width: int = 256
    text_depth: int = 4
    text_heads: int = 4
    text_kv_heads: int = 2
    text_mlp: int = 512
    vocabulary: int = 1024
    patch: int = 16
    max_pixels: int = 192 * 192


@dataclass(frozen=True)
class StageConfig:
    """Hold one stage: how many scenes, from which index on, batch size and peak learning rate."""

    samples: int
    batch: int
    rate: float
    first_index: int
    warmup_share: float = 0.05
    save_every: int = 200  # optimizer steps between checkpoints
    log_every: int = 25
    # Share of scenes that are asked for their caption, which names every object and its place:
    # from answers of one word a model learns to read slowly.
    captions: float = 0.0
    # Share of scenes that are shown undamaged, beside those whose plan is empty anyway.
    clean: float = 0.0
    drills: int = 0  # every so many batches are drills (train.tiny.data.Collator); 0 for none

    @property
    def steps(self) -> int:
        """Return the number of optimizer steps."""
        return self.samples // self.batch


@dataclass(frozen=True)
class RewardWeights:
    """Hold what each reward counts in the sum; one of weight 0 is still computed and logged."""

    degradation: float = 1.0
    length: float = 1.0
    format: float = 1.0
    accuracy: float = 1.0


@dataclass(frozen=True)
class DecisionWeights:
    """Hold what the expected value of each kind of decision counts (`train.tiny.decisions`).

    Beside the sampled rewards; 0 leaves a kind out. Names and intensities are multiplied by the
    weight of the degradation reward, answers by that of the accuracy reward.
    """

    names: float = 0.0
    intensities: float = 0.0
    answers: float = 0.0
    false_alarm: float = 1.0  # what a name costs on an undamaged picture; 1 in the paper


@dataclass(frozen=True)
class GrpoConfig(StageConfig):
    """Hold the reinforcement stage; `samples` and `batch` count scenes, each answered in a group.

    Group size and beta are the paper's; its completions have up to 2048 tokens, the chains of
    scenes 28 to 195, half of them below 73 (measured on 600, with the tokenizer of `cpu`).
    """

    group: int = 8  # completions of each scene
    accumulate: int = 1  # forward passes that a step's completions are divided among
    beta: float = 0.04  # weight of the divergence from the starting checkpoint
    temperature: float = 1.0
    max_tokens: int = 224
    sample_every: int = 10  # optimizer steps between completions written to samples.jsonl
    # Rows beside the completions of each forward pass whose true chains are learned as in the stage
    # before, drills among them, so that rewards do not undo it (InstructGPT's PPO-ptx: Ouyang et
    # al. 2022); 0 for none. They are scenes, so a run on a data file has none.
    mix: int = 0
    mix_index: int = 0  # index of the first of their scenes
    mix_weight: float = 1.0  # what their loss counts against that of the rewards
    # What their conclusions and answers count beside the weights of the stage before: decisions
    # make the findings weigh more here than they did there.
    mix_answers: float = 1.0
    share: float = 1.0  # of the way from the starting weights to the reinforced ones that is kept
    rewards: RewardWeights = field(default_factory=RewardWeights)
    decisions: DecisionWeights = field(default_factory=DecisionWeights)

    @property
    def mixed(self) -> int:
        """Return the number of scenes that are learned from beside those that are answered."""
        return self.steps * self.accumulate * self.mix

    def __post_init__(self) -> None:
        completions = self.batch * self.group
        problems = []
        if self.group < 2:
            problems.append(f"grpo.group is {self.group}, a group compares 2 completions or more")
        if self.accumulate < 1 or completions % self.accumulate:
            problems.append(
                f"grpo.accumulate is {self.accumulate}, it must divide the {completions} "
                "completions of a step (batch x group)"
            )
        if not self.temperature > 0 or self.max_tokens < 1:
            problems.append("grpo.temperature and grpo.max_tokens must be above 0")
        if not 0 < self.share <= 1:
            problems.append(f"grpo.share is {self.share}, it must be above 0 and at most 1")
        if not any(dataclasses.astuple(self.rewards)):
            problems.append("grpo.rewards are all 0, give one of them a weight")
        if problems:
            raise InputError("; ".join(problems))


@dataclass(frozen=True)
class TrainingConfig:
    """Hold everything that fixes a training run."""

    warmup: StageConfig
    base: StageConfig
    sft: StageConfig
    grpo: GrpoConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    seed: int = 20
    threads: int = 2
    workers: int = 1
    compiled: bool = False  # fuse the encoder's small operations; needs a C++ compiler


@dataclass(frozen=True)
class LoraSettings:
    """Hold the low-rank updates of a full-size model's text side (Hu et al. 2021, LoRA)."""

    rank: int
    alpha: int  # updates are scaled by alpha / rank
    dropout: float = 0.0
    quantized: bool = True  # the frozen weights in 4-bit NF4 (Dettmers et al. 2023, QLoRA)

    def __post_init__(self) -> None:
        if self.rank < 1 or self.dropout >= 1:
            raise InputError("lora.rank must be 1 or more and lora.dropout below 1")


@dataclass(frozen=True)
class AdaptStage:
    """Hold one stage of adapting a full-size model: passes over the data, batch size and rate."""

    rate: float
    batch: int  # samples, or for rewards completions, of a forward pass on each device
    accumulate: int = 1  # forward passes of an optimizer step
    epochs: float = 1.0
    warmup_share: float = 0.03
    save_every: int = 50  # optimizer steps between checkpoints
    log_every: int = 5

    def __post_init__(self) -> None:
        if self.batch < 1 or self.accumulate < 1 or not self.epochs:
            raise InputError("batch, accumulate and epochs of a stage must be above 0")


@dataclass(frozen=True)
class AdaptRewards(AdaptStage):
    """Hold the reinforcement of a full-size model; defaults are the paper's."""

    group: int = 8
    beta: float = 0.04
    temperature: float = 1.0
    max_tokens: int = 2048
    sample_every: int = 10
    rewards: RewardWeights = field(default_factory=RewardWeights)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group < 2 or not self.temperature > 0 or self.max_tokens < 1:
            raise InputError(
                "grpo.group must be 2 or more, grpo.temperature and grpo.max_tokens above 0"
            )
        if not any(dataclasses.astuple(self.rewards)):
            raise InputError("grpo.rewards are all 0, give one of them a weight")


@dataclass(frozen=True)
class AdaptConfig:
    """Hold everything that fixes how a full-size model is adapted."""

    lora: LoraSettings
    sft: AdaptStage
    grpo: AdaptRewards
    seed: int = 20
    threads: int = 2
    workers: int = 1
    sft_share: float = 0.25  # of the samples; rewards are earned on the others (paper, training)
    max_pixels: int = 1280 * 28 * 28  # what a picture is fitted to
    checkpointing: bool = True  # compute activations twice instead of keeping them

    def __post_init__(self) -> None:
        if not 0 < self.sft_share < 1:
            raise InputError(f"sft_share is {self.sft_share}, it must lie between 0 and 1")


def load_config(
    path: str, changes: list[str] | None = None, kind: type[_Config] = TrainingConfig
) -> _Config:
    """Read a configuration.

    Args:
        path: a YAML file, or the name of one in `train/configs` ("cpu", "smoke").
        changes: "section.key=value" strings that override the file.
        kind: what the file describes, a dataclass.

    Raises:
        InputError: a missing file, or unknown, missing or unfit keys; all of them in one message.
    """
    file = Path(path) if path.endswith((".yaml", ".yml")) else CONFIGS / f"{path}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(found.stem for found in CONFIGS.glob("*.yaml")))
        raise InputError(f"no configuration {file}; give a YAML file or one of: {known}")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{file} is not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise InputError(f"{file} must hold keys and values, not {type(values).__name__}")
    problems: list[str] = []
    for change in changes or []:
        _change(values, change, problems)
    config = _build(kind, values, "", problems)
    if problems:
        raise InputError(f"{file}: " + "; ".join(problems))
    return config


def _change(values: dict[str, Any], change: str, problems: list[str]) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        problems.append(f"--set {change}: write it as section.key=value")
        return
    *sections, last = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            problems.append(f"--set {change}: {section} is no section")
            return
    values[last] = yaml.safe_load(text)


def _build(kind: type, values: Any, place: str, problems: list[str]) -> Any:
    """Make a dataclass from a mapping and note every key that does not fit."""
    if not isinstance(values, dict):
        problems.append(f"{place or 'the file'} must be a section of keys")
        return None
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    problems += [f"unknown key {place}{name}" for name in unknown]
    arguments: dict[str, Any] = {}
    for name, entry in fields.items():
        if name not in values:
            if entry.default is entry.default_factory is dataclasses.MISSING:
                problems.append(f"missing key {place}{name}")
            continue
        value = values[name]
        if dataclasses.is_dataclass(entry.type):
            arguments[name] = _build(entry.type, value, f"{place}{name}.", problems)
        elif entry.type is bool and isinstance(value, bool):
            arguments[name] = value
        elif entry.type is bool:
            problems.append(f"{place}{name} must be true or false, not {value!r}")
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            problems.append(f"{place}{name} must be a number, not {value!r}")
        elif entry.type is int and value != int(value):
            problems.append(f"{place}{name} must be a whole number, not {value}")
        elif value < 0:
            problems.append(f"{place}{name} must not be negative, it is {value}")
        else:
            arguments[name] = entry.type(value)
    return None if problems else kind(**arguments)
