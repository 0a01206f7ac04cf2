"""What the runs of training are that are open: a line each, what is damaged, how they differ."""

from collections.abc import Sequence

from robust_r1.analysis.training_curves import differing, ends_of
from robust_r1.markup import escape
from robust_r1.records.training_run import TrainingRun

_NAME, _LINE, _MOST = 60, 160, 8
_TENTHS = (
    '<p class="rr-hint">Rewards and losses: means over the first and over the last tenth of what '
    "was logged.</p>"
)
# What a run is known by, as far as its log has it: heading, key in the log, how it is written.
_FIGURES = (
    ("Reward", "reward", ".2f"), ("Loss", "loss", ".3g"), ("Loss, held out", "eval_loss", ".3g"),
    ("Reward, held out", "eval_reward", ".2f"),
)  # fmt: skip


def runs_head(runs: Sequence[TrainingRun]) -> str:
    """Draw a line for each run, a sentence for each damaged file, and in what two runs differ."""
    figures = [one for one in _FIGURES if any(ends_of(run, one[1]) for run in runs)]
    heads = "".join(f'<th scope="col">{name}</th>' for name, _, _ in figures)
    rows = "".join(_row(run, number, figures, len(runs)) for number, run in enumerate(runs))
    told = "".join(
        f'<p class="rr-notice" role="note">{escape(run.folder.name, _NAME)}: '
        f"{escape(problem, _LINE)}</p>"
        for run in runs
        for problem in run.problems
    )
    return (
        '<div class="rr-scroll" tabindex="0" role="group" aria-label="Runs of training">'
        '<table class="rr-table"><thead><tr><th scope="col">Run</th><th scope="col">Stages</th>'
        f'<th scope="col">Steps</th><th scope="col">Time</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{told}{_differences(runs)}{_TENTHS if figures else ''}"
    )


def _row(run: TrainingRun, number: int, figures: Sequence[tuple], total: int) -> str:
    line = f' <span class="rr-dash is-{number}" aria-hidden="true"></span>' if total > 1 else ""
    stages = ", ".join(run.stages) or "not finished yet"
    of = f" of {run.planned}" if run.planned else ""
    cells = "".join(f"<td>{_ends(run, key, written)}</td>" for _, key, written in figures)
    return (
        f'<tr><th scope="row">{escape(run.folder.name, _NAME)}{line}</th>'
        f"<td>{escape(stages, _LINE)}</td><td>{run.step}{of}</td><td>{_time(run.seconds)}</td>"
        f"{cells}</tr>"
    )


def _ends(run: TrainingRun, key: str, written: str) -> str:
    ends = ends_of(run, key)
    if ends is None:
        return "&ndash;"
    first, last = (f"{end:z{written}}" for end in ends)
    return f"{first} <small>to</small> <b>{last}</b>"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _differences(runs: Sequence[TrainingRun]) -> str:
    if len(runs) < 2 or not all(run.settings for run in runs):
        return ""
    found = differing(runs[0], runs[1])
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    words = "; ".join(escape(one, _LINE) for one in found[:_MOST]) or "in no setting"
    return f'<p class="rr-hint">The recipes differ: {words}{more}.</p>'
