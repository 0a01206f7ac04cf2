"""Go through the page by Tab, as somebody without a mouse does, and say what is wrong there."""

from playwright.sync_api import CDPSession, Page

_MOST = 300  # stops; nobody goes further, and a trap would hold for ever
# Begins before the first element of a place, wherever the focus was.
_BEGIN = """(place) => {
  const start = place ? document.querySelector(place) : document.body;
  document.activeElement?.blur();
  scrollTo(0, 0);
  start.tabIndex = -1;
  start.focus({preventScroll: true});
  start.addEventListener('blur', () => start.removeAttribute('tabindex'), {once: true});
}"""
# Tells of the element that has the focus what somebody who looks at the page would miss: the ring,
# of which an ancestor may cut off a side, the element itself, or a part of it.
_LOOK = """(place) => {
  const one = document.activeElement;
  if (!one || one === document.body || !one.closest(place)) return null;
  const box = one.getBoundingClientRect(), style = getComputedStyle(one), faults = [];
  const ring = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
  const sides = {left: true, top: true, right: true, bottom: true};
  let seen = 1;
  for (let each = one; each && each !== document.body; each = each.parentElement) {
    const its = getComputedStyle(each), room = each.getBoundingClientRect();
    seen *= its.opacity;
    if (each === one || its.display === 'contents') continue;
    if (its.overflowX !== 'visible') {
      sides.left &&= box.left - ring >= room.left - 1;
      sides.right &&= box.right + ring <= room.right + 1;
    }
    if (its.overflowY !== 'visible') {
      sides.top &&= box.top - ring >= room.top - 1;
      sides.bottom &&= box.bottom + ring <= room.bottom + 1;
    }
  }
  const whole = Object.values(sides).filter(Boolean).length;
  if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) faults.push('no ring');
  else if (whole < 3) faults.push('its ring is cut off');
  if (seen < 0.3 || box.width < 6 || box.height < 6) faults.push('not to be seen');
  const fits = box.width <= innerWidth && box.height <= innerHeight;
  const inside = box.left >= -1 && box.right <= innerWidth + 1
    && box.top >= -1 && box.bottom <= innerHeight + 1;
  if (fits && !inside) faults.push('outside of the window');
  const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const own = hit && (one.contains(hit) || hit.contains(one)
    || hit.closest('[role=listbox]')  // a menu's list, which closes as the focus goes on
    || [...one.labels ?? []].some((label) => label.contains(hit)));
  const name = hit && `${hit.tagName}#${hit.closest('[id]')?.id}.${hit.className}`.slice(0, 60);
  if (fits && inside && !own) faults.push(`covered by ${name}`);
  return {html: one.outerHTML.slice(0, 160), faults};
}"""


def walk(page: Page, place: str = "body") -> tuple[int, list[str]]:
    """Press Tab through a place (a CSS selector); return how many stops there are, and the faults.

    A fault is a stop without a name, without a ring, covered, or outside of the window.
    """
    session, keys = page.context.new_cdp_session(page), page.keyboard
    faults, stops = [], 0
    page.evaluate(_BEGIN, place)
    keys.press("Tab")
    while (found := page.evaluate(_LOOK, place)) and stops < _MOST:
        stops, named = stops + 1, _name(session)
        told = found["faults"] if named else ["no name", *found["faults"]]
        faults += [f"{', '.join(told)}: {named} {found['html']}"] if told else []
        keys.press("Tab")
    session.detach()
    return stops, faults


def _name(session: CDPSession) -> str:
    """Return what a screen reader calls the element that has the focus."""
    focused = session.send("Runtime.evaluate", {"expression": "document.activeElement"})
    wanted = {"objectId": focused["result"]["objectId"], "fetchRelatives": False}
    (node,) = session.send("Accessibility.getPartialAXTree", wanted)["nodes"]
    return node.get("name", {}).get("value", "").strip()
