"""Charts of a sweep: calibration, and chain length against total intensity."""

from collections.abc import Sequence

import plotly.graph_objects as go

from robust_r1.analysis import Step, SweepResult
from robust_r1.degradations import find
from robust_r1.markup import escape
from robust_r1.ui.widgets.charts import APPLIED, LEGEND, PERCEIVED, chart_layout, empty_chart

# Okabe and Ito's colors (2008), darkened where they are too light for a white card; each curve has
# a marker of its own as well.
_COLORS = (APPLIED, PERCEIVED, "#00875f", "#b8559b", "#8a7500", "#3f6fb0", "#c4472b", "#6b7280")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "pentagon", "cross", "hexagon")
_DASHES = ("solid", "dash", "dot")
_GRAY = "#7a808c"
_HEIGHT = 380
_UNNOTICED = -0.07  # below the axis: no perceived intensity at all is not the same as 0


def calibration_chart(result: SweepResult) -> go.Figure:
    """Draw perceived against applied intensity, a curve for each degradation, with the diagonal.

    What went unnoticed lies in a row of its own below, as crosses.
    """
    if not result.points:
        return empty_chart("No damaged step has been answered yet.")
    figure = go.Figure()
    figure.add_trace(_diagonal())
    for index, id in enumerate(result.sweep.ids):
        points = [point for point in result.points if point.id == id]
        if points:
            figure.add_trace(_curve(index, result, points))
    figure.update_layout(
        **chart_layout(_HEIGHT + 22 * len(result.sweep.ids)),
        showlegend=True, legend=LEGEND,
        xaxis=_axis("applied intensity, 0 to 1", [-0.03, 1.03], [0, 0.25, 0.5, 0.75, 1]),
        yaxis=_axis(
            "perceived intensity, 0 to 1", [-0.12, 1.05], [_UNNOTICED, 0, 0.25, 0.5, 0.75, 1],
            ["unnoticed", "0", "0.25", "0.5", "0.75", "1"],
        ),
    )
    return figure


def length_chart(result: SweepResult) -> go.Figure:
    """Draw the chain's length against the total intensity; flipped answers have another marker."""
    if not result.steps:
        return empty_chart("No step has been answered yet.")
    figure = go.Figure()
    kinds = (
        ("answer as on the clean picture", APPLIED, "circle",
         [step for step in result.steps if not step.flipped]),
        ("answer flipped", PERCEIVED, "x", list(result.flips)),
    )
    for name, color, symbol, steps in kinds:
        if steps:
            figure.add_trace(_lengths(name, color, symbol, steps))
    highest = max(step.outcome.tokens for step in result.steps)
    widest = max(step.outcome.case.plan.total_intensity for step in result.steps)
    figure.update_layout(
        **chart_layout(_HEIGHT),
        showlegend=True, legend=LEGEND,
        xaxis=_axis("total intensity, sum over degradations", [-0.04, max(widest, 1) * 1.04]),
        yaxis=_axis("chain length, tokens", [0, highest * 1.15 + 1]),
    )
    return figure


def _diagonal() -> go.Scatter:
    return go.Scatter(
        name="perceived = applied", x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip",
        line={"color": _GRAY, "dash": "dash", "width": 1.5},
    )


def _curve(index: int, result: SweepResult, points: Sequence) -> go.Scatter:
    id, color = result.sweep.ids[index], _COLORS[index % len(_COLORS)]
    seen, count = result.noticed(id)
    bias = result.bias(id)
    told = "never noticed" if bias is None else f"bias {bias:+.2f}, noticed {seen} of {count}"
    symbol = _SYMBOLS[index % len(_SYMBOLS)]
    return go.Scatter(
        name=f"{escape(find(id).label)}: {told}",
        x=[point.applied for point in points],
        y=[_UNNOTICED if point.perceived is None else point.perceived for point in points],
        mode="lines+markers",
        line={"color": color, "width": 2, "dash": _DASHES[index // len(_COLORS) % len(_DASHES)]},
        marker={
            "color": color, "size": 9,
            "symbol": ["x-thin" if point.perceived is None else symbol for point in points],
            "line": {"color": color, "width": [2 if p.perceived is None else 0 for p in points]},
        },
        text=["unnoticed" if p.perceived is None else f"{p.perceived:.2f}" for p in points],
        hovertemplate="applied %{x:.2f}, perceived %{text}<extra></extra>",
    )


def _lengths(name: str, color: str, symbol: str, steps: Sequence[Step]) -> go.Scatter:
    return go.Scatter(
        name=name, mode="markers",
        x=[step.outcome.case.plan.total_intensity for step in steps],
        y=[step.outcome.tokens for step in steps],
        marker={"color": color, "size": 10, "symbol": symbol},
        hovertemplate="total intensity %{x:.2f}: %{y} tokens<extra></extra>",
    )


def _axis(
    title: str, bounds: list[float], ticks: list[float] | None = None,
    labels: list[str] | None = None,
) -> dict:
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 13}},
        "range": bounds, "fixedrange": True,
        "tickvals": ticks, "ticktext": labels, "automargin": True, "zeroline": False,
        "showgrid": True, "gridcolor": "rgba(122,128,140,.3)",
    }
