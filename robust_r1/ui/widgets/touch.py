"""Touch: a finger that scrolls past a slider or the picture sets nothing there.

A browser sets a slider to where a finger comes down, before it is known whether the finger scrolls,
and Gradio's picture slider takes every touch for itself, so that the page cannot be scrolled from
it. Both are left to the finger once it has moved sideways; a mouse sets as before.
"""

_SCRIPT = """() => {
  const SIDEWAYS = 8;  // pixels before a movement has a direction
  const RANGE = 'input[type=range]', PICTURE = '.rr-before-after';
  let held = null;  // what one finger came down on, until it leaves
  const point = (event) => event.changedTouches[0];
  const putBack = () => { if (held?.range && !held.sets) held.range.value = held.value; };
  const listen = (name, act) =>
    window.addEventListener(name, act, {capture: true, passive: false});
  // The picture's own slider listens to a mouse as well: it is told what a mouse would do.
  const press = (name, touch) => held.picture.dispatchEvent(new MouseEvent(name, {
    bubbles: true, cancelable: true, view: window, clientX: touch.clientX, clientY: touch.clientY,
  }));
  const letGo = (touch) => {
    if (held.picture && held.sets) press('mouseup', touch);
    putBack();
  };
  listen('touchstart', (event) => {
    if (held) letGo(point(event));
    held = null;
    const range = event.target.closest?.(RANGE);
    const picture = event.target.closest?.(PICTURE) && !event.target.closest('button');
    if (!range && !picture) return;
    if (picture) event.stopImmediatePropagation();
    if (event.touches.length > 1) return;
    held = {range, picture: picture ? event.target : null, value: range?.value,
      start: point(event), sets: false};
  });
  listen('touchmove', (event) => {
    if (!held) return;
    const touch = point(event);
    const x = Math.abs(touch.clientX - held.start.clientX);
    const y = Math.abs(touch.clientY - held.start.clientY);
    const begins = !held.sets && x > SIDEWAYS && x > y;
    held.sets ||= begins;
    if (!held.picture) return;
    event.stopImmediatePropagation();
    if (!held.sets) return;
    event.preventDefault();
    if (begins) press('mousedown', held.start);
    press('mousemove', touch);
  });
  listen('touchend', (event) => {
    if (!held) return;
    // What a browser makes of a tap on a slider is a click of the mouse, which sets.
    if (held.range && !held.sets || held.picture && held.sets) event.preventDefault();
    letGo(point(event));
    const done = held;
    // Its last events come after this one.
    setTimeout(() => { if (held === done) held = null; });
  });
  listen('touchcancel', (event) => {
    if (!held) return;
    letGo(point(event));
    held = null;
  });
  for (const name of ['input', 'change']) {
    listen(name, (event) => {
      if (!held?.range || held.sets || event.target !== held.range) return;
      event.stopImmediatePropagation();
      putBack();
    });
  }
}"""


def touch_script() -> str:
    """Return the script that listens to fingers, for the load of the page."""
    return _SCRIPT
