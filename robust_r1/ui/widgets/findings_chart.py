"""The chart beside an answer: what was perceived against what was applied."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from robust_r1.chain import Finding
from robust_r1.degradations import label_of, place_of
from robust_r1.markup import escape
from robust_r1.metrics import match_findings
from robust_r1.ui.widgets.charts import APPLIED, LEGEND, PERCEIVED, chart_layout, empty_chart

_NAME_LIMIT = 26
_ROW, _FRAME = 46, 92


def findings_chart(perceived: Sequence[Finding], applied: Sequence[Finding]) -> go.Figure:
    """Draw perceived beside applied intensity for every degradation that either side names.

    A match has two plain bars; a miss is an applied bar with stripes, a false alarm a perceived
    bar with a crosshatch, and both say so in words, so color is never the only sign.
    """
    matching = match_findings(perceived, applied)
    matched = {name: (said, true) for name, said, true in matching.matched}
    alarms = _alarms(perceived, matched)
    strengths = {finding.name: finding.intensity for finding in applied}
    misses = {name: strengths[name] for name in matching.misses}
    names = sorted({*matched, *alarms, *misses}, key=place_of)
    if not names:
        return empty_chart("Nothing was applied, and nothing was perceived.")
    labels = {name: escape(label_of(name), _NAME_LIMIT) for name in names}
    figure = go.Figure()
    rows = (
        ("applied", APPLIED, "", {name: true for name, (_, true) in matched.items()}, ""),
        ("perceived", PERCEIVED, "", {name: said for name, (said, _) in matched.items()}, ""),
        ("missed", APPLIED, "/", misses, " missed"),
        ("false alarm", PERCEIVED, "x", alarms, " false alarm"),
    )
    for label, color, pattern, values, word in rows:
        if values:
            figure.add_trace(_bars(label, color, pattern, values, word, labels))
    figure.update_layout(
        **chart_layout(_FRAME + _ROW * len(names)),
        barmode="group",
        showlegend=True,
        bargap=0.32,
        xaxis={"range": [0, 1.32], "tickvals": [0, 0.25, 0.5, 0.75, 1], "fixedrange": True,
               "title": {"text": "intensity", "standoff": 6}},
        yaxis={"autorange": "reversed", "categoryorder": "array", "fixedrange": True,
               "categoryarray": [labels[name] for name in names], "ticksuffix": "  ",
               "automargin": True},
        legend=LEGEND,
    )
    return figure


def _alarms(perceived: Sequence[Finding], matched: dict) -> dict[str, float]:
    # A repeat of a matched name is a false alarm too, but the score alone counts it: no second row.
    return {
        finding.name: finding.intensity for finding in perceived if finding.name not in matched
    }


def _bars(
    label: str, color: str, pattern: str, values: Mapping[str, float], word: str,
    labels: Mapping[str, str],
) -> go.Bar:
    side = "applied" if label in ("applied", "missed") else "perceived"
    return go.Bar(
        name=label,
        orientation="h",
        y=[labels[name] for name in values],
        x=list(values.values()),
        text=[f"{value:.2f}{word}" for value in values.values()],
        textposition="outside",
        cliponaxis=False,
        offsetgroup=side,
        marker={
            "color": color,
            "line": {"color": color, "width": 1.5},
            "pattern": {"shape": pattern, "size": 7, "solidity": 0.35, "fillmode": "replace"},
        },
        hovertemplate="%{y}: " + side + " %{x:.2f}<extra></extra>",
    )
