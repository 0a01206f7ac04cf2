"""The look that every chart has. Text and grid lines take their color from the page, see styles."""

import textwrap

import plotly.graph_objects as go

from robust_r1.markup import escape

# Two of Okabe and Ito's colors (2008), told apart with any kind of color vision; both keep a
# contrast above 3 to 1 on the light and on the dark card.
APPLIED = "#0a7cc4"
PERCEIVED = "#d67a00"
# Above the chart; a click on it does nothing.
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemclick": False,
          "itemdoubleclick": False}
_LETTERS = 38  # of a line in a chart on a phone


def chart_layout(height: int) -> dict:
    """Return the look that every chart has; its height in pixels."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 34, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#7a808c"},
        "template": "none",
        "dragmode": False,
    }


def empty_chart(message: str) -> go.Figure:
    """Return a chart of the usual look that holds one sentence, in lines that fit a phone."""
    figure = go.Figure()
    message = "<br>".join(escape(line) for line in textwrap.wrap(message, _LETTERS))
    figure.update_layout(**chart_layout(140), xaxis_visible=False, yaxis_visible=False)
    figure.add_annotation(text=message, showarrow=False, x=0.5, y=0.5, xref="paper",
                          yref="paper", font_size=14)
    return figure
