"""Links to a tab and its state: ?tab=sweep&example=...; a picture of one's own never travels."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

import gradio as gr
from gradio.events import Dependency

from robust_r1.errors import InputError
from robust_r1.ui.widgets.layout import PRIVATE, QUIET
from robust_r1.ui.widgets.presenter import VIEW
from robust_r1.ui.widgets.toasts import warn

_KEY = "tab"
# A link's tab that is yet to be shown. Events tell the server the address as it is by then, so that
# a tab which is in sight meanwhile must not write its own.
_OPENING = """() => {
  const name = new URLSearchParams(location.search).get('tab');
  if (NAMES.includes(name)) document.body.dataset.opening = name;
}"""


def write_address(element: str) -> str:
    """Return the script that writes a query string into the address, without a step in its history.

    Not while another tab is open, whose address it is then: `element` is the id of one that is in
    sight with its own tab alone. And not before a link's tab is shown, see `open_tab`. The
    presenter view stays in it.
    """
    return f"""(query) => {{
  const shown = document.getElementById('{element}')?.offsetParent;
  if (!shown || !query || document.body.dataset.opening) return;
  const presented = new URLSearchParams(location.search).get('view') === '{VIEW}';
  const kept = presented ? '&view={VIEW}' : '';
  history.replaceState(null, '', location.pathname + query + kept);
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

    page.load(None, None, None, js=_OPENING.replace("NAMES", json.dumps(sorted(known))), **PRIVATE)
    others = known - set(opened)
    first = page.load(choosing(others), None, tabs, **QUIET)
    shown = [event.then(choosing([name]), None, tabs, **QUIET) for name, event in opened.items()]
    for event, names in zip((first, *shown), (others, *([name] for name in opened)), strict=True):
        event.then(None, None, None, js=_opened(names), **PRIVATE)
    return shown


def _opened(names: Collection[str]) -> str:
    """Return the script that says that one of these tabs is shown, if a link named it."""
    return f"""() => {{
  if ({json.dumps(sorted(names))}.includes(document.body.dataset.opening)) {{
    delete document.body.dataset.opening;
  }}
}}"""


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
