"""Pictures dropped or pasted anywhere on the page, one or several.

A field that takes pictures itself is left alone, and so is text that is pasted into a text field.
"""

import gradio as gr

from robust_r1.ui.widgets.layout import QUIET
from robust_r1.ui.widgets.toasts import warn

_FILES, _REFUSE, _SAID = "drop", "drop-refuse", "drop-said"
_SCRIPT = """() => {
  const OWN = '.rr-own, .upload-container, [data-testid=file-upload]';
  const TEXT = 'input:not([type=range], [type=checkbox], [type=radio], [type=button]),'
    + 'textarea, select, [contenteditable=true]';
  const refuse = (words) => {
    window.rrRefused = words;
    document.getElementById('REFUSE').click();
  };
  const give = (input, files) => {
    const kept = new DataTransfer();
    for (const file of files) kept.items.add(file);
    input.files = kept.files;
    input.dispatchEvent(new Event('change', {bubbles: true}));
  };
  // A tab with a field of its own for one picture takes it there, every other one in Explore.
  const take = (files) => {
    const near = [...document.querySelectorAll('.rr-own input[type=file]')]
      .find((input) => input.closest('.rr-own').offsetParent);
    const here = near?.closest('.rr-own').id !== 'own';
    if (near && here && files.length === 1) return give(near, files);
    document.querySelector('#tabs [role=tab]').click();
    give(document.querySelector('#INPUT input[type=file]'), files);
  };
  const brings = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  window.addEventListener('dragover', (event) => { if (brings(event)) event.preventDefault(); });
  window.addEventListener('drop', (event) => {
    if (!brings(event) || event.defaultPrevented || event.target.closest?.(OWN)) return;
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    if (entries.some((entry) => entry?.isDirectory))
      return refuse('A folder was dropped: open it, and drop the pictures in it.');
    take(event.dataTransfer.files);
  });
  document.addEventListener('paste', (event) => {
    if (event.target.closest?.(TEXT) || event.defaultPrevented) return;
    const files = event.clipboardData.files;
    if (files.length) return event.preventDefault(), take(files);
    refuse('Text was pasted where a picture is expected: copy a picture, or drop its file here.');
  });
}"""


def build_drop() -> gr.File:
    """Lay out, unseen, what takes the files; its `upload` event brings them, one or several."""
    files = gr.File(
        file_count="multiple", visible="hidden", elem_id=_FILES, label="Pictures", type="filepath"
    )
    said = gr.Textbox(visible="hidden", elem_id=_SAID, label="Refused")
    refuse = gr.Button("Say what was refused", visible="hidden", elem_id=_REFUSE)
    # Through the queue, which alone carries the words, but waiting for nobody.
    refuse.click(
        warn, said, None, js="() => window.rrRefused", concurrency_limit=None, **QUIET
    )
    return files


def drop_script() -> str:
    """Return the script that listens to files and pasted pictures, for the load of the page."""
    return _SCRIPT.replace("INPUT", _FILES).replace("REFUSE", _REFUSE)
