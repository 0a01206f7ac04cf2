"""A comparison as HTML: a column for each side, a row for each question, differences marked."""

import re
from collections.abc import Sequence

from robust_r1.analysis import Column, Comparison, Difference, Side
from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import Outcome, finished
from robust_r1.degradations import DegradationPlan, find, label_of, stage_of
from robust_r1.markup import escape
from robust_r1.ui.widgets.badges import agreement_badge, said_words, verdict_badge
from robust_r1.ui.widgets.chain import chain_cards
from robust_r1.ui.widgets.picture import picture_tag

LETTERS = "ABCD"  # three sides and a pinned one
_SOURCE = re.compile('src="([^"]+)"')
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

    `pictures` holds each side with the image element of what it sees. Where all see the same pixels
    there is one picture, with all of them below it: before they are asked, without a `reference`,
    by their names alone, since columns may change places.
    """
    if shared := _shared(pictures):
        named = "".join(
            f"<b>{escape(side.label)}</b>" if reference is None
            else _name(index, side, index == reference)
            for index, (side, _) in enumerate(pictures)
        )
        plan = escape(plan_words(pictures[0][0].plan))
        return (
            '<div class="rr-heads" style="--rr-columns:1"><figure class="rr-seen rr-shared">'
            f"{shared}<figcaption>{named}<span>{plan}; all see the same picture</span></figcaption>"
            "</figure></div>"
        )
    drawn = "".join(
        f'<figure class="rr-seen">{tag}<figcaption>{_name(index, side, index == reference)}'
        f"<span>{escape(plan_words(side.plan))}</span></figcaption></figure>"
        for index, (side, tag) in enumerate(pictures)
    )
    return f'<div class="rr-heads" style="--rr-columns:{len(pictures)}">{drawn}</div>'


def _shared(pictures: Sequence[tuple[Side, str]]) -> str:
    """Return the image element that stands for all sides; empty where they see different pixels.

    Files are named by their content. One that has not been asked yet will see what the others do.
    """
    sources = {found[1]: tag for _, tag in pictures if (found := _SOURCE.search(tag))}
    alike = {(side.plan, side.picture) for side, _ in pictures}
    return next(iter(sources.values())) if len(sources) == len(alike) == 1 < len(pictures) else ""


def _name(index: int, side: Side, is_reference: bool) -> str:
    return f"{_mark(index)}<b>{escape(side.label)}</b>{_tags(side, is_reference)}"


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
        _cell(comparison, index, outcomes, gap, longest)
        for index, gap in enumerate(gaps)
    )
    options = f" <small>{escape(' / '.join(case.choices), _QUESTION_LIMIT)}</small>"
    return (
        f'<section class="rr-asked-all"><h3>{escape(case.question, _QUESTION_LIMIT)}'
        f"{options if case.choices else ''}{_any_flip(gaps, outcomes)}</h3>"
        f'<div class="rr-cells" style="--rr-columns:{len(outcomes)}">{cells}</div></section>'
    )


def _any_flip(gaps: Sequence[Difference | None], outcomes: Sequence[Outcome | None]) -> str:
    """Mark whether any side answers a question otherwise than the reference."""
    told = [gap.answer for gap in gaps if gap is not None and gap.answer is not None]
    answers = [_answered(outcome) for outcome in outcomes if outcome is not None]
    words = ("answers differ", "same answer")
    return agreement_badge(any(told) if told else None, answers, words)


def _answered(outcome: Outcome) -> tuple[str, float | None]:
    return outcome.said, finished(outcome)[1].accuracy


def _cell(
    comparison: Comparison, index: int, outcomes: Sequence[Outcome | None],
    gap: Difference | None, longest: int,
) -> str:
    outcome, reference = outcomes[index], outcomes[comparison.reference]
    side, is_reference = comparison.columns[index].side, index == comparison.reference
    title = f"<h4>{_mark(index)}{escape(side.label)}{_tags(side, is_reference)}</h4>"
    if outcome is None:
        words = "Not asked in the pinned run." if side.pinned else "Not answered yet."
        return f'<div class="rr-cell-of is-waiting">{title}<p class="rr-none">{words}</p></div>'
    return (
        f'<div class="rr-cell-of{" is-reference" if is_reference else ""}">{title}'
        f"{_findings(outcome, gap)}{_answer(outcome, reference, gap)}"
        f"{_length(outcome, gap, longest)}"
        f"<details><summary>Chain</summary>{chain_cards(outcome.reply, by=outcome.credit)}"
        f"{_remark(outcome)}</details></div>"
    )


def _remark(outcome: Outcome) -> str:
    sight = finished(outcome)[0].sight
    return f"<p>{escape(sight.remark, 400)}</p>" if sight and sight.remark else ""


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


def _answer(outcome: Outcome, reference: Outcome | None, gap: Difference | None) -> str:
    words, (_, score) = said_words(outcome), finished(outcome)
    said = escape(words, _ANSWER_LIMIT) or '<span class="rr-none">no answer</span>'
    size = "rr-long" if len(words) > 24 else "rr-short"
    answers = [_answered(one) for one in (outcome, reference) if one is not None]
    flip = agreement_badge(gap.answer if gap else None, answers, ("other answer", "same answer"))
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
