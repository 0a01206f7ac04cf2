"""A run as the Hub's evaluation results: YAML for `.eval_results/` of a model's repository.

The form is huggingface_hub's own (`EvalResultEntry`), which the Hub shows on the model's card and
on the benchmark's leaderboard.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import yaml

from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.robustness import by_level
from robust_r1.errors import InputError
from robust_r1.evaluation import Run
from robust_r1.metrics import Figure
from robust_r1.records import REFERENCE

if TYPE_CHECKING:
    from huggingface_hub import EvalResultEntry

# Where benchmarks lie on the Hub.
_DATASETS = {
    "MMStar": "Lin-Chen/MMStar",
    "RealWorldQA": "xai-org/RealworldQA",
    "MMMB": "AIDC-AI/Parrot-dataset",
    "R-Bench": "lcysyzxdxc/R-Bench",
}
_CLEAN_TASK = "default"
_UNDAMAGED = "clean", REFERENCE  # levels


def leaderboard_yaml(runs: Sequence[Run], entries: Sequence[Entry], dataset: str = "") -> str:
    """Write the accuracy at each level as the Hub's evaluation results.

    Args:
        runs: of one model, on one benchmark.
        entries: their cases.
        dataset: the benchmark's id on the Hub; empty for a known one's own.

    Raises:
        InputError: several models, a benchmark whose id nobody knows, or no scored answer.
    """
    from huggingface_hub import eval_result_entries_to_yaml

    models = in_order(entry.model for entry in entries)
    if len(models) != 1:
        named = " and ".join(models) or "none"
        raise InputError(f"a model card is of one model, and the runs are of {named}; give one")
    family = entries[0].family
    dataset = dataset or _DATASETS.get(family, "")
    if dataset.count("/") != 1:
        raise InputError(
            f"--leaderboard needs the Hub's id of {family}; give it with --dataset, as "
            "in --dataset Lin-Chen/MMStar"
        )
    found = _results(runs, entries, dataset)
    if not found:
        raise InputError(f"{runs[0].folder} holds no scored answer; there is nothing to report")
    values = eval_result_entries_to_yaml(found)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _results(
    runs: Sequence[Run], entries: Sequence[Entry], dataset: str
) -> "list[EvalResultEntry]":
    from huggingface_hub import EvalResultEntry

    whole: dict[str, Figure] = {}
    for one in by_level(entries):  # of all tasks together first, or of the only one
        if one.accuracy.value is not None:
            whole.setdefault(one.level, one.accuracy)
    return [
        EvalResultEntry(
            dataset_id=dataset,
            task_id=_CLEAN_TASK if level in _UNDAMAGED else f"robust_{level}",
            value=round(100 * (figure.value or 0), 2),
            date=_date(runs),
            notes=_notes(runs[0], level, figure),
        )
        for level, figure in whole.items()
    ]


def _date(runs: Sequence[Run]) -> str:
    """Return when the last answer was written."""
    latest = max((run.folder / "cases.jsonl").stat().st_mtime for run in runs)
    return datetime.fromtimestamp(latest, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _notes(run: Run, level: str, figure: Figure) -> str:
    prompt = " ".join(str(run.terms.get("prompt", "ours")).split())
    parts = [f"Robust-R1 evaluate, level {level}", f"n = {figure.n}", f"prompt: {prompt}",
             f"precision: {run.precision}"]  # fmt: skip
    if figure.low is not None and figure.high is not None:
        interval = f"{100 * figure.low:.2f} to {100 * figure.high:.2f}"
        parts.insert(2, f"95 % interval over pictures {interval}")
    if at := run.terms.get("degrade_at"):
        parts.append(f"damaged: {at}, seed {run.terms.get('damage_seed', 0)}")
    return "; ".join(parts)
