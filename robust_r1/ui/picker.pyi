"""The component for a person's own picture."""

import gradio as gr
from gradio.data_classes import ImageData

from gradio.events import Dependency

class PicturePicker(gr.Image):
    """Take an upload, a pasted picture or a webcam shot, and hand over the file as it came.

    `gr.Image` decodes and re-encodes on the way in, and a broken file ends there in a stock error.
    Here the file reaches `robust_r1.images`, which knows the bounds and says what is wrong.
    """

    is_template = True  # to the browser this is an ordinary image component

    def preprocess(self, payload: ImageData | None) -> str | None:
        """Return the path of the received file, which Gradio keeps in its own cache."""
        if payload is None or (payload.path is None and payload.url is None):
            return None
        if payload.path is None:  # a data URL; the parent writes it to a file
            return super().preprocess(payload)
        return payload.path
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component