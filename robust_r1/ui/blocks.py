"""Small pieces of layout that every tab uses."""

import gradio as gr

from robust_r1.engine import Engine
from robust_r1.ui.markup import escape

# What the page's own events are to the API: only the named endpoints of `api` are public.
PRIVATE = {"api_visibility": "private"}
_SWITCH_THEME = "() => { document.body.classList.toggle('dark'); }"


def html(value: str = "", **options) -> gr.HTML:
    """Make a `gr.HTML` that shows a value and does nothing else: no template, no script."""
    return gr.HTML(value, js_on_load=None, apply_default_css=False, container=False, **options)


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
    theme.click(None, None, None, js=_SWITCH_THEME, **PRIVATE)
