"""A chain as five cards: four in a column, the answer large."""

from collections.abc import Sequence

from robust_r1.ask.case import Reply
from robust_r1.ask.pipeline import Outcome
from robust_r1.chain import MISSING, SECTIONS, Finding, Parsed
from robust_r1.degradations import label_of, stage_of
from robust_r1.markup import escape
from robust_r1.metrics import Scorecard, answer_words, normalize_answer
from robust_r1.scenes.questions import UNKNOWN
from robust_r1.thoughts import thought_in, without_thought
from robust_r1.ui.widgets.badges import agreement_badge, verdict_badge

_TITLES = {
    "TYPE": "Degradations",
    "INFLUENCE": "Influence",
    "REASONING": "Reasoning",
    "CONCLUSION": "Conclusion",
    "ANSWER": "Answer",
}
# A model that loops can write a whole token budget into one section; a card stays readable.
_SECTION_LIMIT = 12_000
_NAME_LIMIT = 48
_PROBLEMS_SHOWN = 8


def chain_cards(reply: Reply | None, heading: str = "", by: str = "") -> str:
    """Draw the first four sections as HTML; the open one is marked, findings are chips.

    `by` says whose work they are, where two models wrote them.
    """
    parsed = reply.parsed if reply else None
    title = f'<h3 class="rr-which">{escape(heading)}</h3>' if heading else ""
    credit = f'<p class="rr-by">{escape(by[0].upper() + by[1:])}</p>' if by else ""
    cards = _thought(reply) + "".join(
        _card(section, parsed, reply, ' role="listitem"') for section in SECTIONS[:-1]
    )
    chain = f'<div class="rr-chain" role="list" aria-label="Reasoning chain">{title}{cards}</div>'
    return credit + chain


def section_card(section: str, reply: Reply | None, choices: Sequence[str] = ()) -> str:
    """Draw one section of a chain as its card; an answer by number, by its option's text."""
    if section == "ANSWER":
        return _answer_card(reply, None, _TITLES[section], choices)
    return _card(section, reply.parsed if reply else None, reply)


def problems_list(reply: Reply | None, reasons: bool = True) -> str:
    """Name what keeps a finished chain from being well formed; empty for a well-formed one.

    With `reasons` false, for models that were trained to answer only, missing sections are no
    surprise and one sentence says so.
    """
    if reply is None or reply.answer is None:
        return ""
    sight = reply.answer.sight
    words = escape(sight.remark, 400) if sight else ""
    remark = f'<p class="rr-notice" role="note">{words}</p>' if words else ""
    if sight and sight.free and reply.answer.finish == "stop":
        return remark
    return remark + _problems(reply, reasons)


def _problems(reply: Reply, reasons: bool) -> str:
    assert reply.answer is not None
    if reply.parsed.well_formed and reply.answer.finish != "cut":
        return ""
    if not reasons and reply.answer.finish == "stop":
        return '<p class="rr-notice" role="note">This model answers without a chain.</p>'
    problems = reply.parsed.problems
    if reply.answer.finish == "stopped":
        lead = "Stopped before the end; shown is what was written."
    elif reply.answer.finish == "cut":
        lead = f"Cut off on its way; shown is what had come. {escape(reply.answer.fault)}"
    elif reply.answer.finish == "length":
        lead = "The chain reached the token limit; shown is what was written."
    else:
        lead = "This is not a well-formed chain; shown is what was found in it."
    items = "".join(f"<li>{escape(problem, 200)}</li>" for problem in problems[:_PROBLEMS_SHOWN])
    if len(problems) > _PROBLEMS_SHOWN:
        items += f"<li>and {len(problems) - _PROBLEMS_SHOWN} more</li>"
    return f'<div class="rr-problems" role="note"><p>{lead}</p><ul>{items}</ul></div>'


def answer_cards(outcome: Outcome | None) -> str:
    """Draw the answer large; with a clean reply both answers side by side, a flip marked."""
    if outcome is None:
        return _answer_card(None, None, "Answer", ())
    choices = outcome.case.choices
    if outcome.clean is None:
        return _answer_card(outcome.reply, outcome.score, "Answer", choices, outcome.knows)
    degraded, clean = (outcome.reply, outcome.score), (outcome.clean, outcome.clean_score)
    answers = [
        (reply.parsed.chain.answer if reply else "", score.accuracy if score else None)
        for reply, score in (degraded, clean)
    ]
    verdict = agreement_badge(outcome.flipped, answers, ("flipped", "same answer"), tag="p")
    pair = "".join(
        _answer_card(reply, score, title, choices, outcome.knows)
        for (reply, score), title in ((degraded, "Degraded"), (clean, "Clean"))
    )
    return f'<div class="rr-pair">{pair}</div>{verdict}'


def status_line(outcome: Outcome | None) -> str:
    """Say in one line what the model is doing; screen readers announce it."""
    return idle_line(_status(outcome))


def waiting_line() -> str:
    """Say that the question waits for its turn."""
    return idle_line("Waiting for the model.")


def idle_line(words: str) -> str:
    """Put one sentence of the page's own into the status line."""
    return f'<p class="rr-status" role="status" aria-live="polite">{escape(words)}</p>'


