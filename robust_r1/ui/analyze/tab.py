"""The Analyze tab: open runs, read their figures, filter their cases, mark and export them."""

from collections.abc import Callable
from functools import partial

import gradio as gr

from robust_r1.engine import Engine
from robust_r1.store import default_notebook
from robust_r1.ui.analyze.case_handlers import CaseHandlers
from robust_r1.ui.analyze.layout import (
    EXPORTS,
    OLD,
    build_cases,
    build_chooser,
    build_figures,
    build_filters,
)
from robust_r1.ui.analyze.run_handlers import RunHandlers
from robust_r1.ui.analyze.runs import RunFolders
from robust_r1.ui.analyze.saved_answers import AnswerFiles
from robust_r1.ui.analyze.selection import SharedCases
from robust_r1.ui.widgets.job import MODEL, ActiveAnswers
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, UNQUEUED, Updates, Values, chosen_in
from robust_r1.ui.widgets.links import write_address
from robust_r1.ui.widgets.toasts import with_toasts

_LATEST = {"trigger_mode": "always_last", **QUIET}
# The file lies in Gradio's cache, which it serves; the link is relative, so that it also works
# behind a proxy.
_DOWNLOAD = """(path) => {
  if (!path) return;
  const link = document.createElement('a');
  const folder = location.pathname.replace(/\\/?$/, '/');
  link.href = folder + 'gradio_api/file=' + encodeURI(path);
  link.download = path.split('/').pop();
  link.click();
}"""
_START = """() => {
  if (new URLSearchParams(location.search).get('tab') === 'analyze') {
    const tabs = [...document.querySelectorAll('#tabs button[role=tab]')];
    tabs.find((tab) => tab.textContent.trim() === 'Analyze')?.click();
  }
}"""


