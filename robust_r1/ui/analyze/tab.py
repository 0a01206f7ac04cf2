"""The Analyze tab: open runs, read their figures, filter their cases, mark and export them."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from robust_r1.engine import Engine
from robust_r1.store import default_notebook
from robust_r1.ui.analyze import clicks, lightbox, notebooks
from robust_r1.ui.analyze.case_handlers import CaseHandlers
from robust_r1.ui.analyze.case_layout import EXPORTS, build_cases
from robust_r1.ui.analyze.figure_handlers import FigureHandlers
from robust_r1.ui.analyze.layout import OLD, TABLES, build_chooser, build_figures, build_filters
from robust_r1.ui.analyze.mark_handlers import MarkHandlers
from robust_r1.ui.analyze.marks import KEEP
from robust_r1.ui.analyze.notebooks import BrowserNotebooks
from robust_r1.ui.analyze.run_handlers import RunHandlers
from robust_r1.ui.analyze.runs import RunFolders
from robust_r1.ui.analyze.saved_answers import AnswerFiles
from robust_r1.ui.analyze.selection import CASES, FIGURES, TRAINING, Selection, SharedCases
from robust_r1.ui.analyze.training import WIDTH, TrainingPart
from robust_r1.ui.visitors import Visitors
from robust_r1.ui.widgets import chart_files
from robust_r1.ui.widgets.api_values import strictly
from robust_r1.ui.widgets.job import MODEL, ActiveAnswers
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, UNQUEUED, Updates, Values, chosen_in
from robust_r1.ui.widgets.links import write_address
from robust_r1.ui.widgets.share import Share
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
  (FIRST)();
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
        active: ActiveAnswers, share: Share, visitors: Visitors,
    ) -> None:
        self.selection = gr.State(None)
        self.view = gr.State(FIGURES)
        self.query = gr.Textbox(visible="hidden", elem_id="analyze-query", label="Link")
        self.read = gr.Textbox(visible="hidden", label="Read by a script")
        self.clicked = gr.Button("Clicked", visible="hidden", elem_id=clicks.CLICKED)
        self.returned = gr.Button("Returned", visible="hidden", elem_id=clicks.RETURNED)
        self.chooser = build_chooser()
        self.filters = build_filters()
        with gr.Tabs(elem_id="analyze-tabs") as self.parts:
            with gr.Tab("Figures", id=FIGURES):
                self.figures = build_figures()
            with gr.Tab("Cases", id=CASES):
                self.case = build_cases(engines)
            with gr.Tab("Training", id=TRAINING, elem_id="analyze-training") as learned:
                self.training = TrainingPart()
        named = {engine.info.name: engine for engine in engines}
        answers = self.chooser.answers
        # The page's own list of uploads: whatever is on it is deleted at the same age.
        brought = AnswerFiles(answers.GRADIO_CACHE, page.upload_file_set.update)
        folders = RunFolders(besides=brought.__contains__ if visitors.public else None)
        book = default_notebook()
        apart = visitors.public and not visitors.one_notebook
        own = BrowserNotebooks(book.path.with_name("notebooks"))
        shared = SharedCases(folders, own if apart else lambda: book)
        self._open = RunHandlers(
            shared, brought, self.selection, self.chooser, self.filters, self.view, self.parts
        )
        share.add(self.filters.link, self._open.share, {self.selection, self.view})
        self._figures = FigureHandlers(shared, self.figures)
        self._cases = CaseHandlers(shared, named, active, self.case)
        self._marks = MarkHandlers(self._cases, self.filters.tag)
        first = notebooks.MARK if apart else "() => {}"
        page.load(None, None, None, js=_START.replace("FIRST", first), **PRIVATE)
        for script in (clicks.SCRIPT, lightbox.SCRIPT, chart_files.SCRIPT):
            page.load(None, None, None, js=script, **PRIVATE)
        self._wire_runs(tab)
        self._wire_filters()
        self._wire_figures()
        self._wire_cases()
        self.training.wire(learned, self.read, share, folders.admit)
        self._describe_after(self.training.view.change)
        self._add_endpoint()

    def _wire_runs(self, tab: gr.Tab) -> None:
        opening, chooser, opened = self._open, self.chooser, self._open.opened
        returned = self.returned.click(
            with_toasts(opening.go_back), [self.read, self.selection], self._followed,
            js=clicks.READ, **_LATEST,
        )
        returned.success(None, None, None, js=clicks.RETURN, **PRIVATE)
        for event in (
            returned,
            tab.select(
                with_toasts(opening.arrive), self.selection,
                self._followed, **QUIET,
            ),
            chosen_in(chooser.runs)(
                opening.open_runs, [chooser.runs, self.selection], opened, **QUIET
            ),
            gr.on(
                [chooser.add.click, chooser.folder.submit], with_toasts(self._add_folder),
                [self.read, chooser.folder, self.selection, *self.training.look],
                {*opened, *self.training.opened, self.view, self.parts}, js=WIDTH, **QUIET,
            ),
            gr.on(
                [chooser.answers.upload, chooser.answers.delete],
                with_toasts(opening.add_answers), chooser.answers, opened, **QUIET,
            ),
        ):
            self._apply_after(event.success)

    def _add_folder(
        self, width: str, folder: str, selection: Selection | None, *look: Any
    ) -> Updates:
        """Open the folder of an evaluation run, or of a run of training in the part for those.

        `width` is the window's, `look` holds the values of `training.look`.
        """
        path = os.path.expanduser(folder.strip())  # leaves the home of nobody as it is
        if path and self.training.holds(path):
            shown = self.training.add_folder(path, width, *look)
            return {**self._open.show_part(TRAINING), **shown}
        return self._open.add_folder(path, selection)

    @property
    def _followed(self) -> set[Component]:
        """Return what following a link writes to."""
        return {*self._open.opened, *self.filters.fields.values(), self.view, self.parts}

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
            with_toasts(self._figures.details), self._detailed,
            {*figures.details, figures.mark}, **_LATEST,
        )

    def _apply(self, values: Values) -> Updates:
        update = self._open.apply(values)
        headline = self._figures.headline(update[self.selection])
        return {**update, **headline, self.figures.mark: OLD}

    def _wire_figures(self) -> None:
        figures = self.figures
        chosen_in(figures.run)(
            with_toasts(self._figures.matrix), [self.selection, figures.run], figures.matrix,
            **_LATEST,
        )
        chosen_in(figures.against)(
            with_toasts(self._figures.pairs), [self.selection, figures.against], figures.pairs,
            **_LATEST,
        )
        for button, kind in zip(figures.tables, TABLES, strict=True):
            self._download_after(button.click(
                with_toasts(partial(self._figures.export_tables, kind)),
                [self.selection, figures.against], self.case.file, **QUIET,
            ))  # fmt: skip
        narrowed = self.clicked.click(
            with_toasts(self._narrow), [self.read, self.selection],
            {self.selection, self.filters.status, figures.mark, self.view, self.parts,
             *self.filters.fields.values()},
            js=clicks.READ, **_LATEST,
        )
        shown = self._show_after(narrowed.success)
        shown.success(None, None, None, js=clicks.ARRIVE, **PRIVATE)
        # The cases first: they are what was asked for, and the figures are out of sight.
        shown.success(
            with_toasts(self._redraw), self._detailed,
            {figures.headline, figures.mark, *figures.details}, **_LATEST,
        )
        for part in self.parts.children:
            if isinstance(part, gr.Tab):
                looked = part.select(partial(str, part.id), None, self.view, **UNQUEUED)
                self._describe_after(looked.then)

    def _narrow(self, clicked: str, selection: Selection | None) -> Updates:
        return {**self._open.narrow(clicked, selection), self.figures.mark: OLD}

    @property
    def _detailed(self) -> list[Component]:
        """Return what the figures beside the headline depend on."""
        return [self.selection, self.figures.run, self.figures.against]

    def _redraw(self, selection: Selection | None, run: str | None, against: str) -> Updates:
        return {
            **self._figures.headline(selection), **self._figures.details(selection, run, against)
        }

    def _show_after(self, listen: Callable) -> Dependency:
        shown = listen(
            with_toasts(self._cases.show), self.selection, self.case.shown, **_LATEST
        )
        self._describe_after(shown.then)
        return shown

    def _describe_after(self, listen: Callable) -> None:
        linked = listen(
            with_toasts(self._open.describe), [self.selection, self.view, self.training.view],
            self.query, **_LATEST,
        )
        linked.then(None, self.query, None, js=write_address("open-run"), **PRIVATE)

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
        # Whoever leaves a case leaves its note first.
        saved = gr.on(
            [case.keep.click, case.note.blur, case.tags.input], with_toasts(self._marks.mark),
            [selection, case.seen, case.tags, case.note],
            {case.gallery, case.kept, case.marked, self.filters.tag},
            trigger_mode="multiple", **QUIET,
        )
        saved.success(None, [case.kept, case.seen], case.seen, js=KEEP, **PRIVATE)
        case.again.click(
            with_toasts(events.ask_again), [selection, case.model],
            {case.rerun, *case.old.outputs}, concurrency_id=MODEL, concurrency_limit=1, **QUIET,
        )
        case.model.change(
            events.mark_again, [case.old.kept, case.model], case.old.mark, **UNQUEUED
        )
        case.stop.click(events.stop, None, None, **UNQUEUED)
        for button, kind in zip(case.exports, EXPORTS, strict=True):
            made = button.click(
                with_toasts(partial(events.export, kind)), selection, case.file,
                **QUIET,
            )
            self._download_after(made)

        for button, script in zip(case.figures, (_DOWNLOAD, chart_files.PNG_OF_SVG), strict=True):
            made = button.click(
                with_toasts(partial(events.export, "Figure")), selection, case.file, **QUIET
            )
            self._download_after(made, script)
        for button, remove in ((case.tag_all, False), (case.untag_all, True)):
            tagged = button.click(
                with_toasts(partial(self._marks.tag_all, remove)), [selection, case.tag],
                {case.tagged, self.filters.tag}, **QUIET,
            )
            self._apply_after(tagged.success)

    def _download_after(self, made: Dependency, script: str = _DOWNLOAD) -> None:
        made.success(None, self.case.file, None, js=script, **PRIVATE)

    def _add_endpoint(self) -> None:
        with gr.Group(visible=False):
            runs = gr.Textbox("", label="runs by name or folder, with commas; empty: the bundled")
            wanted = gr.Textbox("", label='filter as JSON, such as {"levels": ["high"]}')
            figures = gr.JSON(label="figures")
            gr.Button().click(
                strictly(self._figures.analyze), [runs, wanted], figures, api_name="analyze",
                api_description="Compute every figure of evaluation runs under a filter.",
            )
