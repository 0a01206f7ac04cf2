"""The Explore tab: choose a picture, damage it, ask about it, read the chain and its scores."""

from collections.abc import Callable
from functools import partial

import gradio as gr

from robust_r1.ask.examples import gallery
from robust_r1.degradations import SPECS
from robust_r1.engine import Engine
from robust_r1.ui.explore.answer_handlers import AnswerHandlers
from robust_r1.ui.explore.first_look import FirstLook
from robust_r1.ui.explore.layout import (
    MEASURED,
    SWAP,
    build_actions,
    build_picture_side,
    build_question,
    build_results,
    build_talk,
)
from robust_r1.ui.explore.picture_handlers import PictureHandlers
from robust_r1.ui.explore.visit import VisitAnswers
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.job import MODEL, PREVIEW, ActiveAnswers
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, UNQUEUED, chosen_in, html
from robust_r1.ui.widgets.links import write_address
from robust_r1.ui.widgets.model_menu import wire_menu
from robust_r1.ui.widgets.photograph import follow_script, measure_script
from robust_r1.ui.widgets.share import Share
from robust_r1.ui.widgets.toasts import with_toasts

_PREVIEWS_AT_ONCE = 2
# At once: what the server sent later would take back the first moves of a slider after it.
_RESET = f"() => [0, '', ...Array({len(SPECS)}).fill(0)]"


