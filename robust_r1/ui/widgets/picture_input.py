"""The component for a person's own picture."""

import gradio as gr
from gradio.data_classes import ImageData


def build_picker(**options) -> gr.Image:
    """Make an image input that hands over the path of the file as it came.

    `gr.Image` decodes and re-encodes on the way in, and a broken file ends there in a stock error.
    Here the file reaches `robust_r1.images`, which knows the bounds and says what is wrong. Never
    return an update of its properties from a handler, only a value: Gradio would rebuild it.
    """
    picker = gr.Image(type="filepath", **options)
    # Not a subclass: Gradio writes a stub file beside the module of every component subclass, on
    # import.
    picker.preprocess = _path_of
    return picker


def _path_of(payload: ImageData | None) -> str | None:
    # Gradio has checked that the path lies in its own cache. Data URLs do not come from its pages
    # or clients.
    return payload.path if payload else None
