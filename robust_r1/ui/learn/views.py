"""HTML that the parts of the Learn tab share."""

from collections.abc import Sequence

from robust_r1.ask.case import Case
from robust_r1.ask.picture import seen
from robust_r1.chain import Finding
from robust_r1.degradations import label_of, place_of, stage_of
from robust_r1.engine import Engine
from robust_r1.markup import escape
from robust_r1.metrics import match_findings, truth_words
from robust_r1.ui.widgets.picture import picture_tag

_NAME_LIMIT, _QUESTION_LIMIT = 48, 400


def case_view(engine: Engine, case: Case, cache: str) -> str:
    """Draw a case: what the model sees, the question, what was applied, the true answer."""
    tag = picture_tag(seen(case.picture, engine, case.plan), "The degraded picture", cache)
    named = (f"{finding.name} {finding.intensity:.2f}" for finding in case.applied)
    told = ", ".join(named) or "nothing"
    truth = truth_words(case.truth, case.choices)
    known = f"<dt>True answer</dt><dd>{escape(truth)}</dd>" if truth else ""
    return (
        f'<figure class="rr-case">{tag}<figcaption><dl><dt>Question</dt>'
        f"<dd>{escape(case.prompt, _QUESTION_LIMIT)}</dd>"
        f"<dt>Applied</dt><dd>{escape(told)}</dd>{known}</dl></figcaption></figure>"
    )


def findings_table(
    applied: Sequence[Finding], sides: Sequence[tuple[str, Sequence[Finding]]]
) -> str:
    """Draw a table: a row for each degradation, the truth, and what each side made of it.

    `sides` holds (title, findings) for each column. What a finding earns stands beneath it: 1 minus
    the difference for a match, -1 for a miss or a false alarm.
    """
    columns = [(title, _judged(findings, applied)) for title, findings in sides]
    names = {finding.name for finding in applied}.union(*(judged for _, judged in columns))
    heads = "".join(f'<th scope="col">{escape(title, _NAME_LIMIT)}</th>' for title, _ in columns)
    true = {finding.name: f"{finding.intensity:.2f}" for finding in applied}
    rows = "".join(
        f'<tr><th scope="row" class="rr-stage-{stage_of(name)}">'
        f"{escape(label_of(name), _NAME_LIMIT)}</th>"
        f"<td>{true.get(name, '&ndash;')}</td>"
        + "".join(judged.get(name, "<td>&ndash;</td>") for _, judged in columns)
        + "</tr>"
        for name in sorted(names, key=place_of)
    )
    if not names:
        width = 2 + len(columns)
        rows = f'<tr><td colspan="{width}">Nothing was applied, and nothing was named.</td></tr>'
    return (
        '<table class="rr-sheet"><thead><tr><th scope="col">Degradation</th>'
        f'<th scope="col">Applied</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _judged(findings: Sequence[Finding], applied: Sequence[Finding]) -> dict[str, str]:
    matching = match_findings(findings, applied)
    cells = {name: _cell("", "missed, -1", "bad") for name in matching.misses}
    said = {finding.name: finding.intensity for finding in findings}
    for name in matching.false_alarms:
        cells[name] = _cell(f"{said[name]:.2f}", "false alarm, -1", "bad")
    for name, perceived, true in matching.matched:
        earned = f"match, +{1 - abs(perceived - true):.2f}"
        if name in matching.false_alarms:  # the repeat of a name that matched
            cells[name] = _cell(f"{perceived:.2f}", f"{earned}; said again, -1", "bad")
        else:
            cells[name] = _cell(f"{perceived:.2f}", earned, "good")
    return cells


def _cell(value: str, words: str, kind: str) -> str:
    return f'<td><b>{value}</b> <small class="rr-{kind}-word">{words}</small></td>'
