"""A comparison as HTML: a column for each side, a row for each question, differences marked."""

from collections.abc import Sequence

from robust_r1.analysis import Column, Comparison, Difference, Query, Side, Trial
from robust_r1.ask.pipeline import Reply
from robust_r1.degradations import SPECS, DegradationPlan
from robust_r1.markup import escape
from robust_r1.ui.widgets.chain import chain_cards
from robust_r1.ui.widgets.picture import picture_tag

_LABEL = {spec.chain_name: spec.label for spec in SPECS}
_LABEL_OF_ID = {spec.id: spec.label for spec in SPECS}
_STAGE = {spec.chain_name: spec.stage for spec in SPECS}
LETTERS = "ABCD"  # three sides and a pinned one
_SAME = 0.005  # intensities are written with two decimals
_NAME_LIMIT, _ANSWER_LIMIT, _QUESTION_LIMIT = 48, 600, 400
_EMPTY = "Compare, and the chains stand here side by side, with what differs between them marked."


def plan_words(plan: DegradationPlan) -> str:
    """Say in words what a plan does."""
    named = (f"{_LABEL_OF_ID[id]} {value:.2f}" for id, value in plan.intensities.items())
    return ", ".join(named) or "no degradation"


def side_words(side: Side) -> str:
    """Name a side in one line."""
    words = f"{side.label}, {plan_words(side.plan)}"
    return f"{words} (pinned)" if side.pinned else words


def said_words(trial: Trial) -> str:
    """Return what a model answered; of an option's bare number, its text as well."""
    said, choices = trial.said, trial.query.choices
    if said.isascii() and said.isdecimal() and len(said) < 4 and int(said) < len(choices):
        return f"{said}. {choices[int(said)]}"
    return said


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
    queries = comparison.by_difference() if sort else comparison.queries
    rows = "".join(_row(comparison, query) for query in queries)
    return f'<div class="rr-compare">{heads(pictures, comparison.reference)}{rows}</div>'


def _picture(column: Column, cache: str) -> str:
    if not column.trials:
        return '<span class="rr-none">not asked yet</span>'
    words = f"What {side_words(column.side)} was shown"
    return picture_tag(column.trials[0].thumbnail, words, cache)


def _row(comparison: Comparison, query: Query) -> str:
    trials = [column.find(query) for column in comparison.columns]
    gaps = [comparison.difference(query, index) for index in range(len(trials))]
    longest = max((trial.answer.tokens for trial in trials if trial), default=0)
    cells = "".join(
        _cell(comparison, index, trial, gap, longest)
        for index, (trial, gap) in enumerate(zip(trials, gaps, strict=True))
    )
    known = [gap for gap in gaps if gap is not None]
    options = f" <small>{escape(' / '.join(query.choices), _QUESTION_LIMIT)}</small>"
    return (
        f'<section class="rr-asked-all"><h3>{escape(query.text, _QUESTION_LIMIT)}'
        f"{options if query.choices else ''}{_verdict(known)}</h3>"
        f'<div class="rr-cells" style="--rr-columns:{len(trials)}">{cells}</div></section>'
    )


def _verdict(gaps: Sequence[Difference]) -> str:
    told = [gap.answer for gap in gaps if gap.answer is not None]
    if not told:
        return ""
    other = any(told)
    words = "answers differ" if other else "same answer"
    return f'<span class="rr-flip rr-{"flip" if other else "same"}ped">{words}</span>'


def _cell(
    comparison: Comparison, index: int, trial: Trial | None, gap: Difference | None, longest: int
) -> str:
    side, is_reference = comparison.columns[index].side, index == comparison.reference
    title = f"<h4>{_mark(index)}{escape(side.label)}{_tags(side, is_reference)}</h4>"
    if trial is None:
        words = "Not asked in the pinned run." if side.pinned else "Not answered yet."
        return f'<div class="rr-cell-of is-waiting">{title}<p class="rr-none">{words}</p></div>'
    reply = Reply(trial.answer.text, trial.answer.parsed, trial.answer)
    return (
        f'<div class="rr-cell-of{" is-reference" if is_reference else ""}">{title}'
        f"{_findings(trial, gap)}{_answer(trial, gap)}{_length(trial, gap, longest)}"
        f"<details><summary>Chain</summary>{chain_cards(reply)}</details></div>"
    )


