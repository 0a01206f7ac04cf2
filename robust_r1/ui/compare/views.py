"""A comparison as HTML: a column for each side, a row for each question, differences marked."""

from collections.abc import Sequence

from robust_r1.analysis import Column, Comparison, Difference, Side
from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import Outcome, finished
from robust_r1.degradations import DegradationPlan, find, label_of, stage_of
from robust_r1.markup import escape
from robust_r1.ui.widgets.badges import flip_badge, said_words, verdict_badge
from robust_r1.ui.widgets.chain import chain_cards
from robust_r1.ui.widgets.picture import picture_tag

LETTERS = "ABCD"  # three sides and a pinned one
_SAME = 0.005  # intensities are written with two decimals
_NAME_LIMIT, _ANSWER_LIMIT, _QUESTION_LIMIT = 48, 600, 400
_EMPTY = "Compare, and the chains stand here side by side, with what differs between them marked."


def plan_words(plan: DegradationPlan) -> str:
    """Say in words what a plan does."""
    named = (f"{find(id).label} {value:.2f}" for id, value in plan.intensities.items())
    return ", ".join(named) or "no degradation"


def side_words(side: Side) -> str:
    """Name a side in one line."""
    words = f"{side.label}, {plan_words(side.plan)}"
    return f"{words} (pinned)" if side.pinned else words


def heads(pictures: Sequence[tuple[Side, str]], reference: int | None = None) -> str:
    """Draw the heads of the columns: what each side sees, and who it is.

    `pictures` holds each side with the image element of what it sees.
    """
    drawn = "".join(
        f'<figure class="rr-seen">{tag}<figcaption>{_mark(index)}<b>{escape(side.label)}</b>'
        f"{_tags(side, index == reference)}<span>{escape(plan_words(side.plan))}</span>"
        "</figcaption></figure>"
        for index, (side, tag) in enumerate(pictures)
    )
    return f'<div class="rr-heads" style="--rr-columns:{len(pictures)}">{drawn}</div>'


def comparison_view(comparison: Comparison | None, sort: bool, cache: str) -> str:
    """Draw a comparison as far as it has come; `sort` puts the most different question first."""
    if comparison is None:
        return f'<div class="rr-scores rr-empty"><p>{_EMPTY}</p></div>'
    columns = comparison.columns
    pictures = [(column.side, _picture(column, cache)) for column in columns]
    cases = comparison.by_difference() if sort else comparison.cases
    rows = "".join(_row(comparison, case) for case in cases)
    return f'<div class="rr-compare">{heads(pictures, comparison.reference)}{rows}</div>'


def _picture(column: Column, cache: str) -> str:
    shown = column.outcomes[0].thumbnail if column.outcomes else None
    if shown is None:
        return '<span class="rr-none">not asked yet</span>'
    return picture_tag(shown, f"What {side_words(column.side)} was shown", cache)


def _row(comparison: Comparison, case: Case) -> str:
    outcomes = [column.find(case) for column in comparison.columns]
    gaps = [comparison.difference(case, index) for index in range(len(outcomes))]
    longest = max((outcome.tokens for outcome in outcomes if outcome), default=0)
    cells = "".join(
        _cell(comparison, index, outcome, gap, longest)
        for index, (outcome, gap) in enumerate(zip(outcomes, gaps, strict=True))
    )
    options = f" <small>{escape(' / '.join(case.choices), _QUESTION_LIMIT)}</small>"
    return (
        f'<section class="rr-asked-all"><h3>{escape(case.question, _QUESTION_LIMIT)}'
        f"{options if case.choices else ''}{_any_flip(gaps)}</h3>"
        f'<div class="rr-cells" style="--rr-columns:{len(outcomes)}">{cells}</div></section>'
    )


def _any_flip(gaps: Sequence[Difference | None]) -> str:
    """Mark whether any side answers a question otherwise than the reference."""
    told = [gap.answer for gap in gaps if gap is not None and gap.answer is not None]
    return flip_badge(any(told) if told else None, ("answers differ", "same answer"))


