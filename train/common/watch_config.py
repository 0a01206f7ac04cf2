"""The settings of what a run tells of itself on its way; they change no weight."""

from dataclasses import dataclass

from robust_r1.errors import InputError

TRACKERS = ("tensorboard", "trackio", "wandb")
_NONE = "none"


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """Say where a run's figures go, and what it is asked at its checkpoints."""

    report_to: tuple[str, ...] = ("tensorboard",)  # of TRACKERS; "none" for log.jsonl alone
    watched: int = 2  # fixed prompts, answered before training and at each checkpoint
    rewarded: int = 32  # samples held out that GRPO's checkpoints are compared by, at most
    minibench_every: int = 0  # optimizer steps between two looks at MiniBench; 0 for none
    minibench_items: int = 96  # of MiniBench's 960: whole scenes, at all four levels

    def __post_init__(self) -> None:
        unknown = [name for name in self.report_to if name not in (*TRACKERS, _NONE)]
        if unknown or (_NONE in self.report_to and len(self.report_to) > 1):
            named = unknown[0] if unknown else "none and others"
            raise InputError(
                f"report_to names {named}; choose from {', '.join(TRACKERS)}, or none alone"
            )
        if self.minibench_every and not 4 <= self.minibench_items <= 960:
            raise InputError(
                f"minibench_items is {self.minibench_items}; MiniBench has 4 to 960 to give"
            )

    @property
    def trackers(self) -> tuple[str, ...]:
        """Return the trackers that figures go to, each once."""
        return tuple(dict.fromkeys(name for name in self.report_to if name != _NONE))
