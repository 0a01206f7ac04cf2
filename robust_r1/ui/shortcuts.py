"""The keys of the page: one table, the list that people read, and the script that listens."""

import json
from dataclasses import dataclass

from robust_r1.markup import escape


@dataclass(frozen=True)
class Key:
    """Give a key, what it does in words, and the elements' ids of the buttons that it presses.

    Of the buttons those in sight are pressed; `anywhere` presses the hidden ones where none in
    sight can be. `turns` turns the picture of Explore instead: clean, degraded, clean.
    """

    key: str
    does: str
    buttons: tuple[str, ...] = ()
    anywhere: bool = False
    turns: bool = False


# The tabs, and parts of them, whose buttons come from `working`.
_WORK = ("compare", "sweep", "anatomy", "story", "game")
KEYS = (
    Key("a", "ask, compare, sweep or submit: start what is in sight",
        ("ask", *(f"{tab}-start" for tab in _WORK))),
    Key("s", "stop it, or leave the queue",
        ("stop", "leave", *(f"{tab}-{verb}" for tab in _WORK for verb in ("stop", "leave")),
         "stop-again"), anywhere=True),
    Key("b", "before and after: Explore's clean picture alone, then the degraded one", turns=True),
    Key("v", "presenter view: Explore for a projector, and back", ("presenter",)),
    Key("n", "next case of Analyze", ("next-case",)),
    Key("p", "previous case of Analyze", ("previous-case",)),
)  # fmt: skip
# A touch of the picture brings its two halves back. The state stands on the body, whose attributes
# Gradio leaves alone.
_SCRIPT = """() => {
  const table = TABLE;
  const texts = 'input:not([type=range], [type=checkbox], [type=radio], [type=button]),'
    + 'textarea, select, [contenteditable=true]';
  const turn = () => {
    const picture = document.getElementById('compare');
    if (!picture?.offsetParent || picture.querySelectorAll('img').length < 2) return false;
    document.body.dataset.shown = document.body.dataset.shown === 'clean' ? 'degraded' : 'clean';
    return true;
  };
  const press = (one) => {
    const ready = one.buttons.map((id) => document.getElementById(id))
      .filter((button) => button && !button.disabled);
    const near = ready.filter((button) => button.offsetParent);
    const pressed = near.length || !one.anywhere ? near : ready;
    pressed.forEach((button) => button.click());
    return pressed.length > 0;
  };
  document.addEventListener('keydown', (event) => {
    const one = Object.hasOwn(table, event.key) ? table[event.key] : null;
    if (!one || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.repeat && !one.buttons.includes('next-case')
      && !one.buttons.includes('previous-case')) return;
    if (event.target.closest?.(texts) || document.querySelector('dialog[open]')) return;
    if (one.turns ? turn() : press(one)) event.preventDefault();
  });
  // Gradio tells of a choice made by Enter only as it tells of any loss of the focus (see
  // `blocks.chosen_in`): an Enter on an option becomes a press of it; after typed words it is left
  // alone, since the options may not have followed them yet.
  let typed = false;
  document.addEventListener('focusin', () => { typed = false; });
  document.addEventListener('input', () => { typed = true; }, true);
  document.addEventListener('keydown', (event) => {
    const menu = event.target.closest?.('[role=combobox]');
    if (!menu) return;
    if (event.key.startsWith('Arrow')) typed = false;
    if (event.key !== 'Enter' || typed) return;
    const options = document.getElementById(menu.getAttribute('aria-controls'));
    const option = options?.querySelector('[role=option].active');
    if (!option) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    option.dispatchEvent(new MouseEvent('mousedown', {bubbles: true, cancelable: true}));
  }, true);
  document.addEventListener('pointerdown', (event) => {
    if (event.target.closest?.('#compare')) delete document.body.dataset.shown;
  });
}"""


def key_of(button: str) -> str:
    """Return the key that presses a button, by its element's id; an empty text where none does."""
    return next((one.key for one in KEYS if button in one.buttons), "")


def keys_list() -> str:
    """Draw the list of the keys, on a fold."""
    rows = "".join(
        f"<li><kbd>{escape(one.key)}</kbd> {escape(one.does)}</li>" for one in KEYS
    )
    return f'<details class="rr-keys" id="keys"><summary>Keys</summary><ul>{rows}</ul></details>'


def keys_script() -> str:
    """Return the script that listens to the keys, for the load of the page."""
    table = {
        one.key: {"buttons": one.buttons, "anywhere": one.anywhere, "turns": one.turns}
        for one in KEYS
    }
    return _SCRIPT.replace("TABLE", json.dumps(table))
