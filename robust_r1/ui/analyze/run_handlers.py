"""Handlers of the Analyze tab: open runs, filter their cases, keep filters."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import gradio as gr

from robust_r1.analysis import filters
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.filters import Filter
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.markup import escape
from robust_r1.ui.analyze import links as analyze_links
from robust_r1.ui.analyze.saved_answers import AnswerFiles
from robust_r1.ui.analyze.selection import NONE, Look, Shelf, address, place_of
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.toasts import warn

_NAMES = tuple(field.name for field in fields(Filter))
_ANY = Filter()
# The fields whose menus do not depend on the runs; a link sets them by themselves.
PLAIN = ("degradations", "outcome", "flip", "malformed", "text")


class RunEvents:
    """Turn what a visitor opens and filters into values for the components of the tab's head."""

    def __init__(self, shelf: Shelf, brought: AnswerFiles) -> None:
        self.shelf = shelf
        self.brought = brought
        self.library, self.notebook = shelf.library, shelf.notebook

    def arrive(self, request: gr.Request, look: Look | None) -> list:
        """List the runs there are; for somebody who comes first, open the link's or the bundled."""
        found = self.library.found()
        if look is not None:
            return [gr.Dropdown(choices=_named(found, look.runs)), look, *[gr.skip()] * 10]
        query = dict(request.query_params) if request else {}
        opened, wanted, case, problems = analyze_links.decode(query, found)
        opened = opened or self.library.opening()
        runs, look, *rest = self._opened(opened, found, wanted)
        place = place_of(self.shelf.chosen(look), case) if case else 0
        if place is not None:
            look = replace(look, place=place)
        else:
            problems.append(f"The link's case {case[:60]!r} is not among the cases of its filter.")
        for problem in problems:
            warn(problem)
        plain = dict(zip(_NAMES, _field_values(wanted), strict=True))
        return [runs, look, *rest, *(plain[key] for key in PLAIN)]

    def _opened(
        self, folders: Sequence[str], found: Sequence[str], wanted: Filter = _ANY
    ) -> list:
        menu = gr.Dropdown(choices=_named(found, folders), value=list(folders))
        return [menu, *self._open(folders, wanted)]

    def describe(self, look: Look | None) -> str:
        """Return the query string of what somebody looks at."""
        entries = self.shelf.chosen(look)
        if look is None or not entries:
            return ""
        runs = look.runs
        if any(folder in self.brought for folder in runs):
            return analyze_links.encode((), look.wanted, "")
        case = address(entries[min(look.place, len(entries) - 1)]) if look.place else ""
        return analyze_links.encode(runs, look.wanted, case)

    def open_runs(self, folders: Sequence[str], look: Look | None) -> list:
        """Open the runs that were chosen; on a bad one what was open stays."""
        try:
            return [gr.skip(), *self._open(folders)]
        except RobustR1Error as error:
            warn(error)
            return [gr.Dropdown(value=list(look.runs if look else ())), *[gr.skip()] * 6]

    def add_folder(self, folder: str, look: Look | None) -> list:
        """Open the run of a folder, beside those open if it is of their benchmark."""
        if not folder.strip():
            raise InputError("Name the folder of a run, as in runs/my-run.")
        path = str(Path(folder.strip()).expanduser())
        run, opened = self.library.run(path), []
        for other in look.runs if look else ():
            known = self.library.run(other)
            if known.benchmark == run.benchmark and known.model != run.model and other != path:
                opened.append(other)
        opened.append(path)
        return self._opened(opened, self.library.found())

    def add_answers(self, paths: Sequence[str] | None) -> list:
        """Open saved answers as runs of their own; without files all stays."""
        if not paths:
            return [gr.skip()] * 7
        return self._opened(self.brought.open(paths), self.library.found())

    def _open(self, folders: Sequence[str], wanted: Filter = _ANY) -> list:
        entries = self.library.entries(folders)
        models, tasks, levels = (
            gr.Dropdown(choices=list(in_order((*values, *chosen))), value=list(chosen))
            for values, chosen in (
                ((entry.model for entry in entries), wanted.models),
                ((entry.row.task for entry in entries), wanted.tasks),
                ((entry.row.level for entry in entries), wanted.levels),
            )
        )
        names, tags = self.shelf.names(wanted.tag)
        look = Look(tuple(folders), wanted)
        menus = gr.Dropdown(choices=tags, value=wanted.tag), gr.Dropdown(choices=names)
        return [look, models, tasks, levels, *menus]

    def apply(self, look: Look | None, *values) -> list:
        """Take the filter from the page and show which cases pass."""
        given = dict(zip(_NAMES, values, strict=True))
        wanted = filters.from_values({key: value or _empty(key) for key, value in given.items()})
        look = look or Look()
        look = replace(look, wanted=wanted, place=look.place if look.wanted == wanted else 0)
        return [look, _count(self.shelf.chosen(look), self.library.entries(look.runs), wanted)]

    def save_filter(self, look: Look | None, name: str | None) -> gr.Dropdown:
        """Keep the filter under the name that was typed."""
        kept = self.notebook.save_filter(name or "", filters.to_json((look or Look()).wanted))
        return gr.Dropdown(choices=list(self.notebook.filters()), value=kept)

    def delete_filter(self, name: str | None) -> gr.Dropdown:
        """Delete the chosen filter."""
        self.notebook.delete_filter(name or "")
        return gr.Dropdown(choices=list(self.notebook.filters()), value=None)

    def load_filter(self, name: str | None) -> list:
        """Put a saved filter into the fields; a name that is not saved yet changes nothing."""
        body = self.notebook.filters().get(name or "")
        if body is None:
            return [gr.skip()] * len(_NAMES)
        wanted = filters.from_json(body)
        return _field_values(wanted)

    def clear_filter(self) -> list:
        """Empty every field of the filter."""
        return [_empty(key) for key in _NAMES] + [None]


def _field_values(wanted: Filter) -> list:
    values = (getattr(wanted, key) for key in _NAMES)
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _empty(key: str) -> object:
    default = getattr(Filter(), key)
    return list(default) if isinstance(default, tuple) else default


def _named(found: Sequence[str], opened: Sequence[str] = ()) -> list[tuple[str, str]]:
    return [(Path(folder).name, folder) for folder in dict.fromkeys((*found, *opened))]


def _count(chosen: Sequence[Entry], entries: Sequence[Entry], wanted: Filter) -> str:
    if not entries:
        return idle_line("No run is open: choose one above, or make one with evaluate.")
    if not chosen:
        return f'<p class="rr-notice" role="status">{NONE}</p>'
    about = f" ({escape(wanted, 300)})" if str(wanted) else ""
    return (
        f'<p class="rr-status" role="status" aria-live="polite"><b>{len(chosen)}</b> of '
        f"{len(entries)} cases{about}. Figures and cases below are of these.</p>"
    )