def _findings(trial: Trial, gap: Difference | None) -> str:
    if gap is None:
        shown = [(finding.name, finding.intensity, "") for finding in trial.findings]
    else:
        shown = [(name, new, _change(old, new)) for name, old, new in gap.findings]
    items = "".join(_finding(name, value, change) for name, value, change in shown)
    listed = items or '<li class="rr-none">no degradation perceived</li>'
    return f'<ul class="rr-found">{listed}</ul><p class="rr-hits">{_hits(trial)}</p>'


def _change(old: float | None, new: float | None) -> str:
    if old is None:
        return "only here"
    if new is None:
        return "not here"
    return "same" if abs(new - old) < _SAME else f"{new - old:+.2f}"


def _finding(name: str, value: float | None, change: str) -> str:
    stage = _STAGE.get(name, "unknown")
    kind = {"": "plain", "same": "same", "only here": "new", "not here": "gone"}
    label = escape(_LABEL.get(name, name), _NAME_LIMIT)
    strength = "" if value is None else f"<b>{value:.2f}</b>"
    mark = f"<em>{escape(change)}</em>" if change else ""
    return (
        f'<li class="rr-stage-{stage} is-{kind.get(change, "moved")}"><span>{label}</span>'
        f"{strength}{mark}</li>"
    )


def _hits(trial: Trial) -> str:
    matching = trial.score.matching
    if not trial.findings and any(one.section == "TYPE" for one in trial.answer.parsed.problems):
        return "It lists no degradations."
    if matching is None or not (trial.applied or trial.findings):
        return "Nothing was applied, nothing perceived."
    found, alarms = len(matching.matched), len(matching.false_alarms)
    told = [f"{found} of {len(trial.applied)} applied noticed"] if trial.applied else []
    told.append(f"{alarms} false alarm{'' if alarms == 1 else 's'}")
    return escape(", ".join(told))


def _answer(trial: Trial, gap: Difference | None) -> str:
    words = said_words(trial)
    said = escape(words, _ANSWER_LIMIT) or '<span class="rr-none">no answer</span>'
    size = "rr-long" if len(words) > 24 else "rr-short"
    marks = ""
    if gap is not None and gap.answer is not None:
        word = "other answer" if gap.answer else "same answer"
        marks = f'<span class="rr-flip rr-{"flip" if gap.answer else "same"}ped">{word}</span>'
    if trial.score.accuracy is not None:
        word = "right" if trial.score.accuracy else "wrong"
        marks += f'<span class="rr-verdict rr-{word}">{word}</span>'
    return f'<div class="rr-said-all rr-answer"><p class="{size}">{said}</p>{marks}</div>'


def _length(trial: Trial, gap: Difference | None, longest: int) -> str:
    tokens = trial.answer.tokens
    width = round(100 * tokens / longest) if longest else 0
    more = f" ({gap.tokens:+d})" if gap is not None else ""
    return (
        f'<div class="rr-length"><i style="width:{width}%" aria-hidden="true"></i>'
        f"<span>{tokens} tokens{more}, {trial.answer.seconds:.1f} s</span></div>"
    )


def _mark(index: int) -> str:
    return f'<span class="rr-number">{LETTERS[index]}</span>'


def _tags(side: Side, is_reference: bool) -> str:
    words = [word for word, so in (("reference", is_reference), ("pinned", side.pinned)) if so]
    return "".join(f'<i class="rr-tag">{word}</i>' for word in words)
