"""What a trainer leaves in a run's folder, and where an interrupted run goes on."""

from pathlib import Path

from transformers.trainer import TRAINER_STATE_NAME

from robust_r1.errors import ModelError


def last_checkpoint(folder: Path) -> str | None:
    """Return the last whole checkpoint of a run; None where there is none yet."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{TRAINER_STATE_NAME}")]
    return str(max(whole, key=step_of)) if whole else None


def step_of(checkpoint: str | Path) -> int:
    """Return the optimizer step at which the trainer wrote a checkpoint, from its folder's name."""
    return int(Path(checkpoint).name.partition("-")[2])


def another_model(checkpoint: Path | str) -> ModelError:
    """Return the error for a run's folder in which a model of another shape was trained."""
    return ModelError(
        f"{checkpoint} is of a model of another shape; give this run a folder of its own"
    )
