"""The tables of figures: a line a figure, a column a model."""

from collections.abc import Mapping, Sequence

from robust_r1.analysis.confusion import NAMES, ORDER, Confusion
from robust_r1.analysis.entries import in_order
from robust_r1.analysis.intensities import IntensityErrors
from robust_r1.analysis.rbench import RBenchLine
from robust_r1.analysis.robustness import STRENGTHS, TASKS, LevelFigures, RobustnessRow
from robust_r1.degradations import SPECS, find, label_of
from robust_r1.evaluation import BANDS
from robust_r1.metrics import Figure
from robust_r1.report.cells import by_figure, count_cell, figure_cell
from robust_r1.report.published import (
    ABSOLUTE_OVERALL,
    LLAVA,
    LLAVA_ABSOLUTE,
    LLAVA_RELATIVE,
)
from robust_r1.report.robustness_tables import (
    confidence_table,
    corruption_table,
    cost_table,
    drop_table,
    group_table,
)
from robust_r1.report.summary import Details, FalseAlarms, Headlines
from robust_r1.report.table import DASH, Cell, Table

_UNSCORED = "Nothing to show: no answer of these cases is scored, no true answer is known."
_TASK_NAMES = {"": "all tasks", "mcq": "MCQ", "vqa": "VQA", "cap": "CAP"}


def figures_tables(headlines: Headlines, found: Details) -> tuple[Table, ...]:
    """Return every table of the figures of some cases, in the order in which they are shown."""
    return (
        headline_table(headlines), level_table(found.levels), robustness_table(found.robustness),
        *cost_tables(found), *map(confusion_table, found.confusions), error_table(found.errors),
    )  # fmt: skip


def cost_tables(found: Details) -> tuple[Table, ...]:
    """Return the tables of what damage costs that have anything to show."""
    tables = (
        drop_table(found.levels), corruption_table(found.corruption),
        confidence_table(found.confidence), cost_table(found.costs),
        *(group_table(grouping, figures) for grouping, figures in found.groups),
    )  # fmt: skip
    return tuple(table for table in tables if table.rows)


def headline_table(headlines: Headlines) -> Table:
    """Set the headline figures side by side, n at the end."""
    return by_figure(
        "Headline figures, with 95 % bootstrap intervals", headlines,
        "Nothing to show for these cases.",
    )  # fmt: skip


def difference_table(model: str, found: Headlines) -> Table:
    """Set side by side what others have more than `model`; beyond 0 by their interval is marked."""
    return by_figure(
        f"More than {model}, case by case, with paired 95 % intervals; a star: 0 lies outside",
        found,
        f"Nothing to compare: no other run holds a case of {model} that passes the filter.",
        signed=True,
    )


def level_table(levels: Sequence[LevelFigures]) -> Table:
    """Set side by side accuracy by task and level, and the flips from the clean picture."""
    scored = [one for one in levels if one.accuracy.n]
    models = in_order(one.model for one in scored)
    tasks, names = in_order(one.task for one in scored), in_order(one.level for one in scored)
    rows = []
    for task in tasks:
        for level in names:
            here = {one.model: one for one in scored if (one.task, one.level) == (task, level)}
            if here:
                figures = [here[model].accuracy if model in here else None for model in models]
                name = f"{_TASK_NAMES.get(task, task)}, {level}"
                rows.append((Cell(name), *map(figure_cell, figures), count_cell(figures)))
    for level in names:
        # Of all tasks together, or of the only one that there is.
        whole = {one.model: one for one in reversed(scored) if one.level == level}
        turned = [whole.get(model) for model in models]
        if any(one and one.flips.n for one in turned):
            counts = in_order(str(one.flips.n) for one in turned if one)
            cells = (*map(_flips, turned), Cell("/".join(counts), style="rr-n"))
            rows.append((Cell(f"flips, {level}"), *cells))
    return Table(
        "Accuracy by task and level, and flips from the clean picture",
        ("task and level", *models, "n"), tuple(rows), empty=_UNSCORED,
    )  # fmt: skip


def robustness_table(rows: Sequence[RobustnessRow]) -> Table:
    """Set absolute robustness in the layout of the paper's tables, a line a model."""
    order = [(task, strength) for task in TASKS for strength in STRENGTHS]
    body = tuple(
        (Cell(row.model), *(figure_cell(row.cells[place], 4) for place in order),
         figure_cell(row.overall, 4))
        for row in rows
    )  # fmt: skip
    columns = ("model", *(f"{task.upper()} {strength}" for task, strength in order), "overall")
    return Table(
        "Absolute robustness: mean score of answers on damaged pictures", columns, body,
        empty="Nothing to show: no answer to a picture at low, mid or high is scored.",
    )  # fmt: skip


def rbench_table(
    name: str, lines: Sequence[RBenchLine], relative: bool, published: bool = False
) -> Table:
    """Set absolute and relative robustness by task, strength, step and group, a line a part.

    Args:
        name: what was judged.
        relative: whether there is relative robustness at all.
        published: set what is printed for LLaVA-1.5 beside it.
    """
    kinds = ("absolute", "relative")[: 1 + relative]
    printed = (LLAVA_ABSOLUTE, LLAVA_RELATIVE)[: 1 + relative]
    rows = []
    for line in lines:
        figures = (line.absolute, line.relative)[: 1 + relative]
        cells = [figure_cell(figure, 4) for figure in figures]
        if published:
            theirs = (values.get((line.split, line.part)) for values in printed)
            cells += [figure_cell(Figure(value, 0), 4) for value in theirs]
        rows.append((Cell(line.split), Cell(_part_name(line)), *cells, count_cell(figures)))
    columns = kinds + tuple(f"{LLAVA}, published: {kind}" for kind in kinds if published)
    return Table(
        f"R-Bench's robustness of {name}, with 95 % intervals over pictures",
        ("by", "part", *columns, "n"), tuple(rows), heads=2,
    )  # fmt: skip


