"""Further pictures of one question, for models that take several: where they come from and stay."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import gradio as gr
import numpy as np

from robust_r1 import images
from robust_r1.ask.picture import Picture, load_picture
from robust_r1.engine import MAX_PICTURES, Engine, ModelInfo
from robust_r1.errors import RobustR1Error
from robust_r1.markup import escape
from robust_r1.ui.widgets.layout import html
from robust_r1.ui.widgets.toasts import warn

MOST = MAX_PICTURES - 1
_TITLE = "Further pictures"
_THUMBNAIL = 96 * 96  # pixels


class FurtherPictures:
    """Lay out the fold, and turn files into pictures; the main picture is not in here."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self.engines = engines
        first = next(iter(engines.values())).info
        self.kept = gr.State(())
        with gr.Accordion(_TITLE, open=False, elem_id="further") as self.fold:
            self.note = html(further_note(first, ()), elem_id="further-note")
            self.files = gr.File(
                label=f"Up to {MOST} more pictures", file_count="multiple", file_types=["image"],
                visible=first.pictures > 1, height=120, elem_id="further-files",
            )

    @property
    def outputs(self) -> list:
        """Return what `take` writes to."""
        return [self.kept, self.files, self.note, self.fold]

    def take(self, paths: list[str] | None, model: str) -> dict:
        """Take the files of the list; what is no picture, or too many, is left out with a toast."""
        info, found = self.engines[model].info, []
        for path in paths or ():
            try:
                load_picture(picture := Picture(path=str(path)))
                found.append(picture)
            except RobustR1Error as error:
                warn(error)
        if len(found) > MOST:
            warn(f"There are {len(found)} further pictures: {MOST} can be sent, the first ones.")
        pictures = tuple(found[:MOST])
        return self._show(pictures, info, len(pictures) == len(paths or ()))

    def put(self, pictures: tuple[Picture, ...], model: str) -> dict:
        """Return the updates that show these pictures in the list."""
        return self._show(pictures, self.engines[model].info, listed=False)

    def _show(self, pictures: tuple[Picture, ...], info: ModelInfo, listed: bool) -> dict:
        """Return the updates of all; `listed` are pictures that the list of files has already."""
        options: dict[str, Any] = {"visible": info.pictures > 1 or bool(pictures)}
        if not listed:
            options["value"] = [picture.path for picture in pictures] or None
        fold = gr.Accordion(label=f"{_TITLE}: {len(pictures)}" if pictures else _TITLE)
        return {
            self.kept: pictures,
            self.files: gr.File(**options),
            self.note: further_note(info, pictures),
            self.fold: fold,
        }

    def show_for(self, model: str, pictures: tuple[Picture, ...]) -> dict:
        """Offer the list to models that take several pictures, and while there are some in it."""
        info = self.engines[model].info
        return {
            self.note: further_note(info, pictures),
            self.files: gr.File(visible=info.pictures > 1 or bool(pictures)),
        }


def further_note(info: ModelInfo, pictures: tuple[Picture, ...]) -> str:
    """Say what becomes of further pictures, and show those that are there."""
    if info.pictures > 1:
        words = (
            "Sent after the main picture, as they are: the damage is done to the main picture "
            "alone. The JSON download holds them, the link does not."
        )
    else:
        words = f"{info.label} looks at one picture at a time: it was not trained on several. " + (
            "Remove these, or choose another model."
            if pictures
            else f"Full-size models and endpoints take {MAX_PICTURES}."
        )
    row = pictures_row(_loaded(pictures))
    return f'<p class="rr-hint" role="status">{escape(words)}</p>{row}'


def pictures_row(pictures: Sequence[np.ndarray]) -> str:
    """Draw further pictures small, numbered from 2 on; empty without any."""
    shown = "".join(_thumbnail(number, one) for number, one in enumerate(pictures, 2))
    return f'<div class="rr-further">{shown}</div>' if shown else ""


def _loaded(pictures: Sequence[Picture]) -> list[np.ndarray]:
    found = []
    for picture in pictures:
        # Gradio clears its cache of old uploads; asking says so.
        with suppress(RobustR1Error):
            found.append(load_picture(picture))
    return found


def _thumbnail(number: int, picture: np.ndarray) -> str:
    alt = f"Picture {number}"
    url = images.data_url(images.fit(picture, _THUMBNAIL))
    return f'<figure><img src="{url}" alt="{alt}"><figcaption>{alt}</figcaption></figure>'
