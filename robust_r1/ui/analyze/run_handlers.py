"""Handlers of the Analyze tab: open runs, filter their cases, keep filters."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import gradio as gr
from gradio.components import Component

from robust_r1.analysis import filters
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.filters import Filter, why_none
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.markup import escape
from robust_r1.ui.analyze.clicks import narrowed
from robust_r1.ui.analyze.layout import Chooser, Filters
from robust_r1.ui.analyze.saved_answers import AnswerFiles
from robust_r1.ui.analyze.selection import (
    CASES,
    FIGURES,
    NO_CASE,
    Link,
    Selection,
    SharedCases,
    address,
    decode,
    encode,
    place_of,
)
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.layout import Updates, Values
from robust_r1.ui.widgets.share import Shared
from robust_r1.ui.widgets.toasts import warn

_BROUGHT = (
    "Saved answers that you brought are in no link: this one opens Analyze with the bundled runs."
)


class RunHandlers:
    """Turn what a visitor opens and filters into updates of the tab's head."""

    def __init__(
        self,
        shared: SharedCases,
        brought: AnswerFiles,
        selection: gr.State,
        chooser: Chooser,
        filters: Filters,
        view: gr.State,
        parts: gr.Tabs,
    ) -> None:
        self.shared, self.brought = shared, brought
        self.folders = shared.folders
        self.selection, self.chooser, self.filters = selection, chooser, filters
        self.view, self.parts = view, parts

    @property
    def opened(self) -> set[Component]:
        """Return what opening runs writes to."""
        chosen = self.filters
        return {self.chooser.runs, self.selection, chosen.models, chosen.tasks, chosen.levels,
                chosen.tag, chosen.only_right, chosen.saved, chosen.categories, chosen.languages,
                chosen.prompts}  # fmt: skip

    def arrive(self, request: gr.Request, selection: Selection | None) -> Updates:
        """List the runs there are; for somebody who comes first, open the link's or the bundled."""
        found = self.folders.found()
        if selection is not None:
            return {self.chooser.runs: gr.Dropdown(choices=_named(found, selection.runs))}
        query = dict(request.query_params) if request else {}
        link = decode(query, found)
        # The tab opens on its figures; whoever has gone on by now is not called back.
        shown = {} if link.view == FIGURES else self._show_part(link.view)
        return {**self._follow(link, found, self.folders.opening()), **shown}

    def go_back(self, query: str, selection: Selection | None) -> Updates:
        """Show again what the address says after a step back or on in the browser's history.

        Runs that somebody brought are in no address, so they stay open.
        """
        found = self.folders.found()
        link = decode(dict(parse_qsl(query.strip().removeprefix("?"))), found)
        opened = self._follow(link, found, selection.runs if selection else ())
        return {**opened, **self._show_part(link.view)}

    def _follow(self, link: Link, found: Sequence[str], otherwise: Sequence[str]) -> Updates:
        """Show what a link says, of the runs that it names, or of others where it names none."""
        update = self._open(link.runs or otherwise, found, link.wanted)
        selection, problems = update[self.selection], list(link.problems)
        place = place_of(self.shared.chosen(selection), link.case) if link.case else 0
        if place is None:
            problems.append(
                f"The link's case {link.case[:60]!r} is not among the cases of its filter."
            )
        for problem in problems:
            warn(problem)
        return {
            # The menus that depend on the runs are shown with their choices.
            **self.filters.show(link.wanted),
            **update,
            self.selection: replace(selection, place=place or 0),
        }

    def _show_part(self, view: str) -> Updates:
        return {self.view: view, self.parts: gr.Tabs(selected=view)}

    def narrow(self, clicked: str, selection: Selection | None) -> Updates:
        """Show the cases of a mark of a figure that was clicked."""
        selection = selection or Selection()
        wanted = narrowed(selection.wanted, filters.from_json(clicked))
        narrower = replace(selection, wanted=wanted, place=0)
        return {
            **self.filters.show(wanted),
            **self._show_part(CASES),
            **self._select(narrower),
        }

    def describe(self, selection: Selection | None, view: str) -> str:
        """Return the query string of what somebody looks at."""
        entries = self.shared.chosen(selection)
        if selection is None or not entries:
            return ""
        if self._holds_brought(selection):
            return encode((), selection.wanted, "")
        place = min(selection.place, len(entries) - 1)
        case = address(entries[place]) if selection.place else ""
        return encode(selection.runs, selection.wanted, case, view)

    def share(self, values: Values) -> Shared:
        """Return the link to what somebody looks at, also where no case passes the filter."""
        selection, view = values[self.selection] or Selection(), values[self.view]
        query = self.describe(selection, view)
        brought = self._holds_brought(selection)
        runs = () if brought else selection.runs
        return Shared(
            query or encode(runs, selection.wanted, "", view), note=_BROUGHT if brought else ""
        )

    def _holds_brought(self, selection: Selection) -> bool:
        return any(folder in self.brought for folder in selection.runs)

    def open_runs(self, folders: Sequence[str], selection: Selection | None) -> Updates:
        """Open the runs that were chosen; on a bad one what was open stays."""
        try:
            return self._show(folders)
        except RobustR1Error as error:
            warn(error)
            value = list(selection.runs if selection else ())
            return {self.chooser.runs: gr.Dropdown(value=value)}

    def add_folder(self, folder: str, selection: Selection | None) -> Updates:
        """Open the run of a folder, beside those open if it is of their benchmark."""
        if not folder.strip():
            raise InputError("Name the folder of a run, as in runs/my-run.")
        path = os.path.expanduser(folder.strip())  # leaves the home of nobody as it is
        self.folders.run(path)
        opened: list[str] = [path]
        for other in selection.runs if selection else ():
            if other != path and self._go_together([other, *opened]):
                opened.insert(len(opened) - 1, other)
        return self._open(opened, self.folders.found())

    def _go_together(self, folders: Sequence[str]) -> bool:
        try:
            self.folders.entries(folders)
        except InputError:
            return False
        return True

    def add_answers(self, paths: Sequence[str] | None) -> Updates:
        """Open saved answers as runs of their own; without files all stays."""
        if not paths:
            return {self.chooser.runs: gr.skip()}
        return self._open(self.brought.open(paths), self.folders.found())

    def apply(self, values: Values) -> Updates:
        """Take the filter from the page and show which cases pass."""
        wanted = self.filters.read(values)
        selection = values[self.selection] or Selection()
        place = selection.place if selection.wanted == wanted else 0
        return self._select(replace(selection, wanted=wanted, place=place))

    def _select(self, selection: Selection) -> Updates:
        chosen, entries = self.shared.chosen(selection), self.folders.entries(selection.runs)
        status = _count(chosen, entries, selection.wanted)
        return {self.selection: selection, self.filters.status: status}

    def save_filter(self, selection: Selection | None, name: str | None) -> Updates:
        """Keep the filter under the name that was typed."""
        body = filters.to_json((selection or Selection()).wanted)
        return self._saved(self.shared.notebook.save_filter(name or "", body))

    def delete_filter(self, name: str | None) -> Updates:
        """Delete the chosen filter."""
        self.shared.notebook.delete_filter(name or "")
        return self._saved(None)

    def load_filter(self, name: str | None) -> Updates:
        """Put a saved filter into the fields; a name that is not saved yet changes nothing."""
        body = self.shared.notebook.filters().get(name or "")
        if body is None:
            return {self.filters.text: gr.skip()}
        return self.filters.show(filters.from_json(body))

    def clear_filter(self) -> Updates:
        """Empty every field of the filter."""
        return {**self.filters.show(Filter()), self.filters.saved: None}

    def _saved(self, name: str | None) -> Updates:
        menu = gr.Dropdown(choices=list(self.shared.notebook.filters()), value=name)
        return {self.filters.saved: menu}

    def _open(
        self, folders: Sequence[str], found: Sequence[str], wanted: Filter | None = None
    ) -> Updates:
        menu = gr.Dropdown(choices=_named(found, folders), value=list(folders))
        return {self.chooser.runs: menu, **self._show(folders, wanted)}

    def _show(self, folders: Sequence[str], wanted: Filter | None = None) -> Updates:
        entries, wanted, menus = self.folders.entries(folders), wanted or Filter(), self.filters
        names, tags = self.shared.names(wanted.tag)
        only = [wanted.only_right] if wanted.only_right else []
        models = in_order((*(entry.model for entry in entries), *only))

        def choices(
            values: Sequence[str], chosen: tuple[str, ...], optional: bool = False
        ) -> gr.Dropdown:
            names = list(filter(None, in_order((*values, *chosen))))
            shown = {"visible": len(names) > 1 or bool(chosen)} if optional else {}
            return gr.Dropdown(choices=names, value=list(chosen), **shown)

        return {
            self.selection: Selection(tuple(folders), wanted),
            menus.models: choices([entry.model for entry in entries], wanted.models),
            menus.tasks: choices([entry.row.task for entry in entries], wanted.tasks),
            menus.levels: choices([entry.row.level for entry in entries], wanted.levels),
            menus.categories: choices(
                [entry.row.category for entry in entries], wanted.categories, optional=True
            ),
            menus.languages: choices(
                [entry.row.language for entry in entries], wanted.languages, optional=True
            ),
            menus.prompts: choices(
                [entry.terms.prompt for entry in entries], wanted.prompts, optional=True
            ),
            menus.tag: gr.Dropdown(choices=tags, value=wanted.tag),
            menus.only_right: gr.Dropdown(
                choices=[("any run", ""), *((one, one) for one in models)],
                value=wanted.only_right,
            ),
            menus.saved: gr.Dropdown(choices=names),
        }


def _named(found: Sequence[str], opened: Sequence[str] = ()) -> list[tuple[str, str]]:
    return [(Path(folder).name, folder) for folder in dict.fromkeys((*found, *opened))]


def _count(chosen: Sequence[Entry], entries: Sequence[Entry], wanted: Filter) -> str:
    if not entries:
        return idle_line("No run is open: choose one above, or make one with evaluate.")
    if not chosen:
        why = why_none(entries, wanted)
        words = f"No case passes this filter. {why}" if why else NO_CASE
        return f'<p class="rr-notice" role="status">{escape(words)}</p>'
    about = f" ({escape(wanted, 300)})" if str(wanted) else ""
    return (
        f'<p class="rr-status" role="status" aria-live="polite"><b>{len(chosen)}</b> of '
        f"{len(entries)} cases{about}. Figures and cases below are of these.</p>"
    )
