"""The log of a run: what its trainer measures, a JSON object for each time that it does."""

import json
import time
from pathlib import Path
from typing import Any

from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from train.common.course import Course


class JsonLines(TrainerCallback):
    """Append each log of a trainer to a file, one JSON object a line.

    Args:
        path: of the file.
        course: of a run that counts samples; None for one that counts steps alone.
    """

    def __init__(self, path: Path, course: Course | None = None) -> None:
        self.path, self.course, self.begun = path, course, time.time()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write one row: step, of how many, seconds since the start, what the trainer measured."""
        if not state.is_world_process_zero:
            return
        row = {
            "step": state.global_step,
            "of": state.max_steps,
            "seconds": round(time.time() - self.begun),
            **(logs or {}),
            **self._samples(state.global_step),
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        # Findings by degradation fill a screen.
        shown = {key: one for key, one in row.items() if "findings/" not in key or "/all/" in key}
        print(json.dumps(shown), flush=True)

    def _samples(self, step: int) -> dict[str, float]:
        if self.course is None:
            return {}
        seen = min(self.course.seen_at(step), self.course.wanted)
        return {"samples": seen, "epoch": round(seen / self.course.samples, 4)}


def log_figures(trainer: Any, figures: dict[str, float]) -> None:
    """Log figures of one's own to all that a trainer reports to, between its own rows.

    Args:
        trainer: one of transformers or TRL, whose own `log` would add what it has gathered of steps
            so far, and gather it anew.
        figures: by name.
    """
    due = trainer.control.should_log
    Trainer.log(trainer, figures)
    trainer.control.should_log = due


def minutes_of(log: Path) -> float:
    """Add up the minutes of all parts of a run, to a tenth."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    times = [row["seconds"] for row in rows if "seconds" in row]
    ends = [time for time, after in zip(times, [*times[1:], -1], strict=False) if after < time]
    return round(sum(ends) / 60, 1)
