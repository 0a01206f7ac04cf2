"""Which samples a run meets and in which order, counted in samples, not in optimizer steps.

So a run that goes on with more processes, or with another batch, meets what it has not met yet.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from robust_r1.errors import InputError
from train.common.adapter_config import AdapterConfig


@dataclass(frozen=True)
class Course:
    """Say where a run stands when it begins or goes on, and what it still meets.

    All samples are met in their order, in each pass. The last optimizer step is filled up with the
    samples that the next pass would begin with, so that every step has the same number, whatever
    number of processes shares it.

    Attributes:
        samples: of the data: chains, or for rewards prompts.
        wanted: samples that the whole run meets, over all its passes.
        per_step: samples of an optimizer step.
        step: optimizer steps before this start.
        seen: samples that those met.
    """

    samples: int
    wanted: int
    per_step: int
    step: int = 0
    seen: int = 0

    @property
    def last_step(self) -> int:
        """Return the optimizer step at which the run ends."""
        return self.step + math.ceil(max(self.wanted - self.seen, 0) / self.per_step)

    @property
    def order(self) -> list[int]:
        """List the samples that are still to be met; those of one step where all have been."""
        # A trainer wants rows also when it has nothing left to do.
        steps = max(self.last_step - self.step, 1)
        numbers = range(self.seen, self.seen + steps * self.per_step)
        return [number % self.samples for number in numbers]

    def seen_at(self, step: int) -> int:
        """Return how many samples were met by an optimizer step of this start."""
        return self.seen + (step - self.step) * self.per_step

    def rate_at(self, step: int, warmup_share: float) -> float:
        """Return the learning rate of a step as a share of the highest: warm-up, then a cosine."""
        share = min(self.seen_at(step) / self.wanted, 1.0)
        if share < warmup_share:
            return share / warmup_share
        return 0.5 * (1 + math.cos(math.pi * (share - warmup_share) / (1 - warmup_share)))


def begin_course(samples: int, epochs: float, per_step: int, what: str) -> Course:
    """Return the course of a run that begins.

    Args:
        samples: of the data.
        epochs: passes over them; a part of one will do.
        per_step: samples of an optimizer step.
        what: names the samples and the setting that `per_step` comes from, for people.

    Raises:
        InputError: fewer samples than one step takes.
    """
    if samples < per_step:
        raise InputError(
            f"one optimizer step takes {per_step} {what}, and there are only {samples} for this "
            "stage; lower that setting or bring more data"
        )
    return Course(samples, max(math.ceil(samples * epochs), 1), per_step)


def whole_course(stage: str, samples: int, config: AdapterConfig, processes: int) -> Course:
    """Return the course of a whole run of a stage on so many samples, checked beforehand.

    Args:
        stage: "sft" or "grpo".
        samples: that the stage learns from.
        config: of the recipe.
        processes: that share each step.

    Raises:
        InputError: fewer samples than a step takes, or a step that the processes cannot share.
    """
    if stage == "sft":
        config.sft.share(processes)
        what = "samples (sft.global_batch)"
        return begin_course(samples, config.sft.epochs, config.sft.global_batch, what)
    config.grpo.share(processes)
    prompts = config.grpo.global_batch // config.grpo.group
    what = "prompts (grpo.global_batch / grpo.group)"
    return begin_course(samples, config.grpo.epochs, prompts, what)


class MeetsSamples:
    """Let a trainer of TRL run a course: mixed in before the trainer's class."""

    course: Course
    _resumed: str | None = None

    def train(self, resume_from_checkpoint: str | None = None) -> Any:
        """Train, going on from a checkpoint where one is named."""
        self._resumed = resume_from_checkpoint
        trainer: Any = super()
        return trainer.train(resume_from_checkpoint=resume_from_checkpoint)

    def get_batch_samples(self, *arguments: Any) -> Any:
        """Fetch the batches of a step; before the first one, what was random goes on where it was.

        A trainer that has no batches to skip restores that too early: its loader draws a number.
        """
        trainer: Any = super()
        samples = trainer.get_batch_samples(*arguments)
        trainer._load_rng_state(self._resumed)
        self._resumed = None
        return samples

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """Make the learning rate follow the samples met, so that a new batch does not bend it."""
        trainer: Any = self
        if trainer.lr_scheduler is None:
            trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or trainer.optimizer, self._rate
            )
            trainer._created_lr_scheduler = True
        return trainer.lr_scheduler

    @property
    def _rate(self) -> Callable[[int], float]:
        trainer: Any = self
        course, share = self.course, float(trainer.args.warmup_steps)
        return lambda step: course.rate_at(step, share)
