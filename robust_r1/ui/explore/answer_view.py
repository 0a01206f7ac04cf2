"""Explore: what the right side shows of an answer, while it comes and once it is there."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import plotly.graph_objects as go

from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import Outcome, ask
from robust_r1.engine import Engine
from robust_r1.ui.widgets.chain import answer_cards, chain_cards, problems_list, status_line
from robust_r1.ui.widgets.findings_chart import findings_chart
from robust_r1.ui.widgets.scores import score_line

# Ten updates a second read as a stream; more would only fill the network of a lecture hall.
_UPDATE_SECONDS = 0.1


@dataclass(frozen=True)
class View:
    """Show an outcome on the right side; a chart of None stays as it is."""

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


def views(engine: Engine, case: Case, stop: threading.Event) -> Iterator[View]:
    """Answer a case and yield what the page shows, a few times a second, the scored one last."""
    info = engine.info
    yield _view(Outcome(case, info.reasons, credit=info.credit), None)
    shown, charted = time.monotonic(), None
    for outcome in ask(engine, case, stop):
        stage = _chart_stage(outcome)
        due = time.monotonic() - shown >= _UPDATE_SECONDS
        if not (due or stage != charted or _finished_reply(outcome)):
            continue
        chart = None
        if stage and stage != charted:
            chart = findings_chart(outcome.findings, outcome.applied)
        shown, charted = time.monotonic(), stage
        yield _view(outcome, chart, _complete(outcome, stop.is_set()))


def final_view(outcome: Outcome) -> View:
    """Return what the page shows of an answer that is finished."""
    return _view(outcome, findings_chart(outcome.findings, outcome.applied), True)


def _complete(outcome: Outcome, stopped: bool) -> bool:
    last = outcome.clean if outcome.case.also_clean and not stopped else outcome.reply
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


def _view(outcome: Outcome, chart: go.Figure | None, finished: bool = False) -> View:
    raw, clean_chain = outcome.reply.text if outcome.reply else "", ""
    if outcome.clean:
        raw += f"\n\nClean picture:\n{outcome.clean.text}"
        clean_chain = chain_cards(outcome.clean) + problems_list(outcome.clean, outcome.reasons)
    return View(
        status=status_line(outcome),
        chain=chain_cards(outcome.reply, by=outcome.credit),
        answer=answer_cards(outcome),
        problems=problems_list(outcome.reply, outcome.reasons),
        score=score_line(outcome),
        clean_chain=clean_chain,
        raw=raw,
        chart=chart,
        outcome=outcome,
        finished=finished,
    )
