"""Handlers of the Analyze tab: its figures, on the page, in files and for programs."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import filters
from robust_r1.analysis.corruption import corruption
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.pairs import paired, shared
from robust_r1.errors import InputError
from robust_r1.markup import escape
from robust_r1.report.files import file_name
from robust_r1.report.paper import paper_tables, published_note
from robust_r1.report.robustness_tables import corruption_table, pair_table, worst_lines
from robust_r1.report.summary import (
    Details,
    Summary,
    details,
    differences_from,
    headlines,
    to_values,
)
from robust_r1.report.table import Table, to_html, to_latex, to_markdown
from robust_r1.report.tables import (
    cost_tables,
    difference_table,
    error_table,
    figures_tables,
    headline_table,
    level_table,
    robustness_table,
)
from robust_r1.ui.analyze import charts
from robust_r1.ui.analyze.confusions import mistakes_list
from robust_r1.ui.analyze.layout import Figures
from robust_r1.ui.analyze.selection import NO_CASE, Selection, SharedCases
from robust_r1.ui.widgets.charts import empty_chart
from robust_r1.ui.widgets.layout import Updates

_LONGEST = 2000  # characters of the sentences above tables


class FigureHandlers:
    """Turn the cases that pass the filter into figures."""

    def __init__(self, shared: SharedCases, figures: Figures) -> None:
        self.shared, self.folders, self.figures = shared, shared.folders, figures
        self.cache = figures.headline.GRADIO_CACHE

    def headline(self, selection: Selection | None) -> Updates:
        """Show the headline figures of the cases that pass the filter."""
        found = self.shared.compute(selection, headlines)
        return {self.figures.headline: to_html(headline_table(found))}

    def details(self, selection: Selection | None, run: str | None, against: str) -> Updates:
        """Show the other tables and charts of the cases that pass, and no mark that they wait.

        The confusions are those of `run`, as long as it has any.
        """
        found, shown = self.shared.compute(selection, details), self.figures
        paper = self.shared.compute(selection, _paper)
        return {
            shown.levels: charts.level_chart(found.levels),
            shown.paper: paper,
            shown.costs: _costs(found),
            shown.level_table: to_html(level_table(found.levels)),
            # A benchmark whose levels are others has the paper's table of these instead.
            shown.robustness: to_html(robustness_table(found.robustness))
            if found.robustness or not paper
            else "",
            **self._matrix(found, run),
            **self.pairs(selection, against),
            shown.errors: charts.error_chart(found.errors),
            shown.error_table: to_html(error_table(found.errors)),
            shown.mark: "",
        }

    def pairs(self, selection: Selection | None, against: str) -> Updates:
        """Show what the other runs have more than one of them, case by case."""
        entries = self.folders.entries(selection.runs) if selection else ()
        models = in_order(entry.model for entry in entries)
        against = against if against in models else ""
        table = ""
        if against:
            table = "".join(map(to_html, self.shared.compute(selection, _against, against)))
        choices = [("no run", ""), *((model, model) for model in models)]
        return {
            self.figures.against: gr.Dropdown(choices=choices, value=against),
            self.figures.differences: table,
        }

    def matrix(self, selection: Selection | None, run: str | None) -> Updates:
        """Show the confusions of another run."""
        return self._matrix(self.shared.compute(selection, details), run)

    def _matrix(self, found: Details, run: str | None) -> Updates:
        shown, models = self.figures, [one.model for one in found.confusions]
        place = models.index(run) if run in models else 0
        chart = empty_chart("None of these runs names what was done to a picture.")
        if models:
            chart = charts.confusion_chart(found.confusions[place])
        return {
            shown.run: gr.Dropdown(choices=models, value=models[place] if models else None),
            shown.confusion: chart,
            shown.mistakes: mistakes_list(
                found.mistakes[place] if models else (), found.without_chains
            ),
        }

    def export_tables(self, kind: str, selection: Selection | None, against: str) -> str:
        """Write all tables of the figures in sight into a file, and return its path."""
        entries = self.shared.chosen(selection)
        if not entries:
            raise InputError(NO_CASE)
        tables = figures_tables(
            self.shared.compute(selection, headlines), self.shared.compute(selection, details)
        )
        tables = (*self.shared.compute(selection, paper_tables), *tables)
        if against:
            tables = (*tables, *self.shared.compute(selection, _against, against))
        write, ending = {"LaTeX": (to_latex, "tex"), "Markdown": (to_markdown, "md")}[kind]
        name = file_name(entries, "figures", ending)
        return save_bytes_to_cache(write(tables).encode(), name, self.cache)

    def analyze(self, runs: str = "", wanted: str = "") -> dict:
        """Return every figure of some runs under a filter, for programs."""
        folders = [part.strip() for part in (runs or "").split(",") if part.strip()]
        known = {Path(folder).name: folder for folder in self.folders.found()}
        named = [known.get(folder, folder) for folder in folders or self.folders.opening()]
        selection = Selection(tuple(named), filters.from_json(wanted or ""))
        values = to_values(
            Summary(
                len(self.shared.chosen(selection)),
                self.shared.compute(selection, headlines),
                self.shared.compute(selection, details),
            )
        )
        return {"runs": [Path(one).name for one in named]} | values


def _paper(entries: Sequence[Entry]) -> str:
    """Draw the table of a published benchmark as the paper prints such; nothing for others."""
    tables = paper_tables(entries)
    return "".join(map(to_html, tables)) + _caption(published_note(entries) if tables else "")


def _costs(found: Details) -> str:
    """Draw what damage costs."""
    said = " ".join((*worst_lines(found.corruption), *found.lost_first))
    return _caption(said) + "".join(map(to_html, cost_tables(found)))


def _caption(words: str) -> str:
    return f'<p class="rr-caption">{escape(words, _LONGEST)}</p>' if words else ""


def _against(entries: Sequence[Entry], model: str) -> tuple[Table, ...]:
    """Return how other runs differ from one: figures, corruption errors, and item by item."""
    tables = [difference_table(model, differences_from(entries, model))]
    if errors := corruption(entries, model):
        tables.append(corruption_table(errors))
    for other in in_order(entry.model for entry in entries):
        pairs = shared(entries, other, model) if other != model else ()
        if pairs:
            tables.append(pair_table(paired(pairs), other, model))
    return tuple(tables)
