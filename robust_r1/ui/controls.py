"""The Explore tab's components: what is where. Nothing here reacts to anything."""

from dataclasses import dataclass

import gradio as gr

from robust_r1.degradations import PRESETS, SPECS, STAGES
from robust_r1.engine import Engine, GenerationSettings
from robust_r1.ui.chain_view import answer_cards, chain_cards, status_line
from robust_r1.ui.charts import empty_chart
from robust_r1.ui.examples import Example
from robust_r1.ui.links import MAX_SEED
from robust_r1.ui.markup import escape
from robust_r1.ui.picker import build_picker
from robust_r1.ui.score_view import score_line

_STAGE_TITLES = {
    "acquisition": "Acquisition",
    "transmission": "Transmission",
    "environment": "Environment",
    "postprocessing": "Postprocessing",
}
_DEFAULTS = GenerationSettings()
CHART_HINT = "Nothing to compare yet."
_SWITCH_THEME = "() => { document.body.classList.toggle('dark'); }"


@dataclass(frozen=True)
class PictureSide:
    """Hold the components of the left side: the picture and what is done to it."""

    compare: gr.ImageSlider
    caption: gr.HTML
    gallery: gr.Gallery
    own: gr.Image
    preset: gr.Dropdown
    draw: gr.Button
    reset: gr.Button
    seed: gr.Number
    sliders: tuple[gr.Slider, ...]


@dataclass(frozen=True)
class AskSide:
    """Hold the components of the right side: the question and what became of it."""

    question: gr.Textbox
    suggestions: gr.Dataset
    choices: gr.Textbox
    truth: gr.Textbox
    model: gr.Dropdown
    max_tokens: gr.Slider
    temperature: gr.Slider
    top_p: gr.Slider
    sampling_seed: gr.Number
    also_clean: gr.Checkbox
    ask: gr.Button
    stop: gr.Button
    leave: gr.Button
    notice: gr.HTML
    status: gr.HTML
    chain: gr.HTML
    answer: gr.HTML
    chart: gr.Plot
    problems: gr.HTML
    score: gr.HTML
    clean_fold: gr.Accordion
    clean_chain: gr.HTML
    raw: gr.Textbox
    download: gr.DownloadButton
    link: gr.Button


def html(value: str = "", **options) -> gr.HTML:
    """Make a `gr.HTML` that shows a value and does nothing else: no template, no script."""
    return gr.HTML(value, js_on_load=None, apply_default_css=False, container=False, **options)


def build_picture_side(examples: tuple[Example, ...], thumbnails: list) -> PictureSide:
    """Lay out the left side."""
    compare = gr.ImageSlider(
        label="Clean and degraded picture", show_label=False, format="png", type="filepath",
        height=420, max_height=420, interactive=False, buttons=["download", "fullscreen"],
        elem_id="compare",
    )
    caption = html(elem_id="caption")
    with gr.Row(equal_height=True, elem_classes="rr-sources"):
        gallery = gr.Gallery(
            value=thumbnails, label="Example pictures", show_label=False, columns=len(examples),
            rows=1, height="auto", allow_preview=False, object_fit="cover", buttons=[],
            interactive=False, format="png", fit_columns=False, elem_id="gallery", scale=4,
            container=False,
        )
        own = build_picker(
            label="Your picture", sources=["upload", "webcam", "clipboard"],
            format="png", height=116, buttons=[], elem_id="own", scale=1, min_width=180,
            placeholder="Drop or choose a picture",
        )
    with gr.Row(elem_classes="rr-tools"):
        preset = gr.Dropdown(
            choices=[("Presets", ""), *((name.capitalize(), name) for name in PRESETS)],
            value="", label="Preset", show_label=False, container=False, min_width=150,
            elem_id="preset", filterable=False,
        )
        draw = gr.Button("Draw at random", size="sm", min_width=110, elem_id="draw")
        reset = gr.Button("Reset", size="sm", min_width=70, elem_id="reset")
        seed = gr.Number(
            0, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=100,
            elem_id="seed", container=True,
        )
    return PictureSide(
        compare, caption, gallery, own, preset, draw, reset, seed, _build_sliders()
    )


