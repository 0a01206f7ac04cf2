"""The settings of the full-size recipe: an adapter, and the two stages that train it."""

from dataclasses import dataclass

from robust_r1.errors import InputError
from train.common.config import GroupSettings


@dataclass(frozen=True)
class LoraSettings:
    """Size the low-rank updates of a full-size model's text side (Hu et al. 2021, LoRA)."""

    rank: int
    alpha: int  # updates are scaled by alpha / rank
    dropout: float = 0.0
    quantized: bool = True  # the frozen weights in 4-bit NF4 (Dettmers et al. 2023, QLoRA)

    def __post_init__(self) -> None:
        if self.rank < 1 or self.dropout >= 1:
            raise InputError("lora.rank must be 1 or more and lora.dropout below 1")


@dataclass(frozen=True)
class AdapterStage:
    """Set one stage up: passes over the data, batch size and peak learning rate."""

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
class AdapterRewards(GroupSettings, AdapterStage):
    """Set the reinforcement stage up; its `batch` counts completions, not samples."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if problems := self.problems():
            raise InputError("; ".join(problems))


@dataclass(frozen=True)
class AdapterConfig:
    """Fix how a full-size model is adapted."""

    lora: LoraSettings
    sft: AdapterStage
    grpo: AdapterRewards
    seed: int = 20
    threads: int = 2
    workers: int = 1
    sft_share: float = 0.25  # of the samples; rewards are earned on the others (paper, training)
    max_pixels: int = 1280 * 28 * 28  # of a picture, at most, or fewer where the model takes fewer
    checkpointing: bool = True  # compute activations twice instead of keeping them

    def __post_init__(self) -> None:
        if not 0 < self.sft_share < 1:
            raise InputError(f"sft_share is {self.sft_share}, it must lie between 0 and 1")