def _status(outcome: Outcome | None) -> str:
    if outcome is None:
        return "Ask, and the chain of reasoning appears here, section by section."
    if outcome.reply is None:
        return "The model looks at the picture."
    current = outcome.clean or outcome.reply
    if current.answer is None:
        which = " about the clean picture" if outcome.clean else ""
        section = current.parsed.open_section
        return f"Writing{which}: {_TITLES[section]}" if section else f"Writing{which}"
    model = current.answer.model
    ended = {
        "stop": f"{model} has answered",
        "length": f"{model} reached the longest answer that it is allowed",
        "stopped": f"Stopped, {model} writes no more",
        "cut": f"The answer of {model} broke off on its way",
    }
    return f"{ended[current.answer.finish]}. {_saw(outcome.applied)}"


def _seen(findings: Sequence[Finding]) -> str:
    """Say what a model that knows nothing of photographs does see of one."""
    return f"It sees {_listed(findings) or 'no damage'}. What it shows is another model's work."


def _saw(applied: Sequence[Finding]) -> str:
    """Say what was done to the picture that the model saw."""
    named = _listed(applied)
    return f"It saw the picture with {named}." if named else "It saw the picture undamaged."


def _listed(findings: Sequence[Finding]) -> str:
    """Return findings as words of a sentence; empty without any."""
    named = [f"{label_of(one.name).lower()} {one.intensity:.2f}" for one in findings]
    *others, last = named or [""]
    return f"{', '.join(others)}{' and ' if others else ''}{last}"


def _card(section: str, parsed: Parsed | None, reply: Reply | None, role: str = "") -> str:
    state = _state(section, parsed, reply)
    mark = '<span class="rr-pen">writing</span>' if state == "open" else ""
    number = SECTIONS.index(section) + 1
    return (
        f'<section class="rr-card rr-{section.lower()} is-{state}"{role}>'
        f'<h4><span class="rr-number">{number}</span>{_TITLES[section]}{mark}</h4>'
        f'<div class="rr-text">{_content(section, parsed, state)}</div></section>'
    )


def _thought(reply: Reply | None) -> str:
    """Draw what the model thinks before its answer: open while nothing follows it, then folded."""
    thought = thought_in(reply.text) if reply else ""
    if reply is None or not thought:
        return ""
    thinking = without_thought(reply.text) == reply.text
    writing = thinking and reply.answer is None
    mark = '<span class="rr-pen">writing</span>' if writing else ""
    return (
        f'<div class="rr-thought" role="listitem"><details{" open" if thinking else ""}>'
        f"<summary>Thought before the answer{mark}</summary>"
        f'<div class="rr-text">{escape(thought, _SECTION_LIMIT)}</div></details></div>'
    )


def _state(section: str, parsed: Parsed | None, reply: Reply | None) -> str:
    if parsed is None:
        return "waiting"
    if parsed.open_section == section and reply is not None and reply.answer is None:
        return "open"
    if section == "TYPE" and not parsed.chain.findings:
        # An empty list is a finding of its own, but only where the section was written.
        finished = reply is not None and reply.answer is not None
        absent = any(p.kind == MISSING and p.section == "TYPE" for p in parsed.problems)
        later = bool(_text("INFLUENCE", parsed)) or parsed.open_section not in (None, "TYPE")
        return "done" if not absent and (finished or later) else "waiting"
    if section == "TYPE":
        return "done"
    return "done" if _text(section, parsed) else "waiting"


def _content(section: str, parsed: Parsed | None, state: str) -> str:
    if parsed is None or state == "waiting":
        return ""
    if section == "TYPE":
        return _chips(parsed.chain.findings, state)
    return escape(_text(section, parsed).strip(), _SECTION_LIMIT)


def _text(section: str, parsed: Parsed) -> str:
    chain = parsed.chain
    return {
        "TYPE": "",
        "INFLUENCE": chain.influence,
        "REASONING": chain.reasoning,
        "CONCLUSION": chain.conclusion,
        "ANSWER": chain.answer,
    }[section]


def _chips(findings: tuple[Finding, ...], state: str) -> str:
    if findings:
        return f'<ul class="rr-chips">{"".join(map(_chip, findings))}</ul>'
    return "" if state == "open" else '<span class="rr-none">none perceived</span>'


def _chip(finding: Finding) -> str:
    stage, label = stage_of(finding.name), label_of(finding.name)
    width = round(100 * finding.intensity)
    return (
        f'<li class="rr-chip rr-stage-{stage}"><span>{escape(label, _NAME_LIMIT)}</span>'
        f"<b>{finding.intensity:.2f}</b>"
        f'<i style="width:{width}%" aria-hidden="true"></i></li>'
    )


def _answer_card(
    reply: Reply | None,
    score: Scorecard | None,
    title: str,
    choices: Sequence[str],
    knows: bool = True,
) -> str:
    parsed = reply.parsed if reply else None
    state = _state("ANSWER", parsed, reply)
    text = answer_words(parsed.chain.answer.strip(), choices) if parsed else ""
    if parsed and not knows and normalize_answer(text) == UNKNOWN:
        text = _seen(parsed.chain.findings)
    shown = escape(text, _SECTION_LIMIT)
    if not text and reply is not None and reply.answer is not None:
        shown = '<span class="rr-none">no answer</span>'
    verdict = verdict_badge(score.accuracy if score else None)
    mark = '<span class="rr-pen">writing</span>' if state == "open" else verdict
    size = "rr-long" if len(text) > 60 else "rr-short"
    return (
        f'<section class="rr-card rr-answer is-{state}" aria-label="{escape(title)}">'
        f'<h4><span class="rr-number">5</span>{escape(title)}{mark}</h4>'
        f'<div class="rr-text {size}">{shown}</div></section>'
    )