def _build_sliders() -> tuple[gr.Slider, ...]:
    sliders = []
    with gr.Row(elem_classes="rr-stages", equal_height=False):
        for stage in STAGES:
            with gr.Column(elem_classes=["rr-stage", f"rr-stage-{stage}"], min_width=190):
                html(f"<h4>{_STAGE_TITLES[stage]}</h4>")
                sliders += [
                    gr.Slider(
                        0, 1, 0, step=0.01, label=spec.label, elem_id=f"slider-{spec.id}",
                        elem_classes="rr-slider", min_width=120,
                    )
                    for spec in SPECS
                    if spec.stage == stage
                ]
    return tuple(sliders)


def build_ask_side(engines: tuple[Engine, ...]) -> AskSide:
    """Lay out the right side."""
    question = gr.Textbox(
        label="Question", placeholder="What do you want to know about the picture?", lines=2,
        max_lines=4, elem_id="question", max_length=4000,
    )
    suggestions = gr.Dataset(
        components=[gr.Textbox(visible=False)], samples=[[""]], type="index",
        label="Questions that fit this picture", show_label=False, elem_id="suggestions",
        samples_per_page=6, container=False,
    )
    with gr.Accordion("Answer choices and known answer", open=False, elem_id="details"), gr.Row():
        choices = gr.Textbox(
            label="Choices, one a line", lines=3, max_lines=8, elem_id="choices",
            placeholder="none: an open question", min_width=140,
        )
        truth = gr.Textbox(
            label="Known answer", elem_id="truth", min_width=140,
            placeholder="none: the answer is not scored",
        )
    with gr.Row(elem_classes="rr-ask", equal_height=True):
        model = gr.Dropdown(
            choices=[(engine.info.label, engine.info.name) for engine in engines],
            value=engines[0].info.name, label="Model", show_label=False, container=False,
            filterable=False, min_width=150, scale=2, elem_id="model",
        )
        also_clean = gr.Checkbox(
            label="Also ask the clean picture", container=False, min_width=150, scale=2,
            elem_id="also-clean",
        )
        stop = gr.Button("Stop", interactive=False, min_width=80, scale=1, elem_id="stop")
        leave = gr.Button("Leave queue", visible=False, min_width=80, scale=1, elem_id="leave")
        ask = gr.Button("Ask", variant="primary", min_width=110, scale=1, elem_id="ask")
    with gr.Accordion("Generation settings", open=False, elem_id="settings"), gr.Row():
        max_tokens = gr.Slider(
            16, 2048, _DEFAULTS.max_new_tokens, step=16, label="Longest answer, tokens",
            min_width=150,
        )
        temperature = gr.Slider(
            0, 2, _DEFAULTS.temperature, step=0.05, label="Temperature (0: greedy)", min_width=150
        )
        top_p = gr.Slider(0.05, 1, _DEFAULTS.top_p, step=0.05, label="Top p", min_width=150)
        sampling_seed = gr.Number(
            _DEFAULTS.seed, label="Sampling seed", precision=0, minimum=0, maximum=MAX_SEED,
            min_width=120,
        )
    notice = html(elem_id="notice")
    status = html(status_line(None), elem_id="status")
    chain = html(chain_cards(None), elem_id="chain")
    with gr.Row(elem_classes="rr-verdicts", equal_height=True):
        with gr.Column(min_width=260, scale=5):
            answer = html(answer_cards(None), elem_id="answer")
            problems = html(elem_id="problems")
        with gr.Column(min_width=300, scale=6, elem_classes="rr-chart"):
            html('<h4 class="rr-chart-title">Perceived and applied degradations</h4>')
            chart = gr.Plot(
                empty_chart(CHART_HINT), show_label=False, container=False, elem_id="chart"
            )
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
    return AskSide(
        question, suggestions, choices, truth, model, max_tokens, temperature, top_p,
        sampling_seed, also_clean, ask, stop, leave, notice, status, chain, answer, chart, problems,
        score, clean_fold, clean_chain, raw, download, link,
    )


def build_header(engines: tuple[Engine, ...]) -> None:
    """Lay out the page's head: its name, what it is for, and why this model answers."""
    notes = "".join(f'<p class="rr-note">{escape(engine.note)}</p>' for engine in engines
                    if engine.note)
    with gr.Row(elem_classes="rr-top", equal_height=True):
        html(
            '<header class="rr-head"><h1>Robust-R1</h1><p>Degrade a picture, ask about it, and '
            f"watch the model reason through the damage.</p>{notes}</header>",
            scale=1,
        )
        theme = gr.Button("Light or dark", size="sm", min_width=110, scale=0, elem_id="theme")
    theme.click(None, None, None, js=_SWITCH_THEME, api_visibility="private")