class Analyze:
    """Lay out and wire the Analyze tab; make one inside a `gr.Tab` context.

    Nothing is read before somebody opens the tab.
    """

    def __init__(
        self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...],
        active: ActiveAnswers,
    ) -> None:
        self.selection, self.seen = gr.State(None), gr.State(None)
        self.query = gr.Textbox(visible="hidden", elem_id="analyze-query", label="Link")
        self.chooser = build_chooser()
        self.filters = build_filters()
        with gr.Tabs(elem_id="analyze-tabs"):
            with gr.Tab("Figures", id="figures"):
                self.figures = build_figures()
            with gr.Tab("Cases", id="cases") as self.cases:
                self.case = build_cases(engines)
        named = {engine.info.name: engine for engine in engines}
        shared = SharedCases(RunFolders(), default_notebook())
        answers = self.chooser.answers
        # The page's own list of uploads: whatever is on it is deleted at the same age.
        brought = AnswerFiles(answers.GRADIO_CACHE, page.upload_file_set.update)
        self._open = RunHandlers(shared, brought, self.selection, self.chooser, self.filters)
        self._cases = CaseHandlers(
            shared, named, active, self.case, self.figures, self.seen, self.filters.tag
        )
        page.load(None, None, None, js=_START, **PRIVATE)
        self._wire_runs(tab)
        self._wire_filters()
        self._wire_cases()
        self._add_endpoint()

    def _wire_runs(self, tab: gr.Tab) -> None:
        opening, chooser, opened = self._open, self.chooser, self._open.opened
        for event in (
            tab.select(
                with_toasts(opening.arrive), self.selection,
                {*opened, *self.filters.fields.values()}, **QUIET,
            ),
            chosen_in(chooser.runs)(
                opening.open_runs, [chooser.runs, self.selection], opened, **QUIET
            ),
            gr.on(
                [chooser.add.click, chooser.folder.submit], with_toasts(opening.add_folder),
                [chooser.folder, self.selection], opened, **QUIET,
            ),
            gr.on(
                [chooser.answers.upload, chooser.answers.delete],
                with_toasts(opening.add_answers), chooser.answers, opened, **QUIET,
            ),
        ):
            self._apply_after(event.success)

    def _wire_filters(self) -> None:
        opening, chosen = self._open, self.filters
        fields = list(chosen.fields.values())
        # Text by its change, since Gradio sends no input for what is pasted.
        touched = [
            chosen_in(field) if isinstance(field, gr.Dropdown)
            else field.change if field is chosen.text else field.input
            for field in fields
        ]
        self._apply_after(lambda *args, **options: gr.on(touched, *args, **options))
        loaded = chosen_in(chosen.saved)(
            with_toasts(opening.load_filter), chosen.saved, {*fields}, **QUIET
        )
        cleared = chosen.clear.click(
            opening.clear_filter, None, {*fields, chosen.saved}, **QUIET
        )
        for event in (loaded, cleared):
            self._apply_after(event.success)
        chosen.save.click(
            with_toasts(opening.save_filter), [self.selection, chosen.saved], {chosen.saved},
            **QUIET,
        )
        chosen.delete.click(
            with_toasts(opening.delete_filter), chosen.saved, {chosen.saved}, **QUIET
        )

    def _apply_after(self, listen: Callable) -> None:
        """Take the filter after an event: count and headline together, then all the rest.

        No generator: Gradio sends what a later part leaves alone as a change of the part before,
        which takes the picture from a case that nobody has looked at yet.
        """
        chosen, figures = self.filters, self.figures
        applied = listen(
            with_toasts(self._apply), {self.selection, *chosen.fields.values()},
            {self.selection, chosen.status, figures.headline, figures.mark}, **_LATEST,
        )
        self._show_after(applied.success)
        applied.success(
            with_toasts(self._cases.details), self.selection, {*figures.details, figures.mark},
            **_LATEST,
        )

    def _apply(self, values: Values) -> Updates:
        update = self._open.apply(values)
        headline = self._cases.headline(update[self.selection])
        return {**update, **headline, self.figures.mark: OLD}

    def _show_after(self, listen: Callable) -> None:
        shown = listen(
            with_toasts(self._cases.show), self.selection, {*self.case.shown, self.seen}, **_LATEST
        )
        linked = shown.then(
            with_toasts(self._open.describe), self.selection, self.query, **_LATEST
        )
        linked.then(None, self.query, None, js=write_address("runs"), **PRIVATE)

    def _wire_cases(self) -> None:
        events, case, selection = self._cases, self.case, self.selection
        moves = (
            (case.previous, events.move, -1), (case.next, events.move, 1),
            (case.back, events.turn, -1), (case.forward, events.turn, 1),
        )  # fmt: skip
        for button, go, steps in moves:
            moved = button.click(
                with_toasts(partial(go, steps)), selection, selection, **QUIET
            )
            self._show_after(moved.success)
        chosen = case.gallery.select(events.choose, selection, selection, **QUIET)
        self._show_after(chosen.success)
        case.keep.click(
            with_toasts(events.mark), [selection, self.seen, case.tags, case.note],
            {self.seen, case.marked, self.filters.tag}, **QUIET,
        )
        case.again.click(
            with_toasts(events.ask_again), [selection, case.model], case.rerun,
            concurrency_id=MODEL, concurrency_limit=1, **QUIET,
        )
        case.stop.click(events.stop, None, None, **UNQUEUED)
        for button, kind in zip(case.exports, EXPORTS, strict=True):
            made = button.click(
                with_toasts(partial(events.export, kind)), selection, case.file,
                **QUIET,
            )
            made.success(None, case.file, None, js=_DOWNLOAD, **PRIVATE)

    def _add_endpoint(self) -> None:
        with gr.Group(visible=False):
            runs = gr.Textbox("", label="runs by name or folder, with commas; empty: the bundled")
            wanted = gr.Textbox("", label='filter as JSON, such as {"levels": ["high"]}')
            figures = gr.JSON(label="figures")
            gr.Button().click(
                with_toasts(self._cases.analyze), [runs, wanted], figures, api_name="analyze",
                api_description="Compute every figure of evaluation runs under a filter.",
            )
