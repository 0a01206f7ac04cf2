"""What a checkpoint went through: one record for each stage, handed on from run to run."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from train.common.logs import minutes_of

FILE = "history.json"


@dataclass(frozen=True)
class StageRecord:
    """Name one stage that a checkpoint went through, and the command that repeats it."""

    stage: str
    command: str
    samples: int
    seed: int
    minutes: float


def history_of(folder: Path) -> tuple[StageRecord, ...]:
    """Read the stages of a run's checkpoint, the first one first; empty where nothing is known."""
    path = folder / FILE
    if not path.is_file():
        return ()
    return tuple(StageRecord(**row) for row in json.loads(path.read_text(encoding="utf-8")))


def write_history(folder: Path, earlier: tuple[StageRecord, ...], *new: StageRecord) -> None:
    """Write the stages before and those of this run into its folder."""
    rows = [asdict(record) for record in (*earlier, *new)]
    (folder / FILE).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def record(stage: str, samples: int, seed: int, log: Path) -> StageRecord:
    """Make the record of a stage that this process has ended, with the minutes that its log shows.

    Args:
        stage: what it is called in a model card.
        samples: scenes that it drew.
        seed: of the run.
        log: JSON lines with `seconds` since the process began; they start again where an
            interrupted run was resumed, and all parts count.
    """
    command = " ".join(["python -m", module_of(sys.argv[0]), *sys.argv[1:]])
    return StageRecord(stage, command, samples, seed, minutes_of(log))


def module_of(script: str) -> str:
    """Return the module that a script is run as: train.tiny.sft of .../train/tiny/sft.py."""
    parts = Path(script).with_suffix("").parts
    if "train" not in parts:
        return f"train.{parts[-1]}"
    return ".".join(parts[len(parts) - 1 - parts[::-1].index("train") :])
