"""The Analyze tab above its cases: what is where. Nothing here reacts to anything."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr
from gradio.components import Component

from robust_r1.analysis.confusion import all_cells, cell_id, cell_words
from robust_r1.analysis.filters import (
    FLIPS,
    MAX_TEXT,
    OFF_BY,
    OUTCOMES,
    SCORED,
    Filter,
    from_values,
)
from robust_r1.degradations import SPECS
from robust_r1.ui.widgets.layout import html

TABLES = ("LaTeX", "Markdown")
_CONFUSION = "Applied degradations and what they were taken for, percent of the cases of each line"
# Menus of published benchmarks, with the ends of their ids.
_OPTIONAL = {"Category": "categories", "Language": "languages", "Prompt": "prompts"}
_OUTCOMES = {"": "right or wrong", SCORED: "scored at all"}
# What the mark holds while the figures below are still those of the filter before.
OLD = '<i class="rr-behind"></i>'


@dataclass(frozen=True)
class Chooser:
    """Name the components that choose runs and saved answers."""

    runs: gr.Dropdown
    folder: gr.Textbox
    add: gr.Button
    answers: gr.File


@dataclass(frozen=True)
class Filters:
    """Name the components of the filter."""

    models: gr.Dropdown
    tasks: gr.Dropdown
    levels: gr.Dropdown
    degradations: gr.Dropdown
    outcome: gr.Dropdown
    flip: gr.Dropdown
    malformed: gr.Checkbox
    text: gr.Textbox
    tag: gr.Dropdown
    missed: gr.Dropdown
    false_alarms: gr.Dropdown
    taken: gr.Dropdown
    off_by: gr.Dropdown
    only_right: gr.Dropdown
    categories: gr.Dropdown
    languages: gr.Dropdown
    prompts: gr.Dropdown
    saved: gr.Dropdown
    save: gr.Button
    delete: gr.Button
    clear: gr.Button
    link: gr.Button
    status: gr.HTML

    @property
    def fields(self) -> dict[str, Component]:
        """Return the components that make a filter, by the names of `analysis.Filter`."""
        return {field.name: getattr(self, field.name) for field in fields(Filter)}

    def read(self, values: Mapping[Component, Any]) -> Filter:
        """Return the filter that the fields show; raise InputError for what can be none."""
        given = {name: values[field] for name, field in self.fields.items()}
        return from_values({name: value or _empty(name) for name, value in given.items()})

    def show(self, wanted: Filter) -> dict[Component, Any]:
        """Return the updates that show a filter."""
        return {field: _shown(getattr(wanted, name)) for name, field in self.fields.items()}


@dataclass(frozen=True)
class Figures:
    """Name the components that show figures, and the mark of those that are not drawn yet."""

    headline: gr.HTML
    paper: gr.HTML
    costs: gr.HTML
    mark: gr.HTML
    against: gr.Dropdown
    tables: tuple[gr.Button, ...]
    differences: gr.HTML
    levels: gr.Plot
    level_table: gr.HTML
    robustness: gr.HTML
    run: gr.Dropdown
    confusion: gr.Plot
    mistakes: gr.HTML
    errors: gr.Plot
    error_table: gr.HTML

    @property
    def details(self) -> set[Component]:
        """Return those beside the headline."""
        return {self.paper, self.costs, self.levels, self.level_table, self.robustness,
                self.errors, self.error_table, *self.pairs, *self.matrix}  # fmt: skip

    @property
    def pairs(self) -> set[Component]:
        """Return those that show how runs differ from one of them, and its menu."""
        return {self.against, self.differences}

    @property
    def matrix(self) -> set[Component]:
        """Return those that show the confusions of one run, and the menu that chooses it."""
        return {self.run, self.confusion, self.mistakes}


def build_chooser() -> Chooser:
    """Lay out what opens runs and saved answers."""
    with gr.Row(elem_classes="rr-runs", equal_height=False):
        runs = gr.Dropdown([], value=[], multiselect=True, label="Runs, one a model", scale=3,
                           min_width=260, elem_id="runs")
        folder = gr.Textbox(label="Folder of another run", placeholder="runs/my-run", scale=2,
                            min_width=180, max_length=400, elem_id="run-folder")
        add = gr.Button("Open folder", size="sm", scale=0, min_width=110, elem_id="open-run")
    with gr.Accordion("Saved answers", open=False, elem_id="saved-answers"):
        gr.Markdown(
            "Files that Explore saved (`robust-r1-answer.json`), one or several. You alone see "
            "them, and they are gone after two hours."
        )
        answers = gr.File(
            label="Saved answers", show_label=False, file_count="multiple", height=130,
            elem_id="answers",
        )
    return Chooser(runs, folder, add, answers)


def build_filters() -> Filters:
    """Lay out the filters."""
    many = {"multiselect": True, "min_width": 150}
    with gr.Column(elem_classes="rr-filters"):
        with gr.Row():
            models = gr.Dropdown([], label="Model", elem_id="filter-models", **many)
            tasks = gr.Dropdown([], label="Task", elem_id="filter-tasks", **many)
            levels = gr.Dropdown([], label="Level", elem_id="filter-levels", **many)
            degradations = gr.Dropdown(
                [(spec.label, spec.id) for spec in SPECS], label="Applied or perceived",
                elem_id="filter-degradations", **many,
            )
        with gr.Row():
            outcome = gr.Dropdown(
                [(_OUTCOMES.get(one, one), one) for one in OUTCOMES], value="", label="Answer",
                min_width=130, filterable=False, elem_id="filter-outcome",
            )
            flip = gr.Dropdown(
                [(one or "flipped or not", one) for one in FLIPS], value="", min_width=130,
                label="Flipped by the damage", filterable=False, elem_id="filter-flip",
            )
            tag = gr.Dropdown([("any tag or none", "")], value="", label="Tag", min_width=130,
                              filterable=False, elem_id="filter-tag")
            text = gr.Textbox(label="Text", placeholder="in question or chain",
                              max_length=MAX_TEXT, min_width=180, elem_id="filter-text")
            malformed = gr.Checkbox(label="Malformed only", min_width=130,
                                    elem_id="filter-malformed")
        with gr.Row():
            names = [(spec.label, spec.id) for spec in SPECS]
            missed = gr.Dropdown(names, label="Missed", elem_id="filter-missed", **many)
            alarms = gr.Dropdown(names, label="False alarm", elem_id="filter-alarms", **many)
            taken = gr.Dropdown(
                [(cell_words(cell), cell_id(cell)) for cell in all_cells()],
                label="Taken for (all of these)", elem_id="filter-taken", scale=2, **many,
            )
            off_by = gr.Dropdown(OFF_BY, label="Intensity off by", elem_id="filter-off", **many)
            only = gr.Dropdown([("any run", "")], value="", label="Only this run right",
                               min_width=130, filterable=False, elem_id="filter-only")
        with gr.Row():
            categories, languages, prompts = map(_build_optional, _OPTIONAL)
        with gr.Row(equal_height=True, elem_classes="rr-saved"):
            saved = gr.Dropdown(
                [], value=None, label="Saved filters: choose one, or type a name and save",
                allow_custom_value=True, min_width=220, scale=3, elem_id="saved-filters",
            )
            save = gr.Button("Save filter", size="sm", min_width=100, elem_id="save-filter")
            delete = gr.Button("Delete", size="sm", min_width=80, elem_id="delete-filter")
            clear = gr.Button("Clear filter", size="sm", min_width=100, elem_id="clear-filter")
            link = gr.Button("Copy link", size="sm", min_width=100, elem_id="analyze-link")
    status = html(elem_id="filter-status")
    return Filters(models, tasks, levels, degradations, outcome, flip, malformed, text, tag, missed,
                   alarms, taken, off_by, only, categories, languages, prompts, saved, save, delete,
                   clear, link, status)


def _build_optional(label: str) -> gr.Dropdown:
    """Lay out a menu that is shown where the open runs differ in what it filters by."""
    id = f"filter-{_OPTIONAL[label]}"
    return gr.Dropdown(
        [], label=label, elem_id=id, visible=False, multiselect=True, min_width=150
    )


def build_figures() -> Figures:
    """Lay out tables and charts; every chart stands under a title that says what it shows."""
    headline = html(elem_id="headline")
    paper = html(elem_id="paper-table")
    mark = html(elem_id="figures-mark")
    with gr.Row(elem_classes="rr-against", equal_height=False):
        against = gr.Dropdown(
            [("no run", "")], value="", label="Differences from", filterable=False, min_width=180,
            info="case by case, over the cases of both that pass the filter", elem_id="against",
        )
        tables = tuple(
            gr.Button(f"Tables as {kind}", size="sm", min_width=140, scale=0,
                      elem_id=f"tables-{kind.lower()}")
            for kind in TABLES
        )
    differences = html(elem_id="differences")
    with gr.Row(equal_height=False):
        levels = build_chart("Accuracy by level of the damage, with 95 % intervals", "level-chart")
        errors = build_chart("Error of perceived intensities, matched findings", "error-chart")
    level_table = html(elem_id="level-table")
    robustness = html(elem_id="robustness")
    costs = html(elem_id="damage-costs")
    with gr.Column(min_width=320, elem_classes="rr-chart"):
        with gr.Row(equal_height=False, elem_classes="rr-matrix"):
            html(f'<h4 class="rr-chart-title">{_CONFUSION}</h4>')
            run = gr.Dropdown([], label="Confusions of the run", filterable=False, min_width=180,
                              elem_id="confusion-run")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320, scale=3):
                confusion = gr.Plot(show_label=False, container=False, elem_id="confusion",
                                    elem_classes="rr-plot")
            with gr.Column(min_width=260, scale=2):
                mistakes = html(elem_id="mistakes")
    error_table = html(elem_id="error-table")
    return Figures(headline, paper, costs, mark, against, tables, differences, levels, level_table,
                   robustness, run, confusion, mistakes, errors, error_table)


def _empty(name: str) -> Any:
    return _shown(getattr(Filter(), name))


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def build_chart(title: str, id: str) -> gr.Plot:
    """Lay out a chart under a title that says what it shows."""
    with gr.Column(min_width=320, elem_classes="rr-chart"):
        html(f'<h4 class="rr-chart-title">{title}</h4>')
        return gr.Plot(show_label=False, container=False, elem_id=id, elem_classes="rr-plot")
