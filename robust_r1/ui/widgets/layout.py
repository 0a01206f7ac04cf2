"""Small pieces of layout that every tab uses."""

import time
from collections.abc import Callable, Iterator

import gradio as gr

from robust_r1.engine import Engine
from robust_r1.engine.lazy import LazyEngine
from robust_r1.markup import escape
from robust_r1.ui.shortcuts import keys_list, keys_script

# What the page's own events are to the API: only the named endpoints of `api` are public.
PRIVATE = {"api_visibility": "private"}
# For events whose progress shows nowhere. Told of no place for it, Gradio takes all outputs: it
# writes "Error" over them where a handler raised and, at each message to the page, copies all that
# every component holds which was an output of any event before, 45 ms on a page in use.
QUIET = {"show_progress": "hidden", "show_progress_on": [], **PRIVATE}
_LOOK = 0.5  # seconds between looks at models that are loading
_SWITCH_THEME = "() => { document.body.classList.toggle('dark'); }"


def chosen_in(menu: gr.Dropdown) -> Callable:
    """Return the listener for what a person chooses in a menu.

    A menu of one choice sends `input` whenever it loses the focus, chosen in or not, and again for
    each answer that updates it; `select` it sends for a choice alone, by Enter too with the help of
    `keys`. A menu of several choices sends `input` as it should, and `select` before its value is
    there.
    """
    return menu.input if menu.multiselect else menu.select


def html(value: str = "", **options) -> gr.HTML:
    """Make a `gr.HTML` that shows a value and does nothing else: no template, no script."""
    return gr.HTML(value, js_on_load=None, apply_default_css=False, container=False, **options)


def build_header(page: gr.Blocks, engines: tuple[Engine, ...]) -> None:
    """Lay out the page's head: its name, what it is for, and why this model answers."""
    with gr.Row(elem_classes="rr-top", equal_height=True):
        html(
            '<header class="rr-head"><h1>Robust-R1</h1><p>Degrade a picture, ask about it, and '
            f"watch the model reason through the damage.</p>{keys_list()}</header>",
            scale=1,
        )
        theme = gr.Button("Light or dark", size="sm", min_width=110, scale=0, elem_id="theme")
    notes = html(_notes(engines), elem_id="notes")
    theme.click(None, None, None, js=_SWITCH_THEME, **PRIVATE)
    page.load(None, None, None, js=keys_script(), **PRIVATE)

    def announce() -> Iterator[str]:
        """Show the engines' notes, also while they are loaded and once more at the end."""
        shown = _notes(engines)
        yield shown
        waiting = [engine for engine in engines if isinstance(engine, LazyEngine)]
        while any(engine.loading for engine in waiting):
            time.sleep(_LOOK)
            if (notes := _notes(engines)) != shown:
                shown = notes
                yield shown
        yield _notes(engines)

    page.load(announce, None, notes, concurrency_limit=None, **QUIET)


def _notes(engines: tuple[Engine, ...]) -> str:
    notes = dict.fromkeys(engine.note for engine in engines if engine.note)
    return "".join(f'<p class="rr-note">{escape(note)}</p>' for note in notes)
