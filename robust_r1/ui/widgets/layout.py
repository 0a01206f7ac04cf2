"""Small pieces of layout, and the options of events, that every tab uses."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

# What handlers get and return, by component. A handler of one output returns its value alone:
# Gradio takes dictionaries for several only.
Values = Mapping[Component, Any]
Updates = dict[Component, Any]

# What the page's own events are to the API: only the named endpoints of `api` are public.
PRIVATE = {"api_visibility": "private"}
# For events whose progress shows nowhere. Told of no place for it, Gradio takes all outputs: it
# writes "Error" over them where a handler raised and, at each message to the page, copies all that
# every component holds which was an output of any event before, 45 ms on a page in use.
QUIET = {"show_progress": "hidden", "show_progress_on": [], **PRIVATE}
# For what is done in a moment and must not wait behind a model.
UNQUEUED = {"queue": False, **QUIET}


def chosen_in(menu: gr.Dropdown) -> Callable:
    """Return the listener for what a person chooses in a menu.

    A menu of one choice sends `input` whenever it loses the focus, chosen in or not, and again for
    each answer that updates it; `select` it sends for a choice alone, by Enter too with the help of
    `shortcuts`. A menu of several choices sends `input` as it should, and `select` before its
    value is there.
    """
    return menu.input if menu.multiselect else menu.select


def html(value: str = "", **options: Any) -> gr.HTML:
    """Make a `gr.HTML` that shows a value and does nothing else: no template, no script."""
    return gr.HTML(value, js_on_load=None, apply_default_css=False, container=False, **options)
