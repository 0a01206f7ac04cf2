"""The pictures of a case as large as the window has room, with arrow keys from case to case."""

# What is shown is copied from the case in sight whenever that changes, so there is one way to it.
# The dialog stands outside of Gradio's elements, which would close it at the next update.
SCRIPT = """() => {
  const box = document.createElement('dialog');
  box.id = 'lightbox';
  box.setAttribute('aria-label', 'The case, enlarged');
  box.innerHTML = '<nav>'
    + '<button type="button" data-press="previous-case" aria-label="Previous case">\u2190</button>'
    + '<button type="button" data-press="next-case" aria-label="Next case">\u2192</button>'
    + '<button type="button" data-press="">Close</button></nav><div></div>';
  document.body.append(box);
  const press = (id) => id ? document.getElementById(id)?.click() : box.close();
  const copy = () => {
    if (!box.open) return;
    const parts = ['case-head', 'case-pictures', 'case-runs'].map((id) => {
      const part = document.getElementById(id)?.cloneNode(true);
      part?.querySelectorAll('[id]').forEach((one) => one.removeAttribute('id'));
      part?.querySelectorAll('button').forEach((one) => one.replaceWith(...one.childNodes));
      part?.removeAttribute('id');
      return part ?? '';
    });
    box.lastElementChild.replaceChildren(...parts);
  };
  document.addEventListener('click', (event) => {
    if (event.target.closest?.('#case-pictures .rr-enlarge') && !box.open) {
      box.showModal();
      copy();
    }
  });
  box.addEventListener('click', (event) => {
    const button = event.target.closest('[data-press]');
    if (button) press(button.dataset.press);
    else if (event.target === box) box.close();
  });
  box.addEventListener('keydown', (event) => {
    const id = {ArrowLeft: 'previous-case', ArrowRight: 'next-case'}[event.key];
    if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    press(id);
  });
  new MutationObserver((changes) => {
    if (box.open && changes.some((one) => !box.contains(one.target))) copy();
  }).observe(document.body, {childList: true, subtree: true, characterData: true,
    attributes: true, attributeFilter: ['src']});
}"""
