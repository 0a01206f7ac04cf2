"""The chart of what was perceived beside what was applied."""



from robust_r1.chain import Finding
from robust_r1.ui.widgets import findings_chart as charts


def traces(perceived, applied):
    figure = charts.findings_chart(perceived, applied)
    return {trace.name: dict(zip(trace.y, trace.x, strict=True)) for trace in figure.data}


def test_chart_tells_matches_misses_and_false_alarms_apart():
    drawn = traces(
        [Finding("lens blur", 0.3), Finding("graffiti", 0.5), Finding("gremlins", 0.1)],
        [Finding("lens blur", 0.4), Finding("gaussian noise", 0.2)],
    )
    assert drawn["applied"] == {"Lens blur": 0.4} and drawn["perceived"] == {"Lens blur": 0.3}
    assert drawn["missed"] == {"Noise": 0.2}
    assert drawn["false alarm"] == {"Graffiti": 0.5, "gremlins": 0.1}


def test_chart_marks_by_pattern_and_word_beside_color():
    figure = charts.findings_chart([Finding("graffiti", 0.5)], [Finding("lens blur", 0.4)])
    marks = {trace.name: (trace.marker.pattern.shape, trace.text[0]) for trace in figure.data}
    assert marks == {"missed": ("/", "0.40 missed"), "false alarm": ("x", "0.50 false alarm")}


def test_chart_of_nothing_says_so():
    figure = charts.findings_chart([], [])
    assert "Nothing was applied" in figure.layout.annotations[0].text
