"""Small pictures inside of HTML: what a model saw, with words beneath."""

from collections.abc import Sequence
from urllib.parse import quote

import numpy as np

from robust_r1.analysis.trials import THUMBNAIL_PIXELS
from robust_r1.images import fit
from robust_r1.markup import escape
from robust_r1.ui.widgets.picture_handlers import write_png


def picture_tag(image: np.ndarray, words: str, cache: str) -> str:
    """Return an image element for a small picture, uint8, H x W x 3; `words` describe it.

    The file lies in Gradio's cache, which the page serves.
    """
    path = quote(write_png(image, "seen.png", cache))
    height, width = image.shape[:2]
    return (
        f'<img src="gradio_api/file={path}" alt="{escape(words, 200)}" width="{width}" '
        f'height="{height}" loading="lazy">'
    )


def figure_row(pictures: Sequence[tuple[np.ndarray, str]], cache: str) -> str:
    """Return a row of pictures of any size, shown small, each with its words beneath."""
    drawn = "".join(
        f'<figure class="rr-seen">{picture_tag(fit(image, THUMBNAIL_PIXELS), words, cache)}'
        f"<figcaption>{escape(words)}</figcaption></figure>"
        for image, words in pictures
    )
    return f'<div class="rr-heads" style="--rr-columns:{len(pictures)}">{drawn}</div>'