def _cell(
    comparison: Comparison, index: int, outcome: Outcome | None, gap: Difference | None,
    longest: int,
) -> str:
    side, is_reference = comparison.columns[index].side, index == comparison.reference
    title = f"<h4>{_mark(index)}{escape(side.label)}{_tags(side, is_reference)}</h4>"
    if outcome is None:
        words = "Not asked in the pinned run." if side.pinned else "Not answered yet."
        return f'<div class="rr-cell-of is-waiting">{title}<p class="rr-none">{words}</p></div>'
    return (
        f'<div class="rr-cell-of{" is-reference" if is_reference else ""}">{title}'
        f"{_findings(outcome, gap)}{_answer(outcome, gap)}{_length(outcome, gap, longest)}"
        f"<details><summary>Chain</summary>{chain_cards(outcome.reply)}</details></div>"
    )


def _findings(outcome: Outcome, gap: Difference | None) -> str:
    shown: list[tuple[str, float | None, str]]
    if gap is None:
        shown = [(finding.name, finding.intensity, "") for finding in outcome.findings]
    else:
        shown = [(name, new, _change(old, new)) for name, old, new in gap.findings]
    items = "".join(_finding(name, value, change) for name, value, change in shown)
    listed = items or '<li class="rr-none">no degradation perceived</li>'
    return f'<ul class="rr-found">{listed}</ul><p class="rr-hits">{_hits(outcome)}</p>'


def _change(old: float | None, new: float | None) -> str:
    if old is None:
        return "only here"
    if new is None:
        return "not here"
    return "same" if abs(new - old) < _SAME else f"{new - old:+.2f}"


def _finding(name: str, value: float | None, change: str) -> str:
    kind = {"": "plain", "same": "same", "only here": "new", "not here": "gone"}
    label = escape(label_of(name), _NAME_LIMIT)
    strength = "" if value is None else f"<b>{value:.2f}</b>"
    mark = f"<em>{escape(change)}</em>" if change else ""
    return (
        f'<li class="rr-stage-{stage_of(name)} is-{kind.get(change, "moved")}"><span>{label}</span>'
        f"{strength}{mark}</li>"
    )


def _hits(outcome: Outcome) -> str:
    answer, score = finished(outcome)
    matching, applied = score.matching, outcome.applied
    if not outcome.findings and any(one.section == "TYPE" for one in answer.parsed.problems):
        return "It lists no degradations."
    if matching is None or not (applied or outcome.findings):
        return "Nothing was applied, nothing perceived."
    found, alarms = len(matching.matched), len(matching.false_alarms)
    told = [f"{found} of {len(applied)} applied noticed"] if applied else []
    told.append(f"{alarms} false alarm{'' if alarms == 1 else 's'}")
    return escape(", ".join(told))


def _answer(outcome: Outcome, gap: Difference | None) -> str:
    words, (_, score) = said_words(outcome), finished(outcome)
    said = escape(words, _ANSWER_LIMIT) or '<span class="rr-none">no answer</span>'
    size = "rr-long" if len(words) > 24 else "rr-short"
    flip = flip_badge(gap.answer if gap else None, ("other answer", "same answer"))
    marks = flip + verdict_badge(score.accuracy)
    return f'<div class="rr-said-all rr-answer"><p class="{size}">{said}</p>{marks}</div>'


def _length(outcome: Outcome, gap: Difference | None, longest: int) -> str:
    answer, _ = finished(outcome)
    tokens = answer.tokens
    width = round(100 * tokens / longest) if longest else 0
    more = f" ({gap.tokens:+d})" if gap is not None else ""
    return (
        f'<div class="rr-length"><i style="width:{width}%" aria-hidden="true"></i>'
        f"<span>{tokens} tokens{more}, {answer.seconds:.1f} s</span></div>"
    )


def _mark(index: int) -> str:
    return f'<span class="rr-number">{LETTERS[index]}</span>'


def _tags(side: Side, is_reference: bool) -> str:
    words = [word for word, so in (("reference", is_reference), ("pinned", side.pinned)) if so]
    return "".join(f'<i class="rr-tag">{word}</i>' for word in words)