def published_table(name: str, overall: Figure) -> Table:
    """Set absolute robustness over all of R-Bench in order with what others have published."""
    rows = [(Cell(model), Cell(f"{value:.3f}"), value, "published")
            for model, value in ABSOLUTE_OVERALL.items()]  # fmt: skip
    if overall.value is not None:
        rows.append((Cell(name), figure_cell(overall), overall.value, "measured here"))
    ordered = sorted(rows, key=lambda row: row[2])
    return Table(
        "Absolute robustness over all of R-Bench, beside published figures",
        ("model", "absolute", "from"),
        tuple((model, value, Cell(origin)) for model, value, _, origin in ordered),
    )


def _part_name(line: RBenchLine) -> str:
    task, _, strength = line.part.partition(" ")
    return f"{_TASK_NAMES[task]} {strength}".strip() if task in _TASK_NAMES else line.part


def confusion_table(found: Confusion) -> Table:
    """Set out which degradation a model took for which, in percent of each line."""
    rows = []
    for name, shares, whole in zip(ORDER, found.shares(), found.applied, strict=True):
        if not any(shares):
            continue
        cells = []
        for other, share in zip(ORDER, shares, strict=True):
            percent = round(100 * (share or 0))
            mark = " rr-same" if other == name else ""
            style = f"rr-heat rr-heat-{min(9, percent // 10)}{mark}"
            cells.append(Cell(str(percent) if percent else "", style=style))
        rows.append((Cell(label_of(name)), *cells, Cell(str(whole), style="rr-n")))
    return Table(
        f"{found.model}: applied (lines) taken for (columns), percent of the cases of each line; "
        "empty is 0",
        ("applied", *map(label_of, NAMES), "nothing", "n"), tuple(rows), style="rr-wide",
    )  # fmt: skip


def left_out(models: Sequence[str]) -> str:
    """Say which models have no confusion matrix, and why."""
    verb = "answers" if len(models) == 1 else "answer"
    return f"Left out: {' and '.join(models)}, which {verb} without naming any damage."


def recall_table(recalls: Sequence[tuple[str, Mapping]]) -> Table:
    """Set side by side how often each degradation was perceived, by applied intensity.

    `recalls` holds (model, `evaluation.recall_by_band` of its cases).
    """
    rows = []
    for id in ("", *(spec.id for spec in SPECS)):
        for low, high in BANDS:
            figures = [found[id, (low, high)] for _, found in recalls]
            if any(figure.n for figure in figures):
                name = f"{find(id).label if id else 'all'}, {low:g} to {high:g}"
                rows.append((Cell(name), *map(figure_cell, figures), count_cell(figures)))
    return Table(
        "Perceived, by degradation and applied intensity",
        ("degradation", *(model for model, _ in recalls), "n"), tuple(rows),
    )  # fmt: skip


def false_alarm_table(found: FalseAlarms) -> Table:
    """Set side by side what is said falsely of clean views; what nobody says is left out."""
    views = in_order(saved for _, alarms in found for one in alarms.values() for saved in one)
    rows = []
    for spec in SPECS:
        for saved in views:
            figures = [alarms[spec.id].get(saved) for _, alarms in found]
            if any(figure and figure.value for figure in figures):
                name = f"{spec.label}, {saved}"
                rows.append((Cell(name), *map(figure_cell, figures), count_cell(figures)))
    return Table(
        "Clean views said to have a degradation, by whether they were saved once",
        ("degradation", *(model for model, _ in found), "n"), tuple(rows),
        empty="Nothing to show: no clean view is said to have any.",
    )  # fmt: skip


def error_table(errors: Sequence[tuple[str, IntensityErrors]]) -> Table:
    """Set side by side the mean error and the mean absolute error of intensities."""
    found = {
        model: {name: pair for name, *pair in one.by_degradation} for model, one in errors if one.n
    }
    rows = []
    for spec in SPECS:
        pairs = [own.get(spec.chain_name, (None, None)) for own in found.values()]
        if any(pair[0] for pair in pairs):
            cells = [figure_cell(figure) for pair in pairs for figure in pair]
            rows.append((Cell(spec.label), *cells, count_cell([pair[0] for pair in pairs])))
    columns = (f"{model}, {kind}" for model in found for kind in ("mean", "mean absolute"))
    return Table(
        "Intensity error by degradation: perceived minus applied, over matched findings",
        ("degradation", *columns, "n"), tuple(rows),
    )  # fmt: skip


def _flips(one: LevelFigures | None) -> Cell:
    if one is None or one.flips.rate is None:
        return Cell(DASH)
    lost, won = one.flips.right_to_wrong or 0, one.flips.wrong_to_right or 0
    return Cell(f"{100 * lost:.1f} % lost, {100 * won:.1f} % won")
