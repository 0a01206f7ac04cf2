"""Where a picture comes from: the examples, and a person's own."""

import base64
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from pydantic import model_validator

from robust_r1 import images
from robust_r1.ask.examples import Example
from robust_r1.ask.kept_pictures import KeptPictures
from robust_r1.ask.picture import OwnPicture, Picture, is_same, load_picture
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.ui.widgets.picture import write_file
from robust_r1.ui.widgets.toasts import tell, toast, warn

_THUMBNAIL = 144


def build_picker(**options: Any) -> gr.Image:
    """Make an image input that hands over the path of the file as it came.

    `gr.Image` decodes and re-encodes on the way in, and a broken file ends there in a stock error.
    Here the file reaches `robust_r1.images`, which knows the bounds and says what is wrong. Never
    return an update of its properties from a handler, only a value: Gradio would rebuild it.
    """
    picker = gr.Image(type="filepath", **options)
    # Not a subclass: Gradio writes a stub file beside the module of every component subclass, on
    # import.
    picker.preprocess = partial(_path_of, Path(picker.GRADIO_CACHE))
    picker.data_model = _SentPicture
    return picker


class _SentPicture(ImageData):
    """Take a picture as Gradio's clients send it, or a data URL alone."""

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value


def _path_of(cache: Path, payload: ImageData | None) -> str | None:
    """Return the file of what came in; a data URL, as programs send it, becomes one."""
    if payload is None or not (payload.path or payload.url):
        return None
    try:
        if (payload.url or "").startswith("data:"):
            return write_file(_of_data_url(payload.url), "picture", str(cache))
        # Gradio checks this of a path that is sent with its own mark, and of none without.
        if payload.path is None or not Path(payload.path).resolve().is_relative_to(cache.resolve()):
            raise InputError("A picture must be uploaded first, or sent as a data URL.")
    except RobustR1Error as error:
        raise toast(error) from error
    return payload.path


def _of_data_url(url: str) -> bytes:
    """Return the bytes of a data URL in base64; raise InputError for another or a longer one."""
    head, comma, text = url.partition(",")
    if not comma or not head.endswith(";base64"):
        raise InputError("The picture's data URL is not in base64; write data:image/png;base64,...")
    if len(text) > 4 * (images.MAX_BYTES // 3 + 1):
        raise InputError(
            f"The picture's data URL holds more than {images.MAX_BYTES // 1_000_000} MB; send less."
        )
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise InputError("The picture's data URL is not base64; encode the file anew.") from error


def build_sources(
    examples: tuple[Example, ...], thumbnails: list, tab: str = "", selected: int | None = None
) -> tuple[gr.Gallery, gr.Image]:
    """Lay out where pictures come from: the examples, and a person's own.

    `tab` begins the elements' ids, which a page has only once; `selected` is the index of the
    example that is chosen from the start.
    """
    with gr.Row(equal_height=True, elem_classes="rr-sources"):
        gallery = gr.Gallery(
            value=thumbnails, label="Example pictures", show_label=False, columns=len(examples),
            rows=1, height="auto", allow_preview=False, object_fit="cover", buttons=[],
            interactive=False, format="png", fit_columns=False, elem_id=f"{tab}gallery",
            elem_classes="rr-gallery", scale=4, container=False, selected_index=selected,
        )
        own = build_picker(
            label="Your picture", sources=["upload", "webcam", "clipboard"],
            format="png", height=116, buttons=[], elem_id=f"{tab}own", elem_classes="rr-own",
            scale=1, min_width=180, placeholder="Drop or choose a picture",
        )
    return gallery, own


def bring(path: str | None, previous: Picture | None) -> tuple[Picture | None, str | None]:
    """Take a person's own picture; a bad one is refused in a toast and the previous one stays.

    No path is a picture taken away: the picker reports that here and as cleared, in either order,
    and both must say the same.

    Returns the picture that is now on the page, and the file that the picker shows.
    """
    if path is None:
        return None, None
    try:
        identity = images.describe(load_picture(Picture(path=path)))
    except RobustR1Error as error:
        warn(error)
        return previous, previous.path or None if previous else None
    return Picture(path=path, own=OwnPicture(Path(path).name, identity)), path


def arrive(picture: Picture | None, kept: KeptPictures | None) -> Picture | None:
    """Return the picture of a link, with its pixels where they are kept here."""
    if picture is None or not picture.absent or kept is None:
        return picture
    assert picture.own is not None  # an absent picture is somebody's own
    return kept.find(picture.own) or picture


def is_awaited(picture: Picture | None, previous: Picture | None, link: Picture | None) -> bool:
    """Tell, also to the visitor, whether a picture that was brought is the one of a link.

    `previous` was on the page until now, `link` is what the link asked for.
    """
    if is_same(picture, link):
        tell("This is the picture of the link: all is as it was sent.")
        return True
    if picture is not None and previous is not None and previous.absent:
        warn(f"This is another picture than the link's, {previous.own}: it is taken as a new one.")
    return False


def thumbnails(examples: Sequence[Example]) -> list[tuple[np.ndarray, str]]:
    """Return small pictures with their titles, for the gallery."""
    return [(_thumbnail(example), example.title) for example in examples]


@cache
def _thumbnail(example: Example) -> np.ndarray:
    return images.fit(example.image(), _THUMBNAIL * _THUMBNAIL)
