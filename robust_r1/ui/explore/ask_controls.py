"""The right side of the Explore tab: what is where. Nothing here reacts to anything."""

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr

from robust_r1.ask.links import MAX_SEED
from robust_r1.engine import Engine, GenerationSettings
from robust_r1.engine.conversation import QUESTION
from robust_r1.ui.widgets.chain import answer_cards, chain_cards, status_line
from robust_r1.ui.widgets.layout import html
from robust_r1.ui.widgets.model_menu import menu_choices
from robust_r1.ui.widgets.more_pictures import Further
from robust_r1.ui.widgets.scores import score_line

_DEFAULTS = GenerationSettings()


@dataclass(frozen=True)
class Question:
    """Hold the components that say what is asked."""

    text: gr.Textbox
    suggestions: gr.Dataset
    choices: gr.Textbox
    truth: gr.Textbox

    @property
    def fields(self) -> list[gr.Textbox]:
        """Return what a person types: the question, its choices, its known answer."""
        return [self.text, self.choices, self.truth]


@dataclass(frozen=True)
class Settings:
    """Hold the components that say how the answer is generated."""

    max_tokens: gr.Slider
    temperature: gr.Slider
    top_p: gr.Slider
    seed: gr.Number
    prompt: gr.Textbox

    @property
    def fields(self) -> list:
        """Return all of them, in the order of `GenerationSettings`, the prompt last."""
        return [self.max_tokens, self.temperature, self.top_p, self.seed, self.prompt]


@dataclass(frozen=True)
class Actions:
    """Hold the components that say who answers, and when."""

    model: gr.Dropdown
    also_clean: gr.Checkbox
    stop: gr.Button
    leave: gr.Button
    ask: gr.Button

    @property
    def buttons(self) -> list[gr.Button]:
        """Return what changes while an answer is on its way."""
        return [self.ask, self.stop, self.leave]


@dataclass(frozen=True)
class Talk:
    """Hold the components of a conversation: what is kept, and what of it is shown."""

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
    """Hold the components that show what became of the question."""

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
            self.clean_fold, self.clean_chain, self.raw, self.download,
        ]


def build_question(
    engines: Mapping[str, Engine], converses: bool
) -> tuple[Question, Settings, Further]:
    """Lay out the question, and below it three folds: choices, how to generate, further pictures.

    With `converses` false, where no model can be asked on, the empty field says so.
    """
    placeholder = "What do you want to know about the picture?"
    text = gr.Textbox(
        label="Question", lines=2,
        placeholder=placeholder if converses else f"{placeholder} Each question stands for itself.",
        max_lines=4, elem_id="question", max_length=4000,
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
            )
        with gr.Accordion("Generation settings", open=False, elem_id="settings"):
            settings = _build_settings()
        further = Further(engines)
    return Question(text, suggestions, choices, truth), settings, further


def _build_settings() -> Settings:
    with gr.Row():
        numbers = (
            gr.Slider(
                16, 2048, _DEFAULTS.max_new_tokens, step=16, label="Longest answer, tokens",
                min_width=150,
            ),
            gr.Slider(
                0, 2, _DEFAULTS.temperature, step=0.05, label="Temperature (0: greedy)",
                min_width=150,
            ),
            gr.Slider(0.05, 1, _DEFAULTS.top_p, step=0.05, label="Top p", min_width=150),
            gr.Number(
                _DEFAULTS.seed, label="Sampling seed", precision=0, minimum=0, maximum=MAX_SEED,
                min_width=120,
            ),
        )
    prompt = gr.Textbox(
        label="Prompt",
        info=f"All that the model is told; {QUESTION} stands for the question and its choices.",
        lines=4, max_lines=16, elem_id="prompt", max_length=4000,
    )
    return Settings(*numbers, prompt)


def build_actions(engines: tuple[Engine, ...]) -> Actions:
    """Lay out the row that asks."""
    with gr.Row(elem_classes="rr-ask", equal_height=True):
        return Actions(
            model=gr.Dropdown(
                choices=menu_choices(engines),
                value=engines[0].info.name, label="Model", show_label=False, container=False,
                filterable=False, min_width=150, scale=2, elem_id="model",
            ),
            also_clean=gr.Checkbox(
                label="Also ask the clean picture", container=False, min_width=150, scale=2,
                elem_id="also-clean",
            ),
            stop=gr.Button("Stop", interactive=False, min_width=80, scale=1, elem_id="stop"),
            leave=gr.Button(
                "Leave queue", visible=False, min_width=80, scale=1, elem_id="leave"
            ),
            ask=gr.Button("Ask", variant="primary", min_width=110, scale=1, elem_id="ask"),
        )


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
        status, chain, answer, problems, hint, chart, score, clean_fold, clean_chain, raw, link,
        download,
    )
