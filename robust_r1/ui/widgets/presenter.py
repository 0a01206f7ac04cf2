"""The presenter view: Explore's own components laid out anew for a projector, by an attribute.

`data-view="presenter"` on the body is all of it: styles/presenter.css lays out, the address keeps
it as `view=presenter`, and a slider that is let go asks again.
"""

import gradio as gr

from robust_r1.ui.widgets.layout import PRIVATE

BUTTON = VIEW = "presenter"  # the button's id, and the value of `view` in the address
_TURN = "() => window.dispatchEvent(new Event('rr-presenter'))"
_SCRIPT = """() => {
  const KEY = 'view', VIEW = 'VALUE', PAUSE = 400;  // ms between two steps of a slider by keys
  const button = document.getElementById('BUTTON'), ask = () => document.getElementById('ask');
  const turn = (on) => {
    if (on) document.querySelector('#tabs [role=tab]')?.click();
    if (on) document.body.dataset.view = VIEW; else delete document.body.dataset.view;
    button.textContent = on ? 'Leave presenter view' : 'Presenter view';
    const query = new URLSearchParams(location.search);
    if (on) query.set(KEY, VIEW); else query.delete(KEY);
    history.replaceState(null, '', query.size ? `?${query}` : location.pathname);
    window.dispatchEvent(new Event('resize'));
  };
  window.addEventListener('rr-presenter', () => turn(!document.body.dataset.view));
  if (new URLSearchParams(location.search).get(KEY) === VIEW) turn(true);
  // An answer that is on its way is finished first: it was asked for, and is quick where this is
  // used; the newest settings are asked about then.
  let timer = null;
  const askAgain = () => {
    if (!document.body.dataset.view) return;
    if (ask().disabled) timer = setTimeout(askAgain, PAUSE / 4);
    else ask().click();
  };
  document.addEventListener('change', (event) => {
    if (!document.body.dataset.view || !event.target.closest?.('.rr-slider')) return;
    clearTimeout(timer);
    timer = setTimeout(askAgain, PAUSE);
  });
}"""


def build_presenter_button() -> gr.Button:
    """Lay out and wire the button that turns the view on and off."""
    button = gr.Button(
        "Presenter view", size="sm", min_width=110, scale=0, elem_id=BUTTON
    )
    button.click(None, None, None, js=_TURN, **PRIVATE)
    return button


def presenter_script() -> str:
    """Return the script of the view, for the load of the page."""
    return _SCRIPT.replace("BUTTON", BUTTON).replace("VALUE", VIEW)
