"""samples.jsonl of a run's folder: what the model said, a JSON object for each completion.

Its keys are listed in train/README.md. A run that goes on after step S says again what it had said
after S, so that is taken out first: no line comes twice.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from robust_r1.records.lines import write_whole

TRAINED, WATCHED, GREEDY = "trained", "watched", "greedy"


class SamplesFile:
    """Append to the file; one process does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, step: int, fixed: int) -> bool:
        """Take out what a run that goes on at a step will say again.

        Args:
            step: optimizer steps done; 0 for a run that begins, whose file is emptied.
            fixed: rows about fixed prompts that one step has.

        Returns:
            Whether all of those rows are there already for this step.
        """
        # Not by `splitlines`: what a model says may hold every character that ends a line in text.
        lines = self._path.read_text("utf-8").split("\n") if self._path.exists() else [""]
        rows = [row for line in lines if step and (row := _row(line)) is not None]
        kept = [row for row in rows if row["step"] + _is_trained(row) <= step]
        at = [row for row in kept if row["step"] == step]
        told = len(at) == fixed
        if not told:
            kept = [row for row in kept if row["step"] != step]
        if len(kept) != len(lines) - 1 or lines[-1]:
            write_whole(self._path, map(_line, kept))
        return told

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows."""
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(map(_line, rows))


def _is_trained(row: Mapping[str, Any]) -> bool:
    """Tell whether a step after the row's was taken from it; earlier versions did not say."""
    return row.get("kind", TRAINED if "format_reward" in row else GREEDY) == TRAINED


def _row(line: str) -> dict[str, Any] | None:
    """Return a row; None where the line broke off."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
