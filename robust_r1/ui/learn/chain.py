"""Learn, second part: the five sections of a chain, explained on one that a model writes now."""

import time
from collections.abc import Iterator, Mapping, Sequence

import gradio as gr
from gradio.components import Component

from robust_r1.ask.case import Reply
from robust_r1.ask.pipeline import ask
from robust_r1.chain import SECTIONS, close_tag, open_tag
from robust_r1.engine import Engine
from robust_r1.markup import escape
from robust_r1.ui.learn.cases import lesson_case
from robust_r1.ui.learn.menus import (
    build_case_menu,
    build_model_menu,
    read_case,
    read_model,
    writers,
)
from robust_r1.ui.learn.views import case_view
from robust_r1.ui.widgets.chain import idle_line, problems_list, section_card, status_line
from robust_r1.ui.widgets.job import Job
from robust_r1.ui.widgets.layout import QUIET, UNQUEUED, Updates, Values, html
from robust_r1.ui.widgets.old_answer import OldAnswer
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


class ExplainedChain:
    """Lay out and wire the explained chain; its case is drawn once `tab` is looked at."""

    def __init__(self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...]) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        with gr.Row(elem_classes="rr-learn-bar"):
            self.case = build_case_menu("anatomy-case")
            self.model = build_model_menu(
                engines, writers(engines)[0], "Model", 160, "anatomy-model"
            )
        self.job = Job("anatomy", "Write a chain", "The model looks at a scene and writes.")
        self.old = OldAnswer("anatomy")
        self.shown = html(elem_id="anatomy-case-view")
        self.view = html(anatomy(None), elem_id="anatomy-view")
        self.score = html(elem_id="anatomy-score")
        self.job.wire(
            page, lambda values: None, self._ask, self.described,
            {self.shown, self.view, self.score, *self.old.outputs},
        )
        chosen = [self.case.change, self.model.change]
        gr.on(
            chosen, self._follow, {self.old.kept, *self.described}, {self.old.mark},
            trigger_mode="always_last", **UNQUEUED,
        )
        gr.on(
            [tab.select, *chosen], self._show, self.described, self.shown,
            trigger_mode="always_last", **QUIET,
        )

    @property
    def described(self) -> set[Component]:
        """Return the components that `describe` reads."""
        return {self.case, self.model}

    @property
    def opened(self) -> set[Component]:
        """Return the components that `open` writes to."""
        return {*self.described, self.shown}

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about this part."""
        return {"case": values[self.case], "model": values[self.model]}

    def open(self, link: Mapping[str, str]) -> Updates:
        """Return the updates that show what a link says."""
        read = {self.case: read_case(link), self.model: read_model(link, self.model)}
        return {**read, self.shown: self._show(read)}

    def _show(self, values: Values) -> str:
        """Draw what the model will look at."""
        engine, case = self.engines[values[self.model]], lesson_case(values[self.case]).case
        return case_view(engine, case, self.shown.GRADIO_CACHE)

    def _follow(self, values: Values) -> Updates:
        return self.old.compare(values[self.old.kept], self._asked(values))

    def _asked(self, values: Values) -> dict[str, object]:
        """Return what a chain is of, by the names that people know."""
        return {"damage": values[self.case], "model": values[self.model]}

    def _ask(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        model = values[self.model]
        engine, case = self.engines[model], lesson_case(values[self.case]).case
        with self.job.active.begin(request.session_hash) as stop:
            yield {
                **self.job.begun(), self.job.status: idle_line(f"{model} looks."),
                self.shown: self._show(values),
                self.view: anatomy(None), self.score: "", **self.old.begin(self._asked(values)),
            }
            outcome, last = None, 0.0
            for outcome in ask(engine, case, stop):
                if time.monotonic() - last >= _UPDATE_SECONDS:
                    last = time.monotonic()
                    yield {
                        self.job.status: status_line(outcome),
                        self.view: anatomy(outcome.reply, case.choices),
                    }
        if outcome is not None:
            problems = problems_list(outcome.reply, outcome.reasons)
            yield {
                self.job.status: status_line(outcome),
                self.view: anatomy(outcome.reply, case.choices) + problems,
                self.score: score_line(outcome),
            }


def anatomy(reply: Reply | None, choices: Sequence[str] = ()) -> str:
    """Draw each section of a chain beside what it is for; without one, the explanations alone."""
    rows = "".join(_row(section, reply, choices) for section in SECTIONS)
    return f'<div class="rr-anatomy">{rows}</div>'


def _row(section: str, reply: Reply | None, choices: Sequence[str]) -> str:
    purpose, check = _SECTION_WORDS[section]
    tags = f"<code>{escape(open_tag(section))} ... {escape(close_tag(section))}</code>"
    return (
        f'<div class="rr-limb">{section_card(section, reply, choices)}'
        f'<div class="rr-gloss">{tags}<p><b>{purpose}</b></p><p>{check}</p></div></div>'
    )
