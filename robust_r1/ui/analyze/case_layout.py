"""The cases of the Analyze tab: what is where. Nothing here reacts to anything."""

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from robust_r1.engine import Engine
from robust_r1.store import MAX_NAME, MAX_NOTE
from robust_r1.ui.analyze.layout import build_chart
from robust_r1.ui.shortcuts import key_of
from robust_r1.ui.widgets.layout import html
from robust_r1.ui.widgets.old_answer import OldAnswer

EXPORTS = ("CSV", "JSONL", "HTML report")
FIGURES_AS = ("SVG", "PNG")
_MARKS = (
    '<p class="rr-caption">Tags and notes are kept on this server and seen by everybody who uses '
    "it.</p>"
)


@dataclass(frozen=True)
class CasePart:
    """Name the components that show one case and what people wrote about it."""

    gallery: gr.Gallery
    back: gr.Button
    forward: gr.Button
    previous: gr.Button
    next: gr.Button
    head: gr.HTML
    picture: gr.HTML
    link: gr.HTML
    answer: gr.HTML
    runs: gr.HTML
    chain: gr.HTML
    problems: gr.HTML
    score: gr.HTML
    chart: gr.Plot
    model: gr.Dropdown
    again: gr.Button
    stop: gr.Button
    old: OldAnswer
    rerun: gr.HTML
    tags: gr.Dropdown
    note: gr.Textbox
    keep: gr.Button
    marked: gr.HTML
    seen: gr.Textbox
    kept: gr.Textbox
    exports: tuple[gr.Button, ...]
    figures: tuple[gr.Button, ...]
    file: gr.Textbox
    tag: gr.Textbox
    tag_all: gr.Button
    untag_all: gr.Button
    tagged: gr.HTML

    @property
    def shown(self) -> set[Component]:
        """Return what changes with the case."""
        return {self.gallery, self.head, self.picture, self.link, self.answer, self.runs,
                self.chain, self.problems, self.score, self.chart, self.rerun, self.old.mark,
                self.tags, self.note, self.marked, self.seen}  # fmt: skip


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
            with gr.Row(elem_classes="rr-keep"):
                figures = tuple(
                    gr.Button(f"Figure as {kind}", size="sm", min_width=100,
                              elem_id=f"figure-{kind.lower()}")
                    for kind in FIGURES_AS
                )
            file = gr.Textbox(visible="hidden", label="File", elem_id="export-file")
            with gr.Row(elem_classes="rr-keep", equal_height=True):
                tag = gr.Textbox(label="Tag for all that pass the filter", max_length=MAX_NAME,
                                 min_width=160, scale=2, elem_id="tag-all")
                tag_all = gr.Button("Tag all", size="sm", min_width=90, elem_id="tag-them")
                untag_all = gr.Button("Untag all", size="sm", min_width=90, elem_id="untag-them")
            tagged = html(elem_id="tagged")
            html(_MARKS)
        with gr.Column(min_width=340, scale=13, elem_classes="rr-side"):
            with gr.Row(elem_classes="rr-keep"):
                previous = _case_button("Previous case", "previous-case")
                following = _case_button("Next case", "next-case")
            head = html(elem_id="case-head")
            with gr.Row(equal_height=False):
                with gr.Column(min_width=240, scale=4):
                    picture = html(elem_id="case-pictures")
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
                    seen = gr.Textbox(visible="hidden", label="Marks as seen")
                    kept = gr.Textbox(visible="hidden", label="Marks as saved")
            runs = html(elem_id="case-runs")
            chain = html(elem_id="case-chain")
            problems = html(elem_id="case-problems")
            score = html(elem_id="case-score")
            chart = build_chart("Perceived and applied degradations", "case-chart")
            with gr.Row(elem_classes="rr-ask", equal_height=True):
                model = gr.Dropdown(
                    [(engine.info.label, engine.info.name) for engine in engines],
                    value=engines[0].info.name, label="Model", show_label=False, container=False,
                    filterable=False, min_width=150, elem_id="again-model",
                )
                again = gr.Button("Ask this case again", min_width=150, elem_id="ask-again")
                stop = gr.Button("Stop", min_width=80, elem_id="stop-again")
            old = OldAnswer("again")
            rerun = html(elem_id="rerun")
    return CasePart(gallery, back, forward, previous, following, head, picture, link, answer,
                    runs, chain, problems, score, chart, model, again, stop, old, rerun, tags,
                    note, keep, marked, seen, kept, exports, figures, file, tag, tag_all, untag_all,
                    tagged)


def _case_button(words: str, id: str) -> gr.Button:
    return gr.Button(f"{words} ({key_of(id)})", size="sm", elem_id=id)
