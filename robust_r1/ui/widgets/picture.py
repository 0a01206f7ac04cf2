"""Pictures on the page: their files, their captions, small ones inside of HTML."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import quote

import numpy as np
from gradio.processing_utils import hash_bytes

from robust_r1 import images
from robust_r1.ask.picture import Picture, example_of
from robust_r1.ask.pipeline import THUMBNAIL_PIXELS
from robust_r1.degradations import DegradationPlan
from robust_r1.markup import escape

_TIMES = "\u00d7"
_DOT = " \u00b7 "


def write_png(image: np.ndarray, name: str, cache: str) -> str:
    """Write a picture as PNG into Gradio's cache and return its path.

    Gradio takes a file that lies there as it is; its own encoding of a noisy megapixel takes
    seconds.
    """
    return write_file(images.encode_preview(image), name, cache)


def write_file(data: bytes, name: str, cache: str) -> str:
    """Write an encoded picture into Gradio's cache and return its path."""
    folder = Path(cache) / hash_bytes(data)
    folder.mkdir(parents=True, exist_ok=True)
    # In one step: this very file may be on its way to somebody who looks at the same picture.
    with NamedTemporaryFile(dir=folder, delete=False) as part:
        part.write(data)
    os.replace(part.name, folder / name)
    return str((folder / name).resolve())


def caption(picture: Picture | None, clean: np.ndarray | None, plan: DegradationPlan) -> str:
    """Say which picture this is, how large the model sees it, and how much was done to it."""
    if picture is not None and picture.absent:
        return missing_note(picture)
    if picture is None or clean is None:
        words = "Choose an example below, or bring a picture of your own."
        return f'<p class="rr-caption">{words}</p>'
    example = example_of(picture)
    own = str(picture.own) if picture.own else ""
    title, credit = (example.title, example.credit) if example else ("Your picture", own)
    count = len(plan)
    damage = (
        f"{count} degradation{'s' if count > 1 else ''}, total intensity {plan.total_intensity:.2f}"
        if count
        else "no degradation"
    )
    size = f"the model sees {clean.shape[1]} {_TIMES} {clean.shape[0]} pixels"
    details = _DOT.join(escape(part) for part in (credit, size, damage) if part)
    return f'<p class="rr-caption"><b>{escape(title)}</b> {details}</p>'


def missing_note(picture: Picture) -> str:
    """Say which picture a link asks for, where its pixels are not here."""
    assert picture.own is not None  # an absent picture is somebody's own
    why = (
        "The picture of this link was kept for a time and is not here any more"
        if picture.own.kept
        else "The picture of this link is not in it"
    )
    return (
        f'<p class="rr-notice rr-caption rr-missing" role="note">{why}: '
        f"<b>{escape(str(picture.own))}</b>. Drop or choose that picture, and all is as it was "
        "sent.</p>"
    )


def picture_tag(image: np.ndarray, words: str, cache: str) -> str:
    """Return an image element for a small picture, uint8, H x W x 3; `words` describe it.

    The file lies in Gradio's cache, which the page serves.
    """
    height, width = image.shape[:2]
    return file_tag(write_png(image, "seen.png", cache), words, width, height)


def file_tag(path: str, words: str, width: int, height: int) -> str:
    """Return an image element for a file in Gradio's cache, of this size in pixels."""
    return (
        f'<img src="gradio_api/file={quote(path)}" alt="{escape(words, 200)}" width="{width}" '
        f'height="{height}" loading="lazy">'
    )


def picture_row(pictures: Sequence[tuple[np.ndarray, str]], cache: str) -> str:
    """Return a row of pictures of any size, shown small, each with its words beneath."""
    drawn = "".join(
        f'<figure class="rr-seen">{picture_tag(images.fit(image, THUMBNAIL_PIXELS), words, cache)}'
        f"<figcaption>{escape(words)}</figcaption></figure>"
        for image, words in pictures
    )
    return f'<div class="rr-heads" style="--rr-columns:{len(pictures)}">{drawn}</div>'
