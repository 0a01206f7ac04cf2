"""What Gradio's own parts lack for whoever hears the page, or goes through it by keys.

A fixed picture lies in a button that opens it large, a thumbnail in one that chooses it: both say
which picture they are of, as far as the picture says so itself. The open list of a menu scrolls and
so would be a stop of Tab by itself, on which the list closes and the focus is lost. What is reached
by keys is scrolled into sight as a whole, where a browser is content with its edge. Menus and
toasts move by script, which no style sheet can still: where less motion is wanted they are there at
once.
"""

_SCRIPT = """() => {
  const name = (button) => {
    if (button.ariaLabel || button.title || button.innerText?.trim()) return;
    const image = button.querySelector('img');
    if (image) button.ariaLabel = image.alt || 'Show the picture large';
  };
  const nameAll = (place) => place.querySelectorAll?.('button:not([aria-label])').forEach(name);
  const passOver = (place) => place.querySelectorAll?.('ul[role=listbox]')
    .forEach((list) => { list.tabIndex = -1; });
  const less = matchMedia('(prefers-reduced-motion: reduce)');
  document.body.toggleAttribute('data-still', less.matches);
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (frames, options) {
    const timing = typeof options === 'number' ? {duration: options} : options;
    return animate.call(this, frames, less.matches ? {...timing, delay: 0, duration: 0} : timing);
  };
  nameAll(document);
  passOver(document);
  document.addEventListener('focusin', ({target}) => {
    if (target.matches?.(':focus-visible')) {
      target.scrollIntoView({block: 'nearest', inline: 'nearest'});
    }
  });
  new MutationObserver((changes) => {
    for (const change of changes) {
      const near = change.target.closest?.('button');
      if (near) name(near);
      for (const added of change.addedNodes) {
        if (added.matches?.('button')) name(added);
        nameAll(added);
        if (added.matches?.('ul[role=listbox]')) added.tabIndex = -1;
        passOver(added);
      }
    }
  }).observe(document.body, {subtree: true, childList: true});
}"""


def names_script() -> str:
    """Return the script that gives the names, for the load of the page."""
    return _SCRIPT
