"""The charts of the Analyze tab, in the look of `widgets.charts`."""

from collections.abc import Sequence

import plotly.graph_objects as go

from robust_r1.analysis.confusion import ORDER, Confusion, cell_id
from robust_r1.analysis.entries import in_order
from robust_r1.analysis.filters import OFF_BY, SCORED, Filter
from robust_r1.analysis.intensities import IntensityErrors
from robust_r1.analysis.robustness import LevelFigures
from robust_r1.degradations.names import label_of
from robust_r1.markup import escape
from robust_r1.ui.analyze.clicks import mark
from robust_r1.ui.widgets.charts import APPLIED, LEGEND, PERCEIVED, chart_layout, empty_chart

# Okabe and Ito's colors (2008) as far as they keep their contrast on both themes; with each come
# a symbol, a dash and a pattern of its own, so that color is never the only sign.
_LOOKS = (
    (APPLIED, "circle", "solid", ""),
    (PERCEIVED, "square", "dash", "/"),
    ("#0b8f6a", "diamond", "dot", "x"),
    ("#b0568f", "triangle-up", "dashdot", "."),
    ("#7a808c", "cross", "longdash", "-"),
    ("#a03c2e", "star", "longdashdot", "+"),
)
_NAME = 30
_BLUES = [[0, "rgba(10,124,196,0)"], [1, "rgba(10,124,196,.85)"]]


def level_chart(levels: Sequence[LevelFigures]) -> go.Figure:
    """Draw accuracy with its 95 % interval by level, one line a model."""
    models = in_order(one.model for one in levels)
    figure = go.Figure()
    for model, (color, symbol, dash, _) in zip(models, _LOOKS, strict=False):
        own = [one for one in levels if one.model == model and one.accuracy.n]
        whole = [one for one in own if one.task == ""] or own
        if len({one.task for one in whole}) > 1 or not whole:
            continue
        values = [one.accuracy for one in whole]
        figure.add_trace(go.Scatter(
            name=escape(model, _NAME), x=[one.level for one in whole],
            y=[one.value for one in values], mode="lines+markers",
            line={"color": color, "dash": dash, "width": 2},
            marker={"symbol": symbol, "size": 10, "color": color},
            error_y={"type": "data", "symmetric": False, "color": color, "thickness": 1.2,
                     "array": [_gap(one.value, one.high) for one in values],
                     "arrayminus": [_gap(one.low, one.value) for one in values]},
            customdata=[
                mark((one.accuracy.n,), one.accuracy.n,
                     Filter(models=(model,), levels=(one.level,), outcome=SCORED))
                for one in whole
            ],
            hovertemplate="%{x}: %{y:.3f} (n = %{customdata[0]})<extra>%{fullData.name}</extra>",
        ))  # fmt: skip
    if not figure.data:
        return empty_chart("No answer of these cases is scored: no true answer is known.")
    figure.update_layout(
        **chart_layout(330), showlegend=True, legend=LEGEND, meta={"file": "accuracy by level"},
        xaxis={"title": {"text": "level of the damage", "standoff": 6}, "fixedrange": True,
               "type": "category"},
        yaxis={"title": {"text": "accuracy (captions: F1 of facts)"}, "range": [0, 1.02],
               "fixedrange": True, "gridcolor": "#8884", "automargin": True},
    )
    return figure


def _gap(low: float | None, high: float | None) -> float:
    """Return how far an interval's end lies from its value; 0 where there is no interval."""
    return 0.0 if low is None or high is None else high - low


def confusion_chart(found: Confusion) -> go.Figure:
    """Draw which degradation was taken for which, as percents of the cases of each line."""
    kept = [place for place, counts in enumerate(found.counts) if sum(counts)]
    if not kept:
        return empty_chart("No degradation was applied or named in these cases.")
    shares = found.shares()
    labels = [label_of(name) for name in ORDER]
    rows = [[100 * (share or 0) for share in shares[place]] for place in kept]
    figure = go.Figure(go.Heatmap(
        z=rows, x=labels, y=[labels[place] for place in kept], zmin=0, zmax=100,
        colorscale=_BLUES, showscale=False, xgap=1, ygap=1,
        text=[[f"{value:.0f}" if value >= 1 else "" for value in row] for row in rows],
        texttemplate="%{text}", textfont={"size": 11},
        customdata=[[_cell_mark(found, place, column) for column in range(len(ORDER))]
                    for place in kept],
        hovertemplate="%{y} taken for %{x}: %{customdata[0]} of %{customdata[1]} cases"
                      "<extra></extra>",
    ))  # fmt: skip
    figure.update_layout(
        **chart_layout(170 + 22 * len(kept)), meta={"file": f"confusions of {found.model}"},
        xaxis={"tickangle": -50, "fixedrange": True, "automargin": True, "tickfont": {"size": 11},
               "title": {"text": "named"}},
        yaxis={"autorange": "reversed", "fixedrange": True, "automargin": True,
               "tickfont": {"size": 11}, "title": {"text": "applied", "standoff": 8}},
    )
    return figure


def _cell_mark(found: Confusion, row: int, column: int) -> tuple:
    count, whole = found.counts[row][column], found.applied[row]
    cell = ORDER[row], ORDER[column]
    # Nothing taken for nothing is no confusion, and no case lies there.
    taken = (cell_id(cell),) if count else ()
    return mark((count, whole), count, Filter(models=(found.model,), taken=taken))


def error_chart(errors: Sequence[tuple[str, IntensityErrors]]) -> go.Figure:
    """Draw how often perceived intensities were off by how much, one set of bars a model."""
    figure = go.Figure()
    for (model, found), (color, _, _, pattern) in zip(errors, _LOOKS, strict=False):
        if not found.n:
            continue
        middles = [
            round((low + high) / 2, 3)
            for low, high in zip(found.edges, found.edges[1:], strict=False)
        ]
        figure.add_trace(go.Bar(
            name=f"{escape(model, _NAME)}, mean {found.mean:+.2f}, mean absolute {found.size:.2f}",
            x=middles, y=[100 * count / found.n for count in found.counts],
            marker={"color": color, "line": {"color": color, "width": 1},
                    "pattern": {"shape": pattern, "size": 6, "solidity": 0.4,
                                "fillmode": "replace"}},
            customdata=[
                mark((count, cases, off), cases, Filter(models=(model,), off_by=(off,)))
                for count, cases, off in zip(found.counts, found.cases, OFF_BY, strict=True)
            ],
            hovertemplate="off by %{customdata[2]}: %{y:.1f} % (%{customdata[0]} findings in "
                          "%{customdata[1]} cases)<extra></extra>",
        ))  # fmt: skip
    if not figure.data:
        return empty_chart("No finding was matched, so no intensity can be compared.")
    figure.update_layout(
        **chart_layout(330), showlegend=True, legend=LEGEND, bargap=0.1,
        meta={"file": "errors of perceived intensities"},
        xaxis={"title": {"text": "perceived minus applied intensity", "standoff": 6},
               "range": [-1, 1], "fixedrange": True, "zeroline": True},
        yaxis={"title": {"text": "share of matched findings, %"}, "fixedrange": True,
               "gridcolor": "#8884", "automargin": True},
    )
    return figure
