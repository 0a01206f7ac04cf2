"""Handlers of the Analyze tab: its figures, on the page, in files and for programs."""

from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import filters
from robust_r1.analysis.entries import in_order
from robust_r1.errors import InputError
from robust_r1.report.files import file_name
from robust_r1.report.summary import (
    Details,
    Summary,
    details,
    differences_from,
    headlines,
    to_values,
)
from robust_r1.report.table import to_html, to_latex, to_markdown
from robust_r1.report.tables import (
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
        return {
            shown.levels: charts.level_chart(found.levels),
            shown.level_table: to_html(level_table(found.levels)),
            shown.robustness: to_html(robustness_table(found.robustness)),
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
            found = self.shared.compute(selection, differences_from, against)
            table = to_html(difference_table(against, found))
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
        if against:
            found = self.shared.compute(selection, differences_from, against)
            tables = (*tables, difference_table(against, found))
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
