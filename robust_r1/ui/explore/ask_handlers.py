"""What happens on the right side of the Explore tab: check, ask, stream, keep."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from robust_r1.ask.links import MAX_CHOICES
from robust_r1.ask.pictures import NO_PICTURE, Picture, load_picture
from robust_r1.ask.pipeline import Case, Outcome, ask, check_question
from robust_r1.chain import findings_of
from robust_r1.engine import Engine
from robust_r1.engine.conversation import check_pictures, check_template, own_template
from robust_r1.errors import InputError
from robust_r1.ui.widgets import findings_chart as charts
from robust_r1.ui.widgets.active_answers import Runs
from robust_r1.ui.widgets.chain import answer_cards, chain_cards, problems_list, status_line
from robust_r1.ui.widgets.scores import score_line

# Ten updates a second read as a stream; more would only fill the network of a lecture hall.
_UPDATE_SECONDS = 0.1


@dataclass(frozen=True)
class View:
    """Hold what the right side shows of an outcome; None leaves a component as it is."""

    status: str
    chain: str
    answer: str
    problems: str
    score: str
    clean_chain: str
    raw: str
    chart: go.Figure | None
    outcome: Outcome
    finished: bool


def parse_choices(text: str | None) -> tuple[str, ...]:
    """Read answer choices, one a line; raise InputError for a single one or too many."""
    choices = tuple(line.strip() for line in (text or "").splitlines() if line.strip())
    if len(choices) == 1:
        raise InputError("There is only one answer choice: give at least two, or none.")
    if len(choices) > MAX_CHOICES:
        raise InputError(f"There are {len(choices)} answer choices: give at most {MAX_CHOICES}.")
    return choices


def parse_template(text: str | None, engine: Engine) -> str:
    """Read the prompt; the model's own, or none, is empty. Raises InputError for an unfit one."""
    template = (text or "").strip()
    return "" if template == own_template(engine.info) else check_template(template)


def check(
    picture: Picture | None,
    question: str,
    choices: str,
    engine: Engine,
    further: Sequence[Picture] = (),
) -> None:
    """Raise RobustR1Error for what can be seen to be wrong before a place in the queue is taken."""
    if picture is None:
        raise InputError(NO_PICTURE)
    check_question(question)
    parse_choices(choices)
    check_pictures(engine.info, 1 + len(further))
    for one in (picture, *further):
        load_picture(one)


def views(engine: Engine, case: Case, runs: Runs, session: str | None) -> Iterator[View]:
    """Answer a case and yield what the page shows, a few times a second, the scored one last."""
    with runs.begin(session) as stop:
        start = Outcome(findings_of(case.plan), case.choices, engine.info.reasons)
        yield _view(start, None)
        shown, charted = time.monotonic(), None
        for outcome in ask(engine, case, stop):
            stage = _chart_stage(outcome)
            due = time.monotonic() - shown >= _UPDATE_SECONDS
            if not (due or stage != charted or _finished_reply(outcome)):
                continue
            chart = _chart(outcome) if stage and stage != charted else None
            shown, charted = time.monotonic(), stage
            yield _view(outcome, chart, _complete(outcome, case, stop.is_set()))


def _complete(outcome: Outcome, case: Case, stopped: bool) -> bool:
    last = outcome.clean if case.also_clean and not stopped else outcome.reply
    return last is not None and last.answer is not None


def _finished_reply(outcome: Outcome) -> bool:
    current = outcome.clean or outcome.reply
    return current is not None and current.answer is not None


def _chart_stage(outcome: Outcome) -> str | None:
    """Tell which chart is due: none, the one after the list of findings, the final one."""
    reply = outcome.reply
    if reply is None:
        return None
    if reply.answer is not None:
        return "final"
    listed = reply.parsed.chain.influence or reply.parsed.open_section not in (None, "TYPE")
    return "findings" if listed else None


def _chart(outcome: Outcome) -> go.Figure:
    findings = outcome.reply.parsed.chain.findings if outcome.reply else ()
    return charts.findings_chart(findings, outcome.applied)


def _view(outcome: Outcome, chart: go.Figure | None, finished: bool = False) -> View:
    raw = outcome.reply.text if outcome.reply else ""
    if outcome.clean:
        raw += f"\n\nClean picture:\n{outcome.clean.text}"
    return View(
        status=status_line(outcome),
        chain=chain_cards(outcome.reply),
        answer=answer_cards(outcome),
        problems=problems_list(outcome.reply, outcome.reasons),
        score=score_line(outcome),
        clean_chain=chain_cards(outcome.clean) + problems_list(outcome.clean, outcome.reasons)
        if outcome.clean
        else "",
        raw=raw,
        chart=chart,
        outcome=outcome,
        finished=finished,
    )
