"""What a model says at fixed prompts while it learns, written to samples.jsonl of its run's folder.

It is asked before training and at each checkpoint, so that one prompt can be followed through a
run: for the likeliest completion, and where rewards are learned from for a group of sampled ones.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from train.common.answering import Answering, Asked, Said
from train.common.rewards import Scoring, advantages_of
from train.common.samples_file import GREEDY, WATCHED, SamplesFile


class FixedPrompts(TrainerCallback):
    """Ask the model the same at each checkpoint.

    Args:
        file: where what it says goes; its keys are listed in train/README.md.
        asked: the prompts.
        answering: has the model answer.
        scoring: rewards what it says; None for no rewards.
        group: sampled completions of each prompt; 0 for none.
        seed: of what is sampled, together with the step.
    """

    def __init__(
        self,
        file: SamplesFile,
        asked: Sequence[Asked],
        answering: Answering,
        scoring: Scoring | None = None,
        group: int = 0,
        seed: int = 0,
    ) -> None:
        self._file, self._asked, self._answering = file, asked, answering
        self._scoring, self._group, self._seed = scoring, group, seed

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Ask before the first step; of a run that goes on, what its last checkpoint lacks."""
        told = [False]
        if state.is_world_process_zero:
            told = [self._file.begin(state.global_step, len(self._asked) * (1 + self._group))]
        if not broadcast_object_list(told)[0]:
            self._ask(state)

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Ask at a checkpoint; all processes answer, the first one writes."""
        self._ask(state)

    def _ask(self, state: TrainerState) -> None:
        if not self._asked:
            return
        step = state.global_step
        greedy = self._answering.greedy(self._asked)
        groups: list[list[Said]] = []
        if self._group:
            seed = self._seed + 1_000_003 * step  # of no other step
            groups = self._answering.sampled(self._asked, self._group, seed)
        if not state.is_world_process_zero:
            return
        rows = list(self._rows(GREEDY, step, [[one] for one in greedy]))
        rows += self._rows(WATCHED, step, groups) if groups else []
        self._file.add(rows)

    def _rows(
        self, kind: str, step: int, groups: Sequence[Sequence[Said]]
    ) -> Iterator[dict[str, Any]]:
        for one, said in zip(self._asked, groups, strict=True):
            earned = self._earned(one, said)
            totals = [row.get("reward") for row in earned]
            gained = advantages_of(totals) if kind == WATCHED else [None] * len(said)
            for member, (answer, reward) in enumerate(zip(said, earned, strict=True)):
                yield {
                    "kind": kind,
                    "step": step,
                    **told_of(vars(one)),
                    "member": member,
                    "completion": answer.text,
                    "tokens": len(answer.ids),
                    **reward,
                    **({"advantage": gained[member]} if reward else {}),
                }

    def _earned(self, asked: Asked, said: Sequence[Said]) -> list[dict[str, float | None]]:
        if self._scoring is None:
            return [{} for _ in said]
        columns = {
            "solution": [asked.solution] * len(said),
            "choices": [list(asked.choices)] * len(said),
        }
        texts, ids = [one.text for one in said], [one.ids for one in said]
        parts = self._scoring.parts(texts, ids, columns)
        return [{**part, "reward": self._scoring.total(part)} for part in parts]


def told_of(columns: Any) -> dict[str, str]:
    """Return what samples.jsonl tells of a sample."""
    return {key: columns[key] for key in _TOLD}


_TOLD = ("sample", "split", "picture", "question", "prompt", "solution")
