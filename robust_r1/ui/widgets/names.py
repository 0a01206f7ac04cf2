"""Names for Gradio's own parts that come without one, for whoever hears the page.

A fixed picture lies in a button that opens it large, a thumbnail in one that chooses it: both say
which picture they are of, as far as the picture says so itself.
"""

_SCRIPT = """() => {
  const name = (button) => {
    if (button.ariaLabel || button.title || button.innerText?.trim()) return;
    const image = button.querySelector('img');
    if (image) button.ariaLabel = image.alt || 'Show the picture large';
  };
  const nameAll = (place) => place.querySelectorAll?.('button:not([aria-label])').forEach(name);
  nameAll(document);
  new MutationObserver((changes) => {
    for (const change of changes) {
      const near = change.target.closest?.('button');
      if (near) name(near);
      for (const added of change.addedNodes) {
        if (added.matches?.('button')) name(added);
        nameAll(added);
      }
    }
  }).observe(document.body, {subtree: true, childList: true});
}"""


def names_script() -> str:
    """Return the script that gives the names, for the load of the page."""
    return _SCRIPT
