"""The Compare tab: models, or plans, side by side on one picture."""

from collections.abc import Callable, Sequence

import gradio as gr
from gradio.components import Component

from robust_r1.analysis.compare import MAX_SIDES
from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.case import MAX_SEED
from robust_r1.engine import Engine
from robust_r1.ui.compare.handlers import CompareHandlers, Results
from robust_r1.ui.compare.sides import (
    EYES,
    MODELS,
    OPENING_PLAN,
    PLANS,
    SideFields,
    Sides,
    plan_label,
)
from robust_r1.ui.compare.views import comparison_view
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.job import Job
from robust_r1.ui.widgets.layout import QUIET, UNQUEUED, chosen_in, html
from robust_r1.ui.widgets.model_menu import menu_choices
from robust_r1.ui.widgets.old_answer import TabAnswer
from robust_r1.ui.widgets.picture_question import PictureQuestion
from robust_r1.ui.widgets.plan_input import CLEAN, build_plan
from robust_r1.ui.widgets.share import Share
from robust_r1.ui.widgets.take_over import TakeOver

_IDLE = "Choose what to compare. The same questions go to every side, about the same picture."


class Compare:
    """Lay out and wire the Compare tab; make one inside a `gr.Blocks` context.

    `answers` are those that are known from before, `held` is the page's state of Explore's case,
    `eyes` are those that other models can be lent.
    """

    def __init__(
        self, page: gr.Blocks, engines: tuple[Engine, ...], answers: AnswerCache, share: Share,
        held: gr.State, eyes: PageEyes,
    ) -> None:
        named = {engine.info.name: engine for engine in engines}
        self.asked = PictureQuestion("compare", named, several=True, kept=share.kept)
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=340, scale=11, elem_classes="rr-side"):
                self.take_over = TakeOver("compare", held)
                self.asked.build_picture()
                self.preview = html(elem_id="compare-preview")
            with gr.Column(min_width=340, scale=12, elem_classes="rr-side"):
                self.fields = build_sides(menu_choices(engines), eyes.offered)
                self.asked.build_question()
                self.job = Job("compare", "Compare", _IDLE)
        self.sides = Sides(named, self.asked, self.fields, eyes)
        self.results = self._build_results(share)
        self._events = CompareHandlers(answers, self.asked, self.sides, self.job, self.results)
        self._wire(page)

    def _build_results(self, share: Share) -> Results:
        shown, asked = gr.State(None), self.asked
        answer = TabAnswer(
            "compare", "compare-question", self.sides.describe, self.sides.asked_of,
            {asked.text, *self._preview_inputs}, asked.picture,
        )
        with gr.Row(elem_classes="rr-tools rr-after", equal_height=True):
            reference = gr.Dropdown(
                [], label="Reference", show_label=True, filterable=False, visible=False,
                min_width=320, elem_id="compare-reference",
            )
            sort = gr.Checkbox(
                label="Most different first", visible=False, container=False, min_width=160,
                elem_id="compare-sort",
            )
            swap = gr.Button(
                "Swap", size="sm", interactive=False, min_width=80, elem_id="compare-swap"
            )
            pin = gr.Button(
                "Pin the reference", size="sm", interactive=False, min_width=120,
                elem_id="compare-pin",
            )
            download = gr.DownloadButton(
                "Download JSON", size="sm", interactive=False, min_width=120,
                elem_id="compare-download",
            )
            answer.build_link(share)
        view = html(comparison_view(None, False, ""), elem_id="compare-view")
        return Results(answer, shown, reference, sort, swap, pin, download, view)

    @property
    def _preview_inputs(self) -> set[Component]:
        """Return what says which pictures the sides will see."""
        return {self.asked.picture, *self.fields.all}

    def _wire(self, page: gr.Blocks) -> None:
        fields, results, events = self.fields, self.results, self._events
        self.opened = page.load(
            self.sides.open, None, {*self.asked.opened, *fields.all}, **QUIET
        )
        changed = self.asked.wire(fields.all, self.sides.show, self.sides.renew)
        taken = self.take_over.wire(
            self.sides.holds, self.sides.take, {self.asked.text, *self._preview_inputs},
            {*self.asked.taken, fields.plan, fields.seed},
        )
        for event in (*changed, taken):
            self.preview_after(event.then)
        switched = fields.by.input(
            self.sides.switch, [fields.by, fields.model],
            {fields.models, fields.model, fields.plan, fields.other}, **UNQUEUED,
        )
        self.preview_after(switched.then)
        touched = [control.change for control in fields.all - {fields.by}]
        self.preview_after(lambda *args, **options: gr.on(touched, *args, **options))
        self.follow_after(self.asked.text.change)
        self.job.wire(
            page, events.check, events.ask_all,
            {self.asked.text, results.shown, results.sort, *self._preview_inputs}, results.all,
        )
        given = {results.shown, results.sort}
        results.swap.click(events.swap, given, results.drawn, **UNQUEUED)
        chosen_in(results.reference)(
            events.refer, {results.reference, *given}, results.drawn, **UNQUEUED
        )
        results.pin.click(events.pin, given, results.drawn, **UNQUEUED)
        results.sort.input(events.sort, given, results.view, **UNQUEUED)

    def preview_after(self, listen: Callable) -> None:
        """Show the pictures that the sides will see, after what `listen` listens to.

        No two at once: a link's values come one after the other, each with a `change` that asks
        with the old ones of those behind it; what was asked last must be answered last.
        """
        seen = listen(
            self._events.preview, self._preview_inputs, self.preview,
            trigger_mode="always_last", concurrency_id="compare-preview", concurrency_limit=1,
            **QUIET,
        )
        self.follow_after(seen.then)

    def follow_after(self, listen: Callable) -> None:
        """Keep address, mark and the offer of Explore's case in step, after `listen`."""
        self.results.answer.follow_after(listen)
        self.take_over.offer_after(listen)


def build_sides(models: Sequence[tuple[str, str]], eyes: bool) -> SideFields:
    """Lay out the fields that say what is compared.

    `models` are (what people see, name); `eyes` tells whether one can be lent other eyes.
    """
    several, names = len(models) > 1, [name for _, name in models]
    start = MODELS if several else PLANS
    kinds = [MODELS, PLANS, *([EYES] if eyes else [])]
    by = gr.Radio(kinds, value=start, label="Compare", elem_id="compare-by")
    with gr.Row(elem_classes="rr-sides"):
        menu = gr.Dropdown(
            models, value=names[:MAX_SIDES], multiselect=True, max_choices=MAX_SIDES,
            label="Models, two or three", visible=several, elem_id="compare-models",
            min_width=240,
        )
        model = gr.Dropdown(
            models, value=names[0], label="Model", visible=not several, filterable=False,
            elem_id="compare-model", min_width=200,
        )
        seed = gr.Number(
            1, label="Seed of the damage", precision=0, minimum=0, maximum=MAX_SEED,
            min_width=120, elem_id="compare-seed",
        )
    with gr.Row(elem_classes="rr-sides"):
        plan = build_plan(plan_label(start), OPENING_PLAN, "compare-plan")
        other = build_plan("Plan B", CLEAN, "compare-other", visible=not several)
    return SideFields(by, menu, model, seed, plan, other)
