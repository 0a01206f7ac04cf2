"""The curves of a run of training, or of two laid over one another, as one chart of panels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import plotly.graph_objects as go

from robust_r1.analysis.training_curves import (
    RATE,
    Curve,
    Kinds,
    Panel,
    kinds_of,
    panels_of,
    smoothed,
    thinned,
)
from robust_r1.degradations import find
from robust_r1.markup import escape
from robust_r1.records.training_run import TrainingRun
from robust_r1.ui.widgets.charts import APPLIED, PERCEIVED, chart_layout, empty_chart

# A color and a symbol for each curve of a panel; runs are told apart by the line.
_LOOKS = (
    (APPLIED, "circle", "\u25cf"),
    (PERCEIVED, "square", "\u25a0"),
    ("#0b8f6a", "diamond", "\u25c6"),
    ("#b0568f", "triangle-up", "\u25b2"),
    ("#7a808c", "cross", "\u271a"),
    ("#a03c2e", "star", "\u2605"),
)
_DASHES = ("solid", "dot")
_GREENS = [[0, "rgba(11,143,106,.04)"], [1, "rgba(11,143,106,.9)"]]
_TITLE, _NAME = 110, 30  # characters
_MARKS = 9  # symbols along a curve
# Heights and gaps in pixels: of a panel, of what stands below it, of its title and of each line of
# its key, of a row of the table of kinds.
_PLOT, _BELOW, _TITLED, _KEYED, _KIND = 150, 26, 24, 16, 19
_GAP, _LEFT, _RIGHT = 64, 46, 10
_LETTER = 6.1  # pixels of a letter of 12
_KINDS, _SCALE = "F1 of findings by degradation", "the stronger the color, the better"
_MOST_KINDS = 40  # columns of its table


@dataclass(frozen=True)
class _Grid:
    """Hold how panels are laid out, in pixels: the width of all and of each, heights likewise."""

    columns: int
    across: float
    wide: float
    above: int
    height: int

    def place(self, number: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return where a panel stands, as shares of the drawing: from and to, across and up."""
        left = (number % self.columns) * (self.wide + _GAP)
        top = (number // self.columns) * (_PLOT + self.above + _BELOW) + self.above
        across = (left / self.across, min((left + self.wide) / self.across, 1.0))
        return across, (1 - (top + _PLOT) / self.height, 1 - top / self.height)


@dataclass
class _Drawing:
    """Gather the parts of a figure: each that Plotly is given by itself costs milliseconds."""

    data: list[dict] = field(default_factory=list)
    layout: dict = field(default_factory=dict)
    notes: list[dict] = field(default_factory=list)

    def add_axes(
        self, number: int, place: tuple[tuple[float, float], tuple[float, float]], x: dict, y: dict
    ) -> None:
        shared = {"fixedrange": True, "tickfont": {"size": 11}, "exponentformat": "e",
                  "zeroline": False}  # fmt: skip
        self.layout[f"xaxis{number}"] = {
            **shared, "domain": place[0], "anchor": f"y{number}", "showgrid": False, **x
        }
        self.layout[f"yaxis{number}"] = {
            **shared, "domain": place[1], "anchor": f"x{number}", "gridcolor": "#8884", **y
        }

    def add_title(self, title: str, key: str, left: float, top: float) -> None:
        words = f"<b>{escape(title, _TITLE)}</b>" + (f"<br>{key}" if key else "")
        self.notes.append({
            "text": words, "x": left, "y": top, "xref": "paper", "yref": "paper", "yshift": 4,
            "xanchor": "left", "yanchor": "bottom", "align": "left", "showarrow": False,
            "font": {"size": 12},
        })  # fmt: skip


def training_chart(
    runs: Sequence[TrainingRun], smoothing: float, every: bool, width: int
) -> go.Figure:
    """Draw what the logs of runs hold.

    Args:
        runs: of which the curves lie over one another.
        smoothing: weight of what came before, from 0 to below 1.
        every: also what not everybody looks at first.
        width: of the visitor's window, pixels.
    """
    panels = _joined([panels_of(run) for run in runs], every)
    columns = 1 if width < 700 else 2 if width < 1150 else 3
    kinds = kinds_of(runs[0], _MOST_KINDS // (2 if columns == 1 else 1)) if runs else Kinds()
    if not panels and not kinds.ids:
        return empty_chart("Nothing was logged yet." if runs else "No run of training is open.")
    names = [run.folder.name for run in runs]
    across = max(min(width, 1720) - 90 - _LEFT - _RIGHT, 240)
    wide = (across - (columns - 1) * _GAP) / columns
    keys = [_key(_labels(panel), int(wide / _LETTER)) for panel in panels]
    above = _TITLED + _KEYED * max(map(len, keys), default=0)
    table = _TITLED + _KEYED + _KIND * len(kinds.ids) + 2 * _BELOW if kinds.ids else 0
    # Below all is room for the buttons of the chart's files.
    height = -(-len(panels) // columns) * (_PLOT + above + _BELOW) + table
    grid, drawing = _Grid(columns, across, wide, above, height), _Drawing()
    for number, (panel, key) in enumerate(zip(panels, keys, strict=True)):
        place = grid.place(number)
        drawing.data += _curves(panel, number + 1, names, smoothing)
        drawing.add_axes(number + 1, place, {"nticks": 6, "tickformat": "d"}, _up(panel))
        drawing.add_title(panel[0].title, "<br>".join(key), place[0][0], place[1][1])
    if kinds.ids:
        whose = f"{names[0]}; {_SCALE}" if len(runs) > 1 else _SCALE
        _add_kinds(drawing, len(panels) + 1, kinds, whose, grid)
    look = chart_layout(height + _BELOW)
    look["margin"] = {"l": _LEFT, "r": _RIGHT, "t": 0, "b": _BELOW}
    return go.Figure({"data": drawing.data, "layout": {
        **look, **drawing.layout, "annotations": drawing.notes, "showlegend": False,
        "meta": {"file": f"training of {' and '.join(names)}"},
    }})  # fmt: skip


def _joined(found: Sequence[Sequence[Panel]], every: bool) -> list[list[Panel]]:
    """Return for each title the panels of all runs; of a run without it, an empty one."""
    titles = dict.fromkeys(
        panel.title for panels in found for panel in panels if every or panel.first
    )
    named = [{panel.title: panel for panel in panels} for panels in found]
    order = [panel.title for panels in found for panel in panels]
    return [
        [panels.get(title, Panel(title, ())) for panels in named]
        for title in sorted(titles, key=order.index)
    ]


def _up(panels: Sequence[Panel]) -> dict:
    """Return the axis of a panel's values; a constant rate would else lie between -1 and 1."""
    curves = [curve for panel in panels for curve in panel.curves]
    rates = [value or 0.0 for curve in curves if curve.label == RATE for value in curve.values]
    return {"nticks": 5, **({"range": [0, 1.08 * max(rates)]} if any(rates) else {})}


def _labels(panels: Sequence[Panel]) -> list[str]:
    return list(dict.fromkeys(curve.label for panel in panels for curve in panel.curves))


def _key(labels: Sequence[str], letters: int) -> list[str]:
    """Return the names of a panel's curves with their signs, in lines that fit; none of one."""
    if len(labels) < 2:
        return []
    lines, room = [""], letters
    for label, (color, _, sign) in zip(labels, cycle(_LOOKS), strict=False):
        long = len(label) + 5
        if long > room and lines[-1]:
            lines.append("")
            room = letters
        room -= long
        lines[-1] += f'<span style="color:{color}">{sign}</span> {escape(label, _NAME)}   '
    return lines


def _curves(
    panels: Sequence[Panel], number: int, names: Sequence[str], smoothing: float
) -> Iterator[dict]:
    """Yield the curves of a panel of all runs."""
    labels = _labels(panels)
    for panel, dash, name in zip(panels, _DASHES, names, strict=False):
        for curve in panel.curves:
            color, symbol, _ = _LOOKS[labels.index(curve.label) % len(_LOOKS)]
            look = {
                "line": {"color": color, "width": 2, "dash": dash},
                "marker": {"symbol": symbol, "size": 7, "color": color, "maxdisplayed": _MARKS},
                "xaxis": f"x{number}", "yaxis": f"y{number}", "type": "scatter",
            }  # fmt: skip
            said = f"{curve.label}, {name}" if len(panels) > 1 else curve.label
            # A schedule has no noise.
            yield from _traces(curve, 0.0 if curve.label == RATE else smoothing, look, said)


def _traces(curve: Curve, smoothing: float, look: dict, said: str) -> Iterator[dict]:
    """Yield a curve; a smoothed one over a pale one of what was measured."""
    if smoothing:
        bare = thinned(curve)
        yield {**look, "x": bare.steps, "y": bare.values, "mode": "lines", "opacity": 0.25,
               "hoverinfo": "skip", "line": {**look["line"], "width": 1}}  # fmt: skip
    drawn = thinned(smoothed(curve, smoothing) if smoothing else curve)
    yield {**look, "x": drawn.steps, "y": drawn.values, "mode": "lines+markers",
           "name": escape(said, 2 * _NAME),
           "hovertemplate": "step %{x}: %{y:.4g}<extra>%{fullData.name}</extra>"}  # fmt: skip


def _add_kinds(drawing: _Drawing, number: int, kinds: Kinds, words: str, grid: _Grid) -> None:
    """Add the table of how well each degradation was found, over the steps; `words` explain it."""
    labels = [find(id).label for id in kinds.ids]
    room = (max(map(len, labels)) + 1) * _LETTER - _LEFT * 0.5
    x = (min(room / grid.across, 0.6), 1.0)
    y = (_BELOW / grid.height, (_BELOW + _KIND * len(labels)) / grid.height)
    drawing.data.append({
        "type": "heatmap", "z": kinds.values, "x": [str(step) for step in kinds.steps],
        "y": labels, "zmin": 0, "zmax": 1, "colorscale": _GREENS, "showscale": False,
        "xgap": 1, "ygap": 1, "xaxis": f"x{number}", "yaxis": f"y{number}",
        "hovertemplate": "%{y}, to step %{x}: F1 %{z:.2f}<extra></extra>",
    })  # fmt: skip
    drawing.add_axes(
        number, (x, y), {"type": "category", "tickangle": 0},
        {"autorange": "reversed", "showgrid": False, "tickmode": "linear"},
    )  # fmt: skip
    drawing.add_title(_KINDS, escape(words, _TITLE), 0.0, y[1])
