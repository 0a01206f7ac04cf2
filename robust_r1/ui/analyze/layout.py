"""The Analyze tab: what is where. Nothing here reacts to anything."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr
from gradio.components import Component

from robust_r1.analysis.filters import FLIPS, MAX_TEXT, OUTCOMES, Filter, from_values
from robust_r1.degradations import SPECS
from robust_r1.engine import Engine
from robust_r1.store import MAX_NAME, MAX_NOTE
from robust_r1.ui.shortcuts import key_of
from robust_r1.ui.widgets.layout import html

EXPORTS = ("CSV", "JSONL", "HTML report")
_MARKS = (
    '<p class="rr-caption">Tags and notes are kept on this server and seen by everybody who uses '
    "it.</p>"
)


# What the mark holds while the figures below are still those of the filter before.
OLD = '<i class="rr-old"></i>'


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
    saved: gr.Dropdown
    save: gr.Button
    delete: gr.Button
    clear: gr.Button
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
    mark: gr.HTML
    levels: gr.Plot
    level_table: gr.HTML
    robustness: gr.HTML
    confusion: gr.Plot
    errors: gr.Plot
    error_table: gr.HTML

    @property
    def details(self) -> set[Component]:
        """Return those beside the headline."""
        return {self.levels, self.level_table, self.robustness, self.confusion, self.errors,
                self.error_table}  # fmt: skip


@dataclass(frozen=True)
class CasePart:
    """Name the components that show one case and what people wrote about it."""

    gallery: gr.Gallery
    back: gr.Button
    forward: gr.Button
    previous: gr.Button
    next: gr.Button
    head: gr.HTML
    picture: gr.Image
    link: gr.HTML
    answer: gr.HTML
    chain: gr.HTML
    problems: gr.HTML
    score: gr.HTML
    chart: gr.Plot
    model: gr.Dropdown
    again: gr.Button
    stop: gr.Button
    rerun: gr.HTML
    tags: gr.Dropdown
    note: gr.Textbox
    keep: gr.Button
    marked: gr.HTML
    exports: tuple[gr.Button, ...]
    file: gr.Textbox

    @property
    def shown(self) -> set[Component]:
        """Return what changes with the case."""
        return {self.gallery, self.head, self.picture, self.link, self.answer, self.chain,
                self.problems, self.score, self.chart, self.rerun, self.tags, self.note,
                self.marked}  # fmt: skip


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
                [(one or "right or wrong", one) for one in OUTCOMES], value="", label="Answer",
                min_width=130, filterable=False, elem_id="filter-outcome",
            )
            flip = gr.Dropdown(
                [(one or "flipped or not", one) for one in FLIPS], value="", min_width=130,
                label="Flipped by the damage", filterable=False, elem_id="filter-flip",
            )
            tag = gr.Dropdown([("any tag or none", "")], value="", label="Tag", min_width=130,
                              filterable=False, elem_id="filter-tag")
            text = gr.Textbox(label="Text", placeholder="in question, answer or chain",
                              max_length=MAX_TEXT, min_width=180, elem_id="filter-text")
            malformed = gr.Checkbox(label="Malformed only", min_width=130,
                                    elem_id="filter-malformed")
        with gr.Row(equal_height=True, elem_classes="rr-saved"):
            saved = gr.Dropdown(
                [], value=None, label="Saved filters: choose one, or type a name and save",
                allow_custom_value=True, min_width=220, scale=3, elem_id="saved-filters",
            )
            save = gr.Button("Save filter", size="sm", min_width=100, elem_id="save-filter")
            delete = gr.Button("Delete", size="sm", min_width=80, elem_id="delete-filter")
            clear = gr.Button("Clear filter", size="sm", min_width=100, elem_id="clear-filter")
    status = html(elem_id="filter-status")
    return Filters(models, tasks, levels, degradations, outcome, flip, malformed, text, tag, saved,
                   save, delete, clear, status)


def build_figures() -> Figures:
    """Lay out tables and charts; every chart stands under a title that says what it shows."""
    headline = html(elem_id="headline")
    mark = html(elem_id="figures-mark")
    with gr.Row(equal_height=False):
        levels = _chart("Accuracy by level of the damage, with 95 % intervals", "level-chart")
        errors = _chart("Error of perceived intensities, matched findings", "error-chart")
    level_table = html(elem_id="level-table")
    robustness = html(elem_id="robustness")
    confusion = _chart(
        "Applied degradations and what they were taken for, percent of each line", "confusion"
    )
    error_table = html(elem_id="error-table")
    return Figures(
        headline, mark, levels, level_table, robustness, confusion, errors, error_table
    )


def build_cases(engines: tuple[Engine, ...]) -> CasePart:
    """Lay out gallery, case, marks and exports."""
    with gr.Row(elem_classes="rr-main", equal_height=False):
        with gr.Column(min_width=320, scale=9, elem_classes="rr-side"):
            gallery = gr.Gallery(
                label="Cases", show_label=False, columns=4, height="auto", allow_preview=False,
                object_fit="cover", format="png", buttons=[], interactive=False,
                elem_id="cases", container=False,
            )
            with gr.Row(elem_classes="rr-keep"):
                back = gr.Button("Page back", size="sm", min_width=90, elem_id="page-back")
                forward = gr.Button("Page on", size="sm", min_width=90, elem_id="page-on")
            with gr.Row(elem_classes="rr-keep"):
                exports = tuple(
                    gr.Button(f"Export {kind}", size="sm", min_width=100,
                              elem_id=f"export-{kind.split()[0].lower()}")
                    for kind in EXPORTS
                )
            file = gr.Textbox(visible="hidden", label="File", elem_id="export-file")
            html(_MARKS)
        with gr.Column(min_width=340, scale=13, elem_classes="rr-side"):
            with gr.Row(elem_classes="rr-keep"):
                previous = _case_button("Previous case", "previous-case")
                following = _case_button("Next case", "next-case")
            head = html(elem_id="case-head")
            with gr.Row(equal_height=False):
                with gr.Column(min_width=240, scale=4):
                    picture = gr.Image(
                        label="Picture as the model saw it", show_label=False, format="png",
                        interactive=False, type="filepath", buttons=["fullscreen"],
                        elem_id="case-picture",
                    )
                    link = html(elem_id="case-link")
                with gr.Column(min_width=280, scale=6):
                    answer = html(elem_id="case-answer")
                    tags = gr.Dropdown([], value=[], multiselect=True, allow_custom_value=True,
                                       label=f"Tags (each up to {MAX_NAME} characters)",
                                       elem_id="case-tags")
                    note = gr.Textbox(label="Note", lines=2, max_lines=8, max_length=MAX_NOTE,
                                      elem_id="case-note")
                    keep = gr.Button("Save tags and note", size="sm", elem_id="save-marks")
                    marked = html(elem_id="marked")
            chain = html(elem_id="case-chain")
            problems = html(elem_id="case-problems")
            score = html(elem_id="case-score")
            chart = _chart("Perceived and applied degradations", "case-chart")
            with gr.Row(elem_classes="rr-ask", equal_height=True):
                model = gr.Dropdown(
                    [(engine.info.label, engine.info.name) for engine in engines],
                    value=engines[0].info.name, label="Model", show_label=False, container=False,
                    filterable=False, min_width=150, elem_id="again-model",
                )
                again = gr.Button("Ask this case again", min_width=150, elem_id="ask-again")
                stop = gr.Button("Stop", min_width=80, elem_id="stop-again")
            rerun = html(elem_id="rerun")
    return CasePart(gallery, back, forward, previous, following, head, picture, link, answer,
                    chain, problems, score, chart, model, again, stop, rerun, tags, note, keep,
                    marked, exports, file)


def _empty(name: str) -> Any:
    return _shown(getattr(Filter(), name))


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _case_button(words: str, id: str) -> gr.Button:
    return gr.Button(f"{words} ({key_of(id)})", size="sm", elem_id=id)


def _chart(title: str, id: str) -> gr.Plot:
    with gr.Column(min_width=320, elem_classes="rr-chart"):
        html(f'<h4 class="rr-chart-title">{title}</h4>')
        return gr.Plot(show_label=False, container=False, elem_id=id, elem_classes="rr-plot")
