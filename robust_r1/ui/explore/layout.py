"""The Explore tab: what is where, left side and right side. Nothing here reacts to anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from robust_r1.ask.case import MAX_SEED
from robust_r1.ask.examples import Example, Suggestion
from robust_r1.degradations import PRESETS, DegradationPlan
from robust_r1.engine import Engine, GenerationSettings
from robust_r1.engine.conversation import MAX_QUESTION, QUESTION
from robust_r1.ui.widgets.chain import answer_cards, chain_cards, status_line
from robust_r1.ui.widgets.changed import changed_row
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.further_pictures import FurtherPictures
from robust_r1.ui.widgets.layout import html
from robust_r1.ui.widgets.model_menu import menu_choices
from robust_r1.ui.widgets.old_answer import OldAnswer
from robust_r1.ui.widgets.picture_input import build_sources, thumbnails
from robust_r1.ui.widgets.plan_input import Sliders, build_sliders, checked_seed
from robust_r1.ui.widgets.scores import score_line

SLIDER = "slider"  # begins the ids of the sliders' elements
SWAP, MEASURED = "swap", "measured"  # hidden buttons that a script presses


@dataclass(frozen=True)
class PictureSide:
    """Name the components of the left side: the picture and what is done to it."""

    compare: gr.ImageSlider
    inset: gr.HTML
    swap: gr.Button
    swapped: gr.State
    measured: gr.Button
    screen: gr.Textbox
    caption: gr.HTML
    changed: gr.HTML
    gallery: gr.Gallery
    own: gr.Image
    preset: gr.Dropdown
    draw: gr.Button
    reset: gr.Button
    seed: gr.Number
    sliders: Sliders

    @property
    def damage(self) -> set[Component]:
        """Return what says what is done to the picture."""
        return {self.seed, *self.sliders.all}


def build_picture_side(
    examples: tuple[Example, ...], below: Callable[[], object]
) -> PictureSide:
    """Lay out the left side; `below` lays out what stands right under the picture."""
    with gr.Column(elem_classes="rr-stay", elem_id="picture"):
        compare = gr.ImageSlider(
            label="Clean and degraded picture", show_label=False, format="png", type="filepath",
            height=420, max_height=420, interactive=False, buttons=["download", "fullscreen"],
            elem_id="compare", elem_classes="rr-before-after",
        )
        inset = html(elem_id="inset")
        swap = gr.Button("Swap the two pictures", visible="hidden", elem_id=SWAP)
        measured = gr.Button("Draw at this size", visible="hidden", elem_id=MEASURED)
    swapped = gr.State(False)
    screen = gr.Textbox(visible="hidden", elem_id="screen", label="Screen")
    caption = html(elem_id="caption")
    below()
    gallery, own = build_sources(examples, thumbnails(examples))
    with gr.Row(elem_classes="rr-tools"):
        preset = gr.Dropdown(
            choices=[("Presets", ""), *((name.capitalize(), name) for name in PRESETS)],
            value="", label="Preset", show_label=False, container=False, min_width=150,
            elem_id="preset", filterable=False,
        )
        draw = gr.Button("Random draw", size="sm", min_width=90, elem_id="draw")
        reset = gr.Button("Reset", size="sm", min_width=70, elem_id="reset")
        seed = gr.Number(
            0, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=100,
            elem_id="seed", container=True,
        )
    changed = html(changed_row(DegradationPlan(), SLIDER), elem_id="changed")
    return PictureSide(
        compare, inset, swap, swapped, measured, screen, caption, changed, gallery, own, preset,
        draw, reset, seed, build_sliders(SLIDER),
    )


@dataclass(frozen=True)
class Question:
    """Name the components that say what is asked."""

    text: gr.Textbox
    suggestions: gr.Dataset
    choices: gr.Textbox
    truth: gr.Textbox

    @property
    def fields(self) -> set[Component]:
        """Return what a person types: the question, its choices, its known answer."""
        return {self.text, self.choices, self.truth}

    def fill(self, suggestion: Suggestion) -> dict[Component, str]:
        """Return the updates that fill in a suggested question."""
        return {
            self.text: suggestion.text,
            self.choices: "\n".join(suggestion.choices),
            self.truth: suggestion.answer,
        }


@dataclass(frozen=True)
class Settings:
    """Name the components that say how the answer is generated."""

    max_tokens: gr.Slider
    temperature: gr.Slider
    top_p: gr.Slider
    seed: gr.Number
    prompt: gr.Textbox

    @property
    def all(self) -> tuple[Component, ...]:
        """Return all of them, in their order on the page."""
        return (self.max_tokens, self.temperature, self.top_p, self.seed, self.prompt)

    @property
    def fields(self) -> set[Component]:
        """Return all of them."""
        return set(self.all)

    def read(self, values: Mapping[Component, Any]) -> GenerationSettings:
        """Return the settings that the fields show; raise InputError for one out of range."""
        return GenerationSettings(
            int(values[self.max_tokens]), float(values[self.temperature]),
            float(values[self.top_p]), checked_seed(values[self.seed]),
        )


@dataclass(frozen=True)
class Actions:
    """Name the components that say who answers, and when."""

    model: gr.Dropdown
    also_clean: gr.Checkbox
    eyes: gr.Checkbox
    stop: gr.Button
    leave: gr.Button
    ask: gr.Button

    @property
    def buttons(self) -> list[gr.Button]:
        """Return what changes while an answer is on its way."""
        return [self.ask, self.stop, self.leave]


@dataclass(frozen=True)
class Talk:
    """Name the components of a conversation: what is kept, and what of it is shown."""

    kept: gr.State
    box: gr.Column
    note: gr.HTML
    clear: gr.Button
    turns: gr.HTML

    @property
    def outputs(self) -> list:
        """Return what a question and Clear write to."""
        return [self.kept, self.box, self.note, self.clear, self.turns]


@dataclass(frozen=True)
class Results:
    """Name the components that show what became of the question."""

    old: OldAnswer
    status: gr.HTML
    chain: gr.HTML
    answer: gr.HTML
    problems: gr.HTML
    hint: gr.HTML
    chart: gr.Plot
    score: gr.HTML
    clean_fold: gr.Accordion
    clean_chain: gr.HTML
    raw: gr.Textbox
    link: gr.Button
    download: gr.DownloadButton

    @property
    def outputs(self) -> list:
        """Return what an answer writes to."""
        return [
            self.status, self.chain, self.answer, self.problems, self.hint, self.chart, self.score,
            self.clean_fold, self.clean_chain, self.raw, self.download, *self.old.outputs,
        ]


def build_question(
    engines: Mapping[str, Engine], converses: bool
) -> tuple[Question, Settings, FurtherPictures]:
    """Lay out the question, and below it three folds: choices, how to generate, further pictures.

    With `converses` false, where no model can be asked on, the empty field says so.
    """
    placeholder = "What do you want to know about the picture?"
    text = gr.Textbox(
        label="Question", lines=2,
        placeholder=placeholder if converses else f"{placeholder} Each question stands for itself.",
        max_lines=4, elem_id="question", max_length=MAX_QUESTION,
    )
    suggestions = gr.Dataset(
        components=[gr.Textbox(visible=False)], samples=[[""]], type="index",
        label="Questions that fit this picture", show_label=False, elem_id="suggestions",
        samples_per_page=6, container=False,
    )
    with gr.Row(elem_classes="rr-folds"):
        with gr.Accordion("Choices and known answer", open=False, elem_id="details"), gr.Row():
            choices = gr.Textbox(
                label="Choices, one a line", lines=3, max_lines=8, elem_id="choices",
                placeholder="none: an open question", min_width=140,
            )
            truth = gr.Textbox(
                label="Known answer", elem_id="truth", min_width=140,
                placeholder="none: the answer is not scored",
                info="A choice's text, or its number from 0.",
            )
        with gr.Accordion("Generation settings", open=False, elem_id="settings"):
            settings = _build_settings(next(iter(engines.values())).info.defaults)
        further = FurtherPictures(engines)
    return Question(text, suggestions, choices, truth), settings, further


def _build_settings(defaults: GenerationSettings) -> Settings:
    with gr.Row():
        numbers = (
            gr.Slider(
                16, 2048, defaults.max_new_tokens, step=16, label="Longest answer, tokens",
                min_width=150,
            ),
            gr.Slider(
                0, 2, defaults.temperature, step=0.05, label="Temperature (0: greedy)",
                min_width=150,
            ),
            gr.Slider(0.05, 1, defaults.top_p, step=0.05, label="Top p", min_width=150),
            gr.Number(
                defaults.seed, label="Sampling seed", precision=0, minimum=0, maximum=MAX_SEED,
                min_width=120,
            ),
        )
    prompt = gr.Textbox(
        label="Prompt",
        info=f"All that the model is told; {QUESTION} stands for the question and its choices.",
        lines=4, max_lines=16, elem_id="prompt", max_length=MAX_QUESTION,
    )
    return Settings(*numbers, prompt)


def build_actions(engines: tuple[Engine, ...], eyes: PageEyes) -> Actions:
    """Lay out the row that asks."""
    with gr.Row(elem_classes="rr-ask", equal_height=True):
        model = gr.Dropdown(
            choices=menu_choices(engines),
            value=engines[0].info.name, label="Model", show_label=False, container=False,
            filterable=False, min_width=150, scale=2, elem_id="model",
        )
        with gr.Column(min_width=150, scale=2, elem_classes="rr-ways"):
            also_clean = gr.Checkbox(
                label="Also ask the clean picture", container=False, min_width=150,
                elem_id="also-clean",
            )
            switch = eyes.build(engines[0], "eyes")
        stop = gr.Button("Stop", interactive=False, min_width=80, scale=1, elem_id="stop")
        leave = gr.Button("Leave queue", visible=False, min_width=80, scale=1, elem_id="leave")
        ask = gr.Button("Ask", variant="primary", min_width=110, scale=1, elem_id="ask")
    return Actions(model, also_clean, switch, stop, leave, ask)


def build_talk() -> Talk:
    """Lay out the conversation above its newest answer; hidden until there is one."""
    kept = gr.State(None)
    with gr.Column(visible=False, elem_id="talk") as box:
        with gr.Row(elem_classes="rr-talk-head", equal_height=True):
            note = html(elem_id="talk-note")
            clear = gr.Button("Clear", size="sm", min_width=70, scale=0, elem_id="clear")
        turns = html(elem_id="turns")
    return Talk(kept, box, note, clear, turns)


def build_results() -> Results:
    """Lay out status, chain, answer beside the chart, scores, and what can be kept."""
    old = OldAnswer("answer")
    status = html(status_line(None), elem_id="status")
    chain = html(chain_cards(None), elem_id="chain")
    with gr.Row(elem_classes="rr-verdicts", equal_height=True):
        with gr.Column(min_width=260, scale=5):
            answer = html(answer_cards(None), elem_id="answer")
            problems = html(elem_id="problems")
        with gr.Column(min_width=300, scale=6, elem_classes="rr-chart"):
            html('<h4 class="rr-chart-title">Perceived and applied degradations</h4>')
            hint = html('<p class="rr-hint">Nothing to compare yet.</p>')
            # Hidden until there is something to draw: Plotly is by far the largest script.
            chart = gr.Plot(show_label=False, container=False, visible=False, elem_id="chart")
    score = html(score_line(None), elem_id="score")
    with gr.Accordion("Chain for the clean picture", open=True, visible=False) as clean_fold:
        clean_chain = html(elem_id="clean-chain")
    with gr.Accordion("Raw text", open=False, elem_id="raw-fold"):
        raw = gr.Textbox(
            show_label=False, lines=4, max_lines=20, interactive=False, buttons=["copy"],
            container=False, elem_id="raw", label="Raw text",
        )
    with gr.Row(elem_classes="rr-keep"):
        link = gr.Button("Copy link", size="sm", min_width=100, elem_id="copy-link")
        download = gr.DownloadButton(
            "Download JSON", size="sm", min_width=120, interactive=False, elem_id="download"
        )
    return Results(
        old, status, chain, answer, problems, hint, chart, score, clean_fold, clean_chain, raw,
        link, download,
    )
