"""Links to a tab and its state: ?tab=sweep&example=...; a picture of one's own never travels.

Explore and Analyze keep the address up to date by themselves; the other tabs give a link on
request.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from robust_r1.ask import links
from robust_r1.errors import InputError
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, UNQUEUED, Values
from robust_r1.ui.widgets.toasts import warn

_KEY = "tab"
_COPY = """async (query) => {
  history.replaceState(null, '', location.pathname + query);
  try { await navigator.clipboard.writeText(location.href); return 'Link copied'; }
  catch (error) { return 'Copy it from the address bar'; }
}"""


def write_address(element: str) -> str:
    """Return the script that writes a query string into the address, without a step in its history.

    Not while another tab is open, whose address it is then: `element` is the id of one that is in
    sight with its own tab alone.
    """
    return f"""(query) => {{
  const shown = document.getElementById('{element}')?.offsetParent;
  if (shown && query) history.replaceState(null, '', location.pathname + query);
}}"""


def open_tab(page: gr.Blocks, tabs: gr.Tabs, opened: Mapping[str, Dependency]) -> list[Dependency]:
    """Show the tab that a link names, as soon as the page is there.

    Args:
        opened: by tab, the event that puts a link's values into its fields. Such a tab is shown
            after that: fields that come in sight at the same moment put their first values back.

    Returns:
        The events that show these tabs, in their order.
    """
    known = {child.id for child in tabs.children if isinstance(child, gr.Tab)}

    def choosing(names: Collection[str]) -> Callable:
        def choose(request: gr.Request) -> gr.Tabs | dict:
            name = request.query_params.get(_KEY, "")
            return gr.Tabs(selected=name) if name in names else gr.skip()

        return choose

    page.load(choosing(known - set(opened)), None, tabs, **QUIET)
    return [
        event.then(choosing([name]), None, tabs, **QUIET) for name, event in opened.items()
    ]


def values_of(request: gr.Request | None, tab: str) -> dict[str, str] | None:
    """Return the values of a link by key; None where it does not name this tab."""
    pairs = dict(request.query_params.multi_items()) if request else {}
    return pairs if pairs.get(_KEY) == tab else None


def read_value(
    values: Mapping[str, str], key: str, read: Callable[[str], Any], default: Any = None
) -> Any:
    """Read one value of a link; one that cannot be used is said in a toast and left out."""
    if not values.get(key):
        return default
    try:
        return read(values[key])
    except InputError as error:
        warn(f"The link's {key} was left out: {error}")
        return default


def build_link(
    tab: str, describe: Callable[[Values], Mapping[str, str]], inputs: set[Component]
) -> None:
    """Lay out and wire a button that copies the link of what `describe` returns for `inputs`."""
    query = gr.Textbox(visible="hidden", elem_id=f"{tab}-query", label="Link")
    button = gr.Button("Copy link", size="sm", min_width=100, elem_id=f"{tab}-link")

    def write(values: Values) -> str:
        return links.query_string([(_KEY, tab), *describe(values).items()])

    written = button.click(write, inputs, query, **UNQUEUED)
    written.then(None, query, button, js=_COPY, **PRIVATE)
