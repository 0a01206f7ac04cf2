"""The left side of the Explore tab: what is where. Nothing here reacts to anything."""

from dataclasses import dataclass

import gradio as gr

from robust_r1.ask.examples import Example
from robust_r1.ask.links import MAX_SEED
from robust_r1.degradations import PRESETS, SPECS, STAGES
from robust_r1.ui.widgets.layout import html
from robust_r1.ui.widgets.picture_input import build_picker


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


def build_picture_side(examples: tuple[Example, ...], thumbnails: list) -> PictureSide:
    """Lay out the left side."""
    compare = gr.ImageSlider(
        label="Clean and degraded picture", show_label=False, format="png", type="filepath",
        height=420, max_height=420, interactive=False, buttons=["download", "fullscreen"],
        elem_id="compare",
    )
    caption = html(elem_id="caption")
    gallery, own = build_sources(examples, thumbnails)
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
    return PictureSide(
        compare, caption, gallery, own, preset, draw, reset, seed, build_sliders("slider")
    )


def build_sources(
    examples: tuple[Example, ...], thumbnails: list, tab: str = "", selected: int | None = None
) -> tuple[gr.Gallery, gr.Image]:
    """Lay out where pictures come from: the examples, and a person's own.

    `tab` begins the elements' ids, which a page has only once; `selected` is the index of the
    example that is chosen from the start.
    """
    with gr.Row(equal_height=True, elem_classes="rr-sources"):
        gallery = gr.Gallery(
            value=thumbnails, label="Example pictures", show_label=False, columns=len(examples),
            rows=1, height="auto", allow_preview=False, object_fit="cover", buttons=[],
            interactive=False, format="png", fit_columns=False, elem_id=f"{tab}gallery",
            elem_classes="rr-gallery", scale=4, container=False, selected_index=selected,
        )
        own = build_picker(
            label="Your picture", sources=["upload", "webcam", "clipboard"],
            format="png", height=116, buttons=[], elem_id=f"{tab}own", elem_classes="rr-own",
            scale=1, min_width=180, placeholder="Drop or choose a picture",
        )
    return gallery, own


def build_sliders(kind: str) -> tuple[gr.Slider, ...]:
    """Lay out a slider for each degradation, by stage; `kind` begins the elements' ids."""
    sliders = []
    with gr.Row(elem_classes="rr-stages", equal_height=False):
        for stage in STAGES:
            with gr.Column(elem_classes=["rr-stage", f"rr-stage-{stage}"], min_width=190):
                html(f"<h4>{stage.capitalize()}</h4>")
                sliders += [
                    gr.Slider(
                        0, 1, 0, step=0.01, label=spec.label, elem_id=f"{kind}-{spec.id}",
                        elem_classes="rr-slider", min_width=120,
                    )
                    for spec in SPECS
                    if spec.stage == stage
                ]
    return tuple(sliders)
