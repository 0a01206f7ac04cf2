"""What reinforcement learns from: a group of a step in samples.jsonl, findings in the log.

TRL gathers completions, rewards and advantages of all processes; groups lie in them whole, however
many devices share one.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from accelerate.utils import gather_object

from robust_r1.metrics import Matching
from robust_r1.rewards import text_of
from train.common.completions import told_of
from train.common.findings import finding_figures, matching_of
from train.common.rewards import total_of
from train.common.samples_file import TRAINED, SamplesFile


class GroupLog:
    """Keep what the main process writes down of the groups that a trainer learns from.

    Args:
        file: a group of every `every`-th step is appended to it.
        every: steps between two of them.
        group: completions of a prompt.
    """

    def __init__(self, file: SamplesFile, every: int, group: int) -> None:
        self._file, self._every, self._group = file, every, group
        self._matchings: list[Matching] = []
        self._written = -1

    def note(self, step: int, rows: Sequence[Mapping[str, Any]], weights: Sequence[float]) -> None:
        """Count the findings of a step's completions, and write the first group where it is due.

        Args:
            step: optimizer steps done before it.
            rows: of all completions, with `solution`, `completion`, `tokens`, `rewards` by name,
                `advantage`, and what `told_of` takes.
            weights: of the rewards.
        """
        self._matchings += [matching_of(row["completion"], row["solution"]) for row in rows]
        if step % self._every or step == self._written:
            return
        self._written = step
        self._file.add(
            {
                "kind": TRAINED,
                "step": step,
                **told_of(row),
                "member": member,
                "completion": row["completion"],
                "tokens": row["tokens"],
                **row["rewards"],
                "reward": total_of(row["rewards"], weights),
                "advantage": row["advantage"],
            }
            for member, row in enumerate(rows[: self._group])
        )

    def figures(self) -> dict[str, float]:
        """Return the figures of what was found since the last call."""
        figures = finding_figures(self._matchings, "findings")
        self._matchings = []
        return figures


class TellsGroups:
    """Let TRL's trainer of rewards tell what it learns from: mixed in before its class."""

    group_log: GroupLog

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Any:
        """Return TRL's batch; note its completions."""
        told = [_columns(row) for row in inputs]
        trainer: Any = super()
        batch = trainer._generate_and_score_completions(inputs)
        self._note(told, batch)
        return batch

    def _note(self, told: list[dict[str, Any]], batch: Mapping[str, Any]) -> None:
        trainer: Any = self
        rows = gather_object(told)
        tokens = trainer.accelerator.gather(batch["completion_mask"].sum(1)).tolist()
        if not trainer.accelerator.is_main_process:
            return
        logs, count = trainer._logs, len(rows)  # which TRL has just extended
        texts = [text_of(said) for said in list(logs["completion"])[-count:]]
        gained = list(logs["advantages"])[-count:]
        scores = {name: list(logs["rewards"][name])[-count:] for name in trainer.reward_func_names}
        for at, row in enumerate(rows):
            row |= {"completion": texts[at], "tokens": tokens[at], "advantage": gained[at]}
            row["rewards"] = {name: _scored(some[at]) for name, some in scores.items()}
        self.group_log.note(trainer.state.global_step, rows, trainer.reward_weights.tolist())

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log what TRL does, and what was found."""
        logs.update(self.group_log.figures())
        trainer: Any = super()
        trainer.log(logs, start_time)


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a row, before TRL turns its prompt into parts."""
    known = {"split": "train", **row, "prompt": text_of(row["prompt"])}
    return told_of(known)


def _scored(value: float) -> float | None:
    """Return a reward; None where TRL, which keeps seven digits, holds that there is none."""
    return None if math.isnan(value) else round(value, 6)
