"""The charts of the Analyze tab, in the look of `widgets.charts`."""

from collections.abc import Sequence

import plotly.graph_objects as go

from robust_r1.analysis.confusion import NAMES, NOTHING, Confusion
from robust_r1.analysis.entries import in_order
from robust_r1.analysis.intensities import IntensityErrors
from robust_r1.analysis.robustness import LevelFigures
from robust_r1.degradations.names import label_of
from robust_r1.markup import escape
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
            customdata=[one.n for one in values],
            hovertemplate="%{x}: %{y:.3f} (n = %{customdata})<extra>%{fullData.name}</extra>",
        ))  # fmt: skip
    if not figure.data:
        return empty_chart("No answer of these cases is scored: no true answer is known.")
    figure.update_layout(
        **chart_layout(330), showlegend=True, legend=LEGEND,
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
    """Draw which degradation was taken for which, as shares of each line, with the percents."""
    order = (*NAMES, NOTHING)
    kept = [place for place, counts in enumerate(found.counts) if sum(counts)]
    if not kept:
        return empty_chart("No degradation was applied or perceived in these cases.")
    shares = found.shares()
    labels = [label_of(name) for name in order]
    rows = [[100 * (share or 0) for share in shares[place]] for place in kept]
    figure = go.Figure(go.Heatmap(
        z=rows, x=labels, y=[labels[place] for place in kept], zmin=0, zmax=100,
        colorscale=_BLUES, showscale=False, xgap=1, ygap=1,
        text=[[f"{value:.0f}" if value >= 1 else "" for value in row] for row in rows],
        texttemplate="%{text}", textfont={"size": 11},
        customdata=[[sum(found.counts[place])] * len(order) for place in kept],
        hovertemplate="%{y} taken for %{x}: %{z:.0f} % of %{customdata:.0f}<extra></extra>",
    ))  # fmt: skip
    figure.update_layout(
        **chart_layout(170 + 22 * len(kept)),
        xaxis={"tickangle": -50, "fixedrange": True, "automargin": True, "tickfont": {"size": 11},
               "title": {"text": "perceived as"}},
        yaxis={"autorange": "reversed", "fixedrange": True, "automargin": True,
               "tickfont": {"size": 11}, "title": {"text": "applied"}},
    )
    return figure


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
            customdata=list(found.counts),
            hovertemplate="off by %{x:+.2f}: %{y:.1f} % (%{customdata})<extra></extra>",
        ))  # fmt: skip
    if not figure.data:
        return empty_chart("No finding was matched, so no intensity can be compared.")
    figure.update_layout(
        **chart_layout(330), showlegend=True, legend=LEGEND, bargap=0.1,
        xaxis={"title": {"text": "perceived minus applied intensity", "standoff": 6},
               "range": [-1, 1], "fixedrange": True, "zeroline": True},
        yaxis={"title": {"text": "share of matched findings, %"}, "fixedrange": True,
               "gridcolor": "#8884", "automargin": True},
    )
    return figure
