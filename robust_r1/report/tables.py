"""Tables of figures as HTML; every word from a run goes through `escape`."""

from collections.abc import Iterable, Mapping, Sequence

from robust_r1.analysis.confusion import NAMES, NOTHING, Confusion
from robust_r1.analysis.entries import in_order
from robust_r1.analysis.intensities import IntensityErrors
from robust_r1.analysis.robustness import STRENGTHS, TASKS, LevelFigures, RobustnessRow
from robust_r1.degradations import SPECS, find, label_of
from robust_r1.evaluation import BANDS
from robust_r1.markup import escape
from robust_r1.metrics import Figure
from robust_r1.report.summary import FalseAlarms, Headlines

_DASH = "\u2013"
_MINUS = "\u2212"
_NAME = 60
_UNSCORED = "Nothing to show: no answer of these cases is scored, no true answer is known."
_TASK_NAMES = {"": "all tasks", "mcq": "MCQ", "vqa": "VQA", "cap": "CAP"}


def headline_table(headlines: Headlines) -> str:
    """Draw the headline figures: one line a figure, one column a model, n at the end."""
    names = in_order(name for _, figures in headlines for name in figures)
    rows = []
    for name in names:
        found = [figures.get(name) for _, figures in headlines]
        counts = sorted({figure.n for figure in found if figure})
        rows.append(
            [_head(name), *map(_figure, found), _cell("/".join(map(str, counts)), "rr-n")]
        )
    return _table(
        "Headline figures, with 95 % bootstrap intervals",
        ["figure", *(model for model, _ in headlines), "n"],
        rows,
    )


def level_table(levels: Sequence[LevelFigures]) -> str:
    """Draw accuracy by level, for all tasks and each by itself, with the flips at each level."""
    scored = [one for one in levels if one.accuracy.n]
    several = {one.model for one in scored if one.task == ""}
    columns = in_order(one.level for one in scored)
    rows = []
    for model, task in dict.fromkeys((one.model, one.task) for one in scored):
        here = {one.level: one for one in scored if (one.model, one.task) == (model, task)}
        cells = [_figure(here[level].accuracy if level in here else None) for level in columns]
        rows.append([_head(model), _cell(_TASK_NAMES.get(task, task)), *cells])
        if task == "" or model not in several:
            turned = [_flips(here.get(level)) for level in columns]
            rows.append([_head(model), _cell("flips"), *turned])
    return _table("Accuracy by level and task, and flips from the clean picture",
                  ["model", "task", *columns], rows, empty=_UNSCORED)


def robustness_table(rows: Sequence[RobustnessRow]) -> str:
    """Draw absolute robustness in the layout of the paper's tables."""
    order = [(task, strength) for task in TASKS for strength in STRENGTHS]
    body = [
        [_head(row.model), *(_figure(row.cells[place], 4) for place in order),
         _figure(row.overall, 4)]
        for row in rows
    ]
    columns = ["model", *(f"{task.upper()} {strength}" for task, strength in order), "overall"]
    return _table("Absolute robustness: mean score of answers on damaged pictures", columns, body,
                  empty="Nothing to show: no answer to a picture at low, mid or high is scored.")


