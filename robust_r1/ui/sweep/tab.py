"""The Sweep tab: the same question at rising intensities of some degradations."""

from collections.abc import Callable

import gradio as gr
from gradio.components import Component

from robust_r1.analysis.openings import read_openings
from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.case import MAX_SEED
from robust_r1.degradations import SPECS
from robust_r1.engine import Engine
from robust_r1.ui.sweep.handlers import (
    LEVELS,
    ONE_BY_ONE,
    TOGETHER,
    ChartPlace,
    SweepFields,
    SweepHandlers,
    SweepLink,
    SweepResults,
)
from robust_r1.ui.sweep.views import empty_strip
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.job import Job
from robust_r1.ui.widgets.layout import QUIET, UNQUEUED, chosen_in, html
from robust_r1.ui.widgets.model_menu import menu_choices
from robust_r1.ui.widgets.old_answer import TabAnswer
from robust_r1.ui.widgets.picture_question import PictureQuestion
from robust_r1.ui.widgets.share import Share
from robust_r1.ui.widgets.take_over import TakeOver

_IDLE = "Choose what to sweep. Every step is a whole answer of the model."


class SweepTab:
    """Lay out and wire the Sweep tab; make one inside a `gr.Blocks` context.

    `answers` are those that are known from before, `held` is the page's state of Explore's case,
    `eyes` are those that other models can be lent.
    """

    def __init__(
        self, page: gr.Blocks, engines: tuple[Engine, ...], answers: AnswerCache, share: Share,
        held: gr.State, eyes: PageEyes,
    ) -> None:
        named = {engine.info.name: engine for engine in engines}
        self.asked = PictureQuestion(
            "sweep", named, several=False, kept=share.kept, opening=read_openings().swept
        )
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=340, scale=11, elem_classes="rr-side"):
                self.take_over = TakeOver("sweep", held)
                self.asked.build_picture()
                self.preview = html(elem_id="sweep-preview")
            with gr.Column(min_width=340, scale=12, elem_classes="rr-side"):
                self.asked.build_question()
                self.fields = build_fields(engines, eyes)
                self.job = Job("sweep", "Sweep", _IDLE)
        self.link = SweepLink(named, self.asked, self.fields, eyes)
        self.results = self._build_results(share)
        self._events = SweepHandlers(
            named, answers, self.asked, self.fields, self.preview, self.job, self.results,
            eyes,
        )
        self._wire(page)

    def _build_results(self, share: Share) -> SweepResults:
        asked = self.asked
        answer = TabAnswer(
            "sweep", "sweep-question", self.link.describe, self.link.asked_of,
            {asked.text, *self._preview_inputs}, asked.picture,
        )
        summary = html(elem_id="sweep-summary")
        strip = html(empty_strip(), elem_id="sweep-strip")
        with gr.Row(elem_classes="rr-charts", equal_height=True):
            calibration = build_chart(
                "Calibration: perceived against applied intensity", "sweep-calibration"
            )
            length = build_chart("Chain length against total intensity", "sweep-length")
        with gr.Row(elem_classes="rr-keep"):
            answer.build_link(share)
            csv, json = (
                gr.DownloadButton(f"Download {kind.upper()}", size="sm", interactive=False,
                                  min_width=120, elem_id=f"sweep-{kind}")
                for kind in ("csv", "json")
            )
        return SweepResults(answer, summary, strip, calibration, length, csv, json)

    @property
    def _preview_inputs(self) -> set[Component]:
        """Return what says which pictures and how many steps there will be."""
        fields = self.fields
        return {self.asked.picture, fields.model, fields.eyes, *fields.swept}

    def _wire(self, page: gr.Blocks) -> None:
        fields = self.fields
        touchable = {fields.model, fields.eyes, *fields.swept}
        self.opened = page.load(
            self.link.open, None, {*self.asked.opened, *touchable}, **QUIET
        )
        taken = self.take_over.wire(
            self.link.holds, self.link.take, {self.asked.text, *self._preview_inputs},
            {*self.asked.taken, fields.ids, fields.seed},
        )
        for event in (taken, *self.asked.wire(touchable, self.link.show)):
            self.preview_after(event.then)
        # Not `change`: a link's values come one after the other, each with a `change` that would
        # ask with the old ones of those behind it.
        touched = [chosen_in(fields.model), *(control.input for control in fields.swept)]
        self.preview_after(lambda *args, **options: gr.on(touched, *args, **options))
        chosen_in(fields.model)(self._events.choose_model, fields.model, fields.eyes, **UNQUEUED)
        told = [self.asked.text.change, fields.eyes.change]
        self.follow_after(lambda *args, **options: gr.on(told, *args, **options))
        self.job.wire(
            page, self._events.check, self._events.ask_all,
            {self.asked.text, *self._preview_inputs}, self.results.all,
        )

    def preview_after(self, listen: Callable) -> None:
        """Show the pictures and the number of steps, after what `listen` listens to.

        No two at once: what was asked last is also answered last.
        """
        shown = listen(
            self._events.preview, self._preview_inputs, {self.preview, self.fields.size},
            trigger_mode="always_last", concurrency_id="sweep-preview", concurrency_limit=1,
            **QUIET,
        )
        self.follow_after(shown.then)

    def follow_after(self, listen: Callable) -> None:
        """Keep address, mark and the offer of Explore's case in step, after `listen`."""
        self.results.answer.follow_after(listen)
        self.take_over.offer_after(listen)


def build_fields(engines: tuple[Engine, ...], eyes: PageEyes) -> SweepFields:
    """Lay out the fields that say what is swept, and whom it is asked."""
    models = menu_choices(engines)
    ids = gr.CheckboxGroup(
        [(spec.label, spec.id) for spec in SPECS], value=list(read_openings().kinds),
        label="Degradations", elem_id="sweep-ids", elem_classes="rr-ids",
    )
    with gr.Row(elem_classes="rr-sides"):
        order = gr.Radio(
            [ONE_BY_ONE, TOGETHER], value=ONE_BY_ONE, label="Order", elem_id="sweep-order",
            min_width=300,
        )
        levels = gr.Number(
            LEVELS, label="Levels from 0 to 1", precision=0, min_width=110,
            elem_id="sweep-levels",
        )
        seed = gr.Number(
            1, label="Seed of the damage", precision=0, minimum=0, maximum=MAX_SEED,
            min_width=110, elem_id="sweep-seed",
        )
        model = gr.Dropdown(
            models, value=models[0][1], label="Model", filterable=False, min_width=220,
            elem_id="sweep-model",
        )
        switch = eyes.build(engines[0], "sweep-eyes")
    return SweepFields(ids, order, levels, seed, model, switch, html(elem_id="sweep-size"))


def build_chart(title: str, elem_id: str) -> ChartPlace:
    """Lay out the place of a chart, hidden until there is something to draw.

    Plotly is by far the page's largest script.
    """
    with gr.Column(min_width=320, elem_classes="rr-chart"):
        html(f'<h4 class="rr-chart-title">{title}</h4>')
        hint = html('<p class="rr-hint">Nothing to draw yet.</p>')
        plot = gr.Plot(
            show_label=False, container=False, visible=False, elem_id=elem_id,
            elem_classes="rr-plot",
        )
    return ChartPlace(hint, plot)
