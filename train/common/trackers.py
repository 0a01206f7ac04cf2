"""Where a run's figures go besides log.jsonl: TensorBoard, trackio, Weights & Biases.

transformers writes to all of them. Here is seen to it that they are there, and that none of them
reaches out to the network unless somebody says so.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from robust_r1.errors import InputError

_PROJECT = "robust-r1"


def require_trackers(names: Sequence[str]) -> None:
    """Raise InputError where a tracker is not installed; it is named."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise InputError(
            f"report_to names {' and '.join(missing)}, which this Python does not have; install "
            f"it (pip install {' '.join(missing)}), or take it out of report_to"
        )


def tracker_settings(names: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return the arguments of a trainer for its trackers; the run is named after its folder.

    Weights & Biases writes below the folder and keeps to this machine, unless its environment
    variables say otherwise. trackio does so by itself.
    """
    if "wandb" in names:
        os.environ.setdefault("WANDB_MODE", "offline")
        os.environ.setdefault("WANDB_PROJECT", _PROJECT)
        os.environ.setdefault("WANDB_DIR", str(folder.absolute()))
        if os.environ["WANDB_MODE"] == "offline":
            # It would report its own crashes even then.
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    return {"report_to": list(names) or "none", "run_name": folder.name, "project": _PROJECT}
