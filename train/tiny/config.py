"""The settings of the bundled models' recipe: sizes, and the stages one after another."""

from dataclasses import dataclass, field

from robust_r1.errors import InputError
from train.common.config import GroupSettings


@dataclass(frozen=True)
class ModelConfig:
    """Size a bundled model. All widths are multiples of 64.

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
    """Set one stage up: how many scenes, from which index on, batch size, peak learning rate."""

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
class DecisionWeights:
    """Weigh the expected value of each kind of decision (`train.tiny.decisions`).

    Beside the sampled rewards; 0 leaves a kind out. Names and intensities are multiplied by the
    weight of the degradation reward, answers by that of the accuracy reward.
    """

    names: float = 0.0
    intensities: float = 0.0
    answers: float = 0.0
    false_alarm: float = 1.0  # what a name costs on an undamaged picture; 1 in the paper


@dataclass(frozen=True)
class GrpoConfig(GroupSettings, StageConfig):
    """Set the reinforcement stage up; `samples` and `batch` count scenes, each answered in a group.

    Group size and beta are the paper's; its completions have up to 2048 tokens, the chains of
    scenes 28 to 195, half of them below 73 (measured on 600, with the tokenizer of `cpu`).
    """

    accumulate: int = 1  # forward passes that a step's completions are divided among
    max_tokens: int = 224
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
    decisions: DecisionWeights = field(default_factory=DecisionWeights)

    @property
    def mixed(self) -> int:
        """Return the number of scenes that are learned from beside those that are answered."""
        return self.steps * self.accumulate * self.mix

    def __post_init__(self) -> None:
        completions = self.batch * self.group
        problems = self.problems()
        if self.accumulate < 1 or completions % self.accumulate:
            problems.append(
                f"grpo.accumulate is {self.accumulate}, it must divide the {completions} "
                "completions of a step (batch x group)"
            )
        if not 0 < self.share <= 1:
            problems.append(f"grpo.share is {self.share}, it must be above 0 and at most 1")
        if problems:
            raise InputError("; ".join(problems))


@dataclass(frozen=True)
class TrainingConfig:
    """Fix a run of the bundled models' recipe, stage by stage."""

    warmup: StageConfig
    base: StageConfig
    sft: StageConfig
    grpo: GrpoConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    seed: int = 20
    threads: int = 2
    workers: int = 1
    compiled: bool = False  # fuse the encoder's small operations; needs a C++ compiler
    photos: tuple[str, ...] = ()  # folders of photographs that every other batch is drawn from