class Explore:
    """Lay out and wire the Explore tab; make one inside a `gr.Blocks` context.

    The models of the menu are `engines`, the first one chosen at the start; `active` knows what is
    being answered for whom, `share` shows links, `held` is the page's state of the case in sight,
    `eyes` are those that other models can be lent.
    """

    def __init__(
        self, page: gr.Blocks, engines: tuple[Engine, ...], active: ActiveAnswers, share: Share,
        held: gr.State, eyes: PageEyes,
    ) -> None:
        examples = gallery()
        named = {engine.info.name: engine for engine in engines}
        self._converses = any(engine.info.converses for engine in engines)
        # One queue for all models: as many at a time as the slowest of them can take.
        self._at_once = min(engine.info.at_once for engine in engines)
        self.query = gr.Textbox(visible="hidden", elem_id="query", label="Link")
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=340, scale=11, elem_classes="rr-side"):
                self.left = build_picture_side(examples, partial(self._build_look, engines))
            with gr.Column(min_width=340, scale=12, elem_classes="rr-side"):
                built = build_question(named, self._converses)
                self.question, self.settings, self.further = built
                self.actions = build_actions(engines, eyes)
                model_state = html(elem_id="model-state")
                self.talk = build_talk()
                self.results = build_results()
                self.visit = VisitAnswers()
        self._pictures = PictureHandlers(
            named, examples, self.left, self.question, self.actions, self.notice, share.kept,
            eyes,
        )
        self._answers = AnswerHandlers(
            named, active, self._pictures, self.settings, self.further, self.actions, self.talk,
            self.results, self.visit, self.query, held, eyes,
        )
        self._wire_picture(page)
        self._wire_damage()
        self._wire_question(share)
        self._wire_further()
        self._wire_answer(page)
        self._wire_visit(page)
        wire_menu(page, engines, self.actions.model, model_state)

    def _build_look(self, engines: tuple[Engine, ...]) -> None:
        self.notice = html(elem_id="notice")
        self.first = FirstLook(engines)

    def follow_after(self, listen: Callable) -> None:
        """Write the page's state into the address, without a trace in the browser's history.

        An answer that is of something else is marked as such.
        """
        old, answers = self.results.old, self._answers
        described = listen(
            answers.follow, {old.kept, *answers.told}, {self.query, answers.held, old.mark},
            trigger_mode="always_last", **UNQUEUED,
        )
        described.then(None, self.query, None, js=write_address("question"), **PRIVATE)

    def _wire_picture(self, page: gr.Blocks) -> None:
        events, left, model = self._pictures, self.left, self.actions.model
        shown = {events.picture, *events.suited}
        page.load(None, None, None, js=follow_script(MEASURED, SWAP), **PRIVATE)
        opened = page.load(
            events.open_link, left.screen,
            {
                *events.state, *shown, left.gallery, left.screen, events.source, events.given,
                events.awaited,
            },
            js=measure_script(), **QUIET,
        )
        known = {
            events.picture, events.given, events.awaited, left.own, model, *left.damage,
        }
        renewed = {
            *events.state, *shown, left.own, left.gallery, left.preset, events.source,
            events.given,
        }
        chosen = left.gallery.select(events.choose_example, known, renewed, **QUIET)
        brought = left.own.input(with_toasts(events.bring), known, renewed, **QUIET)
        removed = left.own.clear(events.remove, known, renewed, **QUIET)
        asked = [self.actions.ask.click, self.question.text.submit]
        self.first.wire(page, events, renewed, asked, self._preview_after)
        for event in (opened, chosen, brought, removed):
            self._preview_after(event.then)
            self.first.look_after(event.then)
        chosen_in(model)(
            events.change_model, [events.picture, model], list(events.suited), **QUIET
        )
        shown_defaults = {self.settings.max_tokens, self.settings.prompt}
        switch = self.actions.eyes
        for listen in (opened.then, switch.input):
            listen(self._answers.show_defaults, [model, switch], shown_defaults, **UNQUEUED)
        chosen_in(model)(
            self._answers.choose_model, model, {*shown_defaults, switch}, **UNQUEUED
        )
        for listen in (opened.then, chosen_in(model)):
            listen(
                self.further.show_for, [model, self.further.kept],
                {self.further.note, self.further.files}, **UNQUEUED,
            )

    def _wire_damage(self) -> None:
        events, left = self._pictures, self.left
        named = chosen_in(left.preset)(
            events.set_preset, left.preset, {*left.sliders.all}, **QUIET
        )
        everything = {*left.damage, left.preset}
        drawn = left.draw.click(events.draw, None, everything, **QUIET)
        reset = left.reset.click(
            None, None, [left.seed, left.preset, *left.sliders.all], js=_RESET, **PRIVATE
        )
        for event in (named, drawn, reset):
            self._preview_after(event.then)
        swapped = left.swap.click(events.swap, left.swapped, left.swapped, **UNQUEUED)
        resized = left.measured.click(
            events.resize, left.screen, left.screen, js=measure_script(), **UNQUEUED
        )
        for event in (swapped, resized):
            self._preview_after(event.then)
        moved = [control.input for control in (left.seed, *left.sliders.all)]
        moved.append(chosen_in(self.actions.model))
        self._preview_after(lambda *args, **options: gr.on(moved, *args, **options))

    def _preview_after(self, listen: Callable) -> None:
        """Preview after an event: the latest values win, and looking never waits for a model."""
        events, left = self._pictures, self.left
        shown = listen(
            with_toasts(events.preview),
            {events.picture, self.actions.model, left.swapped, left.screen, *left.damage},
            {left.compare, left.inset, left.caption, left.changed},
            trigger_mode="always_last", concurrency_id=PREVIEW,
            concurrency_limit=_PREVIEWS_AT_ONCE, **QUIET,
        )
        self.follow_after(shown.then)
        self._compare_after(shown.then)

    def _compare_after(self, listen: Callable) -> None:
        """Say when the next question will be about something else than those before it."""
        if self._converses:
            listen(
                self._answers.compare,
                {self.talk.kept, self.further.kept, *self._pictures.state},
                {self.talk.note}, trigger_mode="always_last", **UNQUEUED,
            )

    def _wire_question(self, share: Share) -> None:
        events, question = self._pictures, self.question
        suggested = question.suggestions.click(
            events.suggest, [question.suggestions, events.picture],
            {*question.fields, events.source}, **QUIET,
        )
        self.follow_after(suggested.then)
        # Not `input`, which Gradio does not send for pasted text.
        edited = question.text.change(
            events.edit, {*question.fields, events.source},
            {question.choices, question.truth, events.source},
            trigger_mode="always_last", **UNQUEUED,
        )
        self.follow_after(edited.then)
        told = [field.change for field in (question.choices, question.truth, *self.settings.all)]
        told.append(self.actions.eyes.change)
        self.follow_after(lambda *args, **options: gr.on(told, *args, **options))
        share.add(
            self.results.link, self._answers.share, {self.results.old.kept, *events.state}
        )

    def _wire_further(self) -> None:
        further = self.further
        files = further.files
        # Not `change`: what `take` returns would be a change too, and wipe the toast away.
        taken = gr.on(
            [files.upload, files.delete, files.clear], further.take,
            [files, self.actions.model], further.outputs, trigger_mode="always_last", **QUIET,
        )
        self.follow_after(taken.then)
        self._compare_after(taken.then)

    def _wire_answer(self, page: gr.Blocks) -> None:
        events, actions, talk, results = self._answers, self.actions, self.talk, self.results
        checked = gr.on(
            [actions.ask.click, self.question.text.submit],
            with_toasts(events.check), {*self._pictures.state, self.further.kept},
            {*actions.buttons, talk.clear, results.status},
            # Through the queue, which alone carries the words of an error, but waiting for nobody.
            concurrency_limit=None, **QUIET,
        )
        asked = checked.success(
            with_toasts(events.answer), events.asked,
            {*actions.buttons, *talk.outputs, *results.outputs, *self.visit.outputs},
            concurrency_id=MODEL, concurrency_limit=self._at_once, show_progress="minimal",
            show_progress_on=results.status, **PRIVATE,
        )
        # Gradio's `then` does not follow an event that failed, whatever its description says.
        for after in (asked.then, asked.failure):
            after(events.settle, None, {*actions.buttons, talk.clear}, **UNQUEUED)
        self.follow_after(asked.then)
        asked.then(None, None, None, js=self.visit.newest_script, **PRIVATE)
        actions.stop.click(events.stop, None, None, **UNQUEUED)
        actions.leave.click(
            events.leave, None, {*actions.buttons, talk.clear, results.status}, cancels=[asked],
            **UNQUEUED,
        )
        cleared = {talk.kept, talk.box, talk.turns, results.status}
        talk.clear.click(events.clear, None, cleared, **UNQUEUED)
        page.unload(events.stop)

    def _wire_visit(self, page: gr.Blocks) -> None:
        events, visit = self._answers, self.visit
        listen, pressed, mark = visit.scripts
        page.load(None, None, None, js=listen, **PRIVATE)
        back = visit.back.click(
            visit.press, visit.pressed, visit.pressed, js=pressed, **UNQUEUED
        ).then(
            with_toasts(events.go_back), {visit.pressed, *events.asked}, events.gone_back, **QUIET
        )
        back.success(None, None, None, js=mark, **PRIVATE)
        self._preview_after(back.then)
        self.first.look_after(back.then)
