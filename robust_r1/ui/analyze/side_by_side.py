"""The stored answers of all runs about one case, in columns."""

from collections.abc import Sequence

from robust_r1.analysis.entries import Entry
from robust_r1.chain import open_tag, parse
from robust_r1.degradations import label_of, place_of
from robust_r1.markup import escape
from robust_r1.ui.analyze.views import outcome_of
from robust_r1.ui.widgets.badges import said_words, verdict_badge

_NAME, _ANSWER, _TEXT = 60, 600, 4000
_SECTIONS = ("influence", "reasoning", "conclusion")


def side_by_side(entries: Sequence[Entry], model: str) -> str:
    """Draw what each run says of a case: findings against the truth, answer and chain.

    `entries` are the case in each run; the column of `model` is marked as the one in sight.
    """
    columns = "".join(_column(entry, entry.model == model) for entry in entries)
    return f'<div class="rr-runs-of" role="list" aria-label="All runs">{columns}</div>'


def _column(entry: Entry, in_sight: bool) -> str:
    row = entry.row
    words = said_words(outcome_of(row, None, entry.model))
    said = escape(words, _ANSWER) or '<span class="rr-none">no answer</span>'
    size = "rr-long" if len(words) > 24 else "rr-short"
    mark = '<i class="rr-tag">in sight</i>' if in_sight else ""
    broken = "" if row.well_formed else '<i class="rr-tag">malformed</i>'
    return (
        f'<div class="rr-cell-of{" is-reference" if in_sight else ""}" role="listitem">'
        f"<h4>{escape(entry.model, _NAME)}{mark}{broken}</h4>"
        f'<ul class="rr-judged">{_findings(entry)}</ul>'
        f'<div class="rr-said-all rr-answer"><p class="{size}">{said}</p>'
        f"{verdict_badge(row.accuracy)}</div>{_chain(entry)}"
        f'<p class="rr-hits">{row.tokens} tokens</p></div>'
    )


def _findings(entry: Entry) -> str:
    if open_tag("TYPE") not in entry.row.text:
        return '<li class="rr-none">lists no degradations</li>'
    matching = entry.row.matching
    strengths = {finding.name: finding.intensity for finding in entry.row.true}
    said = {finding.name: finding.intensity for finding in entry.row.found}
    lines = [
        (name, "hit", f"{perceived:.2f} of {true:.2f}") for name, perceived, true in
        matching.matched
    ]
    lines += [(name, "miss", f"missed, {strengths[name]:.2f}") for name in matching.misses]
    lines += [(name, "alarm", f"false alarm, {said[name]:.2f}") for name in matching.false_alarms]
    drawn = "".join(
        f'<li class="is-{kind}"><span>{escape(label_of(name), _NAME)}</span> <b>{words}</b></li>'
        for name, kind, words in sorted(lines, key=lambda line: place_of(line[0]))
    )
    return drawn or '<li class="rr-none">nothing to see, nothing named</li>'


def _chain(entry: Entry) -> str:
    chain = parse(entry.row.text).chain
    texts = {name: getattr(chain, name).strip() for name in _SECTIONS}
    drawn = "".join(
        f"<dt>{name.capitalize()}</dt><dd>{escape(text, _TEXT)}</dd>"
        for name, text in texts.items()
        if text
    )
    return f'<dl class="rr-sections">{drawn}</dl>' if drawn else ""
