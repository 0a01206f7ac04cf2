"""Tables in the layout of the Robust-R1 paper, with its published rows beside ours."""

from collections.abc import Sequence

from robust_r1.analysis.entries import Entry
from robust_r1.analysis.robustness import STRENGTHS, TASKS, RobustnessRow, by_level, robustness
from robust_r1.evaluation.published import ALL_LEVELS
from robust_r1.metrics import Figure
from robust_r1.report.cells import figure_cell
from robust_r1.report.published import CORRUPTED, R_BENCH, ROBUST_R1_PAPER
from robust_r1.report.table import DASH, Cell, Table

HERE, PUBLISHED = "measured here", "published"
_R_BENCH = "R-Bench"


def paper_tables(entries: Sequence[Entry]) -> tuple[Table, ...]:
    """Return the table of a published benchmark as the paper prints such; nothing of others."""
    family = entries[0].family if entries else ""
    if family == _R_BENCH:
        rows = robustness(entries)
        return (_strengths(rows),) if rows else ()
    if any(entry.row.level in ALL_LEVELS and entry.terms.file for entry in entries):
        table = _levels(entries, family)
        return (table,) if table.rows else ()
    return ()


def published_note(entries: Sequence[Entry]) -> str:
    """Say what published rows are; empty where there are none."""
    family = entries[0].family if entries else ""
    if family != _R_BENCH and family not in CORRUPTED:
        return ""
    other = "judges" if family == _R_BENCH else "damage"
    return (
        f"Published rows are as {ROBUST_R1_PAPER} prints them, of other prompts and other {other}: "
        "read them as a guide, not as a paired comparison."
    )


def _strengths(rows: Sequence[RobustnessRow]) -> Table:
    order = [(task, strength) for task in TASKS for strength in STRENGTHS]
    body = [
        (Cell(row.model), *(figure_cell(row.cells[place], 4) for place in order),
         figure_cell(row.overall, 4), Cell(str(row.overall.n), style="rr-n"), Cell(HERE))
        for row in rows
    ]  # fmt: skip
    for model, values in R_BENCH.items():
        cells = (Cell(DASH) if value is None else Cell(f"{value:.4f}") for value in values)
        body.append((Cell(model), *cells, Cell(""), Cell(PUBLISHED)))
    heads = (f"{task.upper()} {strength}" for task, strength in order)
    return Table(
        "R-Bench, absolute robustness by task and strength",
        ("model", *heads, "overall", "n", "from"), tuple(body),
    )  # fmt: skip


def _levels(entries: Sequence[Entry], family: str) -> Table:
    whole: dict[str, dict[str, Figure]] = {}
    for one in by_level(entries):  # of all tasks together first, or of the only one
        if one.accuracy.n:
            whole.setdefault(one.model, {}).setdefault(one.level, one.accuracy)
    body = [
        (Cell(model), *(_percent(found.get(level)) for level in ALL_LEVELS),
         Cell("/".join(sorted({str(one.n) for one in found.values()})), style="rr-n"), Cell(HERE))
        for model, found in whole.items()
        if {*found} & {*ALL_LEVELS}
    ]  # fmt: skip
    published = CORRUPTED.get(family, {}) if body else {}
    for model, values in published.items():
        cells = (Cell(f"{value:.2f}") for value in values)
        body.append((Cell(model), *cells, Cell(""), Cell(PUBLISHED)))
    return Table(
        f"{family}, accuracy in percent, clean and under one random degradation a picture",
        ("model", *ALL_LEVELS, "n", "from"), tuple(body),
    )  # fmt: skip


def _percent(figure: Figure | None) -> Cell:
    if figure is None or figure.value is None:
        return Cell(DASH)
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f"{100 * figure.low:.1f} to {100 * figure.high:.1f}"
    return Cell(f"{100 * figure.value:.2f}", interval)
