"""Learn, second part: the five sections of a chain, explained on one that a model writes now."""

import time
from collections.abc import Iterator

import gradio as gr

from robust_r1.ask.pipeline import Reply, ask
from robust_r1.chain import SECTIONS, close_tag, findings_of, open_tag
from robust_r1.engine import Engine
from robust_r1.markup import escape
from robust_r1.ui.learn.cases import case_titles, lesson_case
from robust_r1.ui.learn.views import case_view
from robust_r1.ui.widgets.chain import idle_line, problems_list, section_card, status_line
from robust_r1.ui.widgets.job import Working
from robust_r1.ui.widgets.layout import html
from robust_r1.ui.widgets.scores import score_line

_UPDATE_SECONDS = 0.1
# For each section: what it is for, and who checks it.
_SECTION_WORDS = {
    "TYPE": (
        "Perceive: which degradations there are, each with an intensity from 0 to 1, or none.",
        "Checked against what was applied: the degradation reward.",
    ),
    "INFLUENCE": (
        "Weigh: what the damage does to the evidence that this question needs.",
        "Its length counts: heavy damage deserves more words than light damage.",
    ),
    "REASONING": (
        "Restore: what the scene must have been without the damage.",
        "Nothing checks its words; the answer that follows from it is checked.",
    ),
    "CONCLUSION": (
        "Conclude: what follows for the question.",
        "The last step before the answer; read whether the two agree.",
    ),
    "ANSWER": (
        "Answer: as short as the question allows.",
        "Checked against the true answer: the accuracy reward.",
    ),
}


class Anatomy:
    """Lay out and wire the explained chain."""

    def __init__(self, page: gr.Blocks, engines: tuple[Engine, ...]) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        writers = [engine for engine in engines if engine.info.reasons] or list(engines)
        names = [(engine.info.label, engine.info.name) for engine in engines]
        with gr.Row(elem_classes="rr-learn-bar"):
            self.case = gr.Dropdown(
                case_titles(), value=case_titles()[0], label="Damage", filterable=False,
                min_width=160, elem_id="anatomy-case",
            )
            self.model = gr.Dropdown(
                names, value=writers[0].info.name, label="Model", filterable=False, min_width=160,
                visible=len(names) > 1, elem_id="anatomy-model",
            )
        self.working = Working("anatomy", "Write a chain", "The model looks at a scene and writes.")
        self.shown = html(elem_id="anatomy-case-view")
        self.view = html(anatomy(None), elem_id="anatomy-view")
        self.score = html(elem_id="anatomy-score")
        self.working.wire(
            page, lambda case, model: None, self._work, [self.case, self.model],
            [self.shown, self.view, self.score],
        )

    def _work(self, request: gr.Request, title: str, model: str) -> Iterator[dict]:
        engine, case = self.engines[model], lesson_case(title).case
        with self.working.runs.begin(request.session_hash) as stop:
            shown = case_view(engine, case, self.shown.GRADIO_CACHE, findings_of(case.plan))
            yield {
                **self.working.begun(), self.working.status: idle_line(f"{model} looks."),
                self.shown: shown, self.view: anatomy(None), self.score: "",
            }
            outcome, last = None, 0.0
            for outcome in ask(engine, case, stop):
                if time.monotonic() - last >= _UPDATE_SECONDS:
                    last = time.monotonic()
                    yield {
                        self.working.status: status_line(outcome),
                        self.view: anatomy(outcome.reply),
                    }
        if outcome is not None:
            problems = problems_list(outcome.reply, outcome.reasons)
            yield {
                self.working.status: status_line(outcome),
                self.view: anatomy(outcome.reply) + problems, self.score: score_line(outcome),
            }


def anatomy(reply: Reply | None) -> str:
    """Draw each section of a chain beside what it is for; without one, the explanations alone."""
    rows = "".join(_row(section, reply) for section in SECTIONS)
    return f'<div class="rr-anatomy">{rows}</div>'


def _row(section: str, reply: Reply | None) -> str:
    purpose, check = _SECTION_WORDS[section]
    tags = f"<code>{escape(open_tag(section))} ... {escape(close_tag(section))}</code>"
    return (
        f'<div class="rr-limb">{section_card(section, reply)}'
        f'<div class="rr-gloss">{tags}<p><b>{purpose}</b></p><p>{check}</p></div></div>'
    )