def confusion_table(found: Confusion) -> str:
    """Draw which degradation was taken for which, in percent of each line; empty cells are 0."""
    names = [label_of(name) for name in NAMES]
    rows = []
    for name, counts, shares in zip((*NAMES, NOTHING), found.counts, found.shares(), strict=True):
        if not sum(counts):
            continue
        cells = []
        for other, share in zip((*NAMES, NOTHING), shares, strict=True):
            percent = round(100 * (share or 0))
            mark = " rr-same" if other == name else ""
            weight = min(9, percent // 10)
            cells.append(_cell(str(percent) if percent else "", f"rr-heat rr-heat-{weight}{mark}"))
        rows.append([_head(label_of(name)), *cells, _cell(f"{sum(counts):.0f}", "rr-n")])
    return _table(
        "Applied (lines) taken for (columns), percent of each line",
        ["applied", *names, "nothing", "n"], rows, "rr-wide",
    )


def recall_table(recalls: Sequence[tuple[str, Mapping]]) -> str:
    """Draw how often each degradation was perceived, by applied intensity and model.

    `recalls` holds (model, `evaluation.recall_by_band` of its cases).
    """
    rows = []
    for id in ("", *(spec.id for spec in SPECS)):
        for model, found in recalls:
            figures = [found[id, band] for band in BANDS]
            if any(figure.n for figure in figures):
                label = find(id).label if id else "all"
                counts = "/".join(str(figure.n) for figure in figures)
                rows.append([_head(label), _cell(escape(model, _NAME)), *map(_figure, figures),
                             _cell(counts, "rr-n")])
    bands = [f"{low:g} to {high:g}" for low, high in BANDS]
    return _table("Perceived, by degradation and applied intensity",
                  ["degradation", "model", *bands, "n"], rows)


def false_alarm_table(found: FalseAlarms) -> str:
    """Draw what is said falsely of clean views, in lines of a degradation and a model.

    Left out is what a model never says of them.
    """
    columns = in_order(saved for _, alarms in found for one in alarms.values() for saved in one)
    rows = []
    for spec in SPECS:
        for model, alarms in found:
            figures = [alarms[spec.id].get(saved) for saved in columns]
            if any(figure and figure.value for figure in figures):
                counts = "/".join(str(figure.n) for figure in figures if figure)
                rows.append([_head(spec.label), _cell(escape(model, _NAME)),
                             *map(_figure, figures), _cell(counts, "rr-n")])
    return _table("Clean views said to have a degradation, by whether they were saved once",
                  ["degradation", "model", *columns, "n"], rows,
                  empty="Nothing to show: no clean view is said to have any.")


def error_table(errors: Sequence[tuple[str, IntensityErrors]]) -> str:
    """Draw mean error and mean absolute error of intensities by degradation and model."""
    rows = [
        [_head(label_of(name)), _cell(escape(model, _NAME)), _figure(bias), _figure(size),
         _cell(str(size.n), "rr-n")]
        for model, found in errors
        for name, bias, size in found.by_degradation
    ]
    return _table(
        "Intensity error by degradation: perceived minus applied, over matched findings",
        ["degradation", "model", "mean (bias)", "mean absolute", "n"], rows,
    )


def _table(
    caption: str, columns: Sequence[str], rows: Iterable, style: str = "",
    empty: str = "Nothing to show for these cases.",
) -> str:
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    if not body:
        body = f'<tr><td colspan="{len(columns)}">{empty}</td></tr>'
    head = "".join(f'<th scope="col"><span>{escape(name, _NAME)}</span></th>' for name in columns)
    return (
        f'<div class="rr-scroll" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f'<table class="rr-table {style}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _head(text: str) -> str:
    return f'<th scope="row">{escape(text, _NAME)}</th>'


def _cell(html: str, style: str = "") -> str:
    return f'<td class="{style}">{html}</td>'


def _figure(figure: Figure | None, digits: int = 3) -> str:
    if figure is None or figure.value is None:
        return _cell(_DASH)
    short = 1 if abs(figure.value) >= 10 else digits
    value = _number(figure.value, short)
    if figure.low is None or figure.high is None:
        return _cell(value)
    # The interval of a table with four digits still has two: it is no more certain than that.
    low, high = _number(figure.low, min(short, 2)), _number(figure.high, min(short, 2))
    return _cell(f"{value} <small>{low} to {high}</small>")


def _flips(one: LevelFigures | None) -> str:
    if one is None or one.flips.rate is None:
        return _cell(_DASH)
    lost, won = one.flips.right_to_wrong or 0, one.flips.wrong_to_right or 0
    return _cell(f"{100 * lost:.1f} % lost, {100 * won:.1f} % won <small>n = {one.flips.n}</small>")


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", _MINUS)
