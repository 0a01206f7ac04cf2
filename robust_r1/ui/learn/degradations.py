"""Learn, first part: the sixteen degradations on one picture, at any intensity."""

from collections.abc import Mapping
from functools import partial

import gradio as gr
import numpy as np
from gradio.components import Component

from robust_r1 import images
from robust_r1.ask.case import MAX_SEED
from robust_r1.ask.examples import find_example, gallery
from robust_r1.ask.kept_pictures import KeptPictures
from robust_r1.ask.links import picture_pairs, read_picture, read_seed
from robust_r1.ask.picture import Picture, load_picture
from robust_r1.degradations import SPECS, STAGES, degrade
from robust_r1.errors import InputError
from robust_r1.markup import escape
from robust_r1.ui.learn.menus import build_own
from robust_r1.ui.widgets.layout import QUIET, Updates, Values, chosen_in, html
from robust_r1.ui.widgets.links import read_value
from robust_r1.ui.widgets.picture import missing_note, picture_tag
from robust_r1.ui.widgets.picture_input import arrive, bring, is_awaited
from robust_r1.ui.widgets.plan_input import checked_seed
from robust_r1.ui.widgets.toasts import with_toasts

# Drawn at the size at which it is shown: damage that is shrunk afterwards looks milder than it is.
_PIXELS = 320 * 240
_OPENING = "pavilion"
_STAGE_WORDS = {
    "acquisition": "While the picture is taken: lens, shutter, sensor.",
    "transmission": "While it is stored and sent.",
    "environment": "What lies between scene and camera: light, air.",
    "postprocessing": "What is done to the finished picture.",
}
_WORDS = (
    "A damaged picture is a clean one that went through four stages. Intensity 0 changes nothing, "
    "1 is extreme; the seed chooses which damage it is. Because the damage is made here, what a "
    "model perceives can be held against the truth."
)


class Degradations:
    """Lay out and wire the pictures of all degradations; drawn once `tab` is looked at."""

    def __init__(self, tab: gr.Tab, kept: KeptPictures | None) -> None:
        self._kept = kept
        self.brought_picture = gr.State(None)
        examples = [(example.title, example.id) for example in gallery()]
        html(f'<p class="rr-lead">{_WORDS}</p>')
        with gr.Row(elem_classes="rr-learn-bar"):
            self.example = gr.Dropdown(
                examples, value=_OPENING, label="Picture", filterable=False, min_width=200,
                elem_id="learn-example",
            )
            self.intensity = gr.Slider(
                0, 1, 0.6, step=0.05, label="Intensity", min_width=200, elem_id="learn-intensity",
            )
            self.seed = gr.Number(
                1, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=90,
                elem_id="learn-seed",
            )
            self.own = build_own("learn-own")
        self.view = html(elem_id="learn-degradations")
        changed = {self.brought_picture, self.own}
        chosen = chosen_in(self.example)(self._remove, None, changed, **QUIET)
        brought = self.own.input(
            with_toasts(self._bring), {self.own, self.brought_picture}, changed, **QUIET
        )
        removed = self.own.clear(self._remove, None, changed, **QUIET)
        moved = partial(gr.on, [tab.select, self.intensity.change, self.seed.input])
        for listen in (moved, chosen.then, brought.then, removed.then):
            listen(
                with_toasts(self._draw), self.described, self.view, trigger_mode="always_last",
                **QUIET,
            )

    @property
    def described(self) -> set[Component]:
        """Return the components that `describe` reads."""
        return {self.example, self.intensity, self.seed, self.brought_picture}

    @property
    def opened(self) -> set[Component]:
        """Return the components that `open` writes to."""
        return {*self.described, self.view}

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about this part."""
        picture: Picture | None = values[self.brought_picture]
        return {
            **dict(picture_pairs(picture or Picture(example=values[self.example]))),
            "intensity": f"{values[self.intensity]:g}",
            "seed": str(int(values[self.seed] or 0)),
        }

    def open(self, link: Mapping[str, str]) -> Updates:
        """Return the updates that show what a link says."""
        shown = {
            self.example: read_value(link, "example", _example, self.example.value),
            self.intensity: read_value(link, "intensity", _intensity, self.intensity.value),
            self.seed: read_value(link, "seed", read_seed, 1),
            self.brought_picture: read_value(
                link, "picture", lambda _: arrive(read_picture(link), self._kept)
            ),
        }
        return {**shown, self.view: self._draw(shown)}

    def brought(self, values: Values) -> Picture | None:
        """Return the picture of one's own that a link is about."""
        return values[self.brought_picture]

    def _bring(self, values: Values) -> Updates:
        """Take a picture of one's own."""
        path, previous = values[self.own], values[self.brought_picture]
        picture, file = bring(path, previous)
        if picture is not previous:
            awaited = previous if previous is not None and previous.absent else None
            is_awaited(picture, previous, awaited)
        update: Updates = {self.own: file} if file != path else {}
        return {self.brought_picture: picture, **update}

    def _remove(self) -> Updates:
        return {self.brought_picture: None, self.own: None}

    def _draw(self, values: Values) -> str:
        """Draw the picture under each degradation at the intensity."""
        brought: Picture | None = values[self.brought_picture]
        if brought is not None and brought.absent:
            return missing_note(brought)
        example, intensity, seed = (
            values[field] for field in (self.example, self.intensity, self.seed)
        )
        clean = images.fit(load_picture(brought or Picture(example=example)), _PIXELS)
        stages = "".join(self._stage(stage, clean, intensity, seed) for stage in STAGES)
        return f'<div class="rr-method">{stages}</div>'

    def _stage(self, stage: str, clean: np.ndarray, intensity: float, seed: int | None) -> str:
        rows = ""
        for spec in SPECS:
            if spec.stage != stage:
                continue
            picture = degrade(clean, spec.id, float(intensity), checked_seed(seed))
            words = f"{spec.label} at intensity {intensity:.2f}"
            rows += (
                f"<figure>{picture_tag(picture, words, self.view.GRADIO_CACHE)}<figcaption>"
                f"<b>{escape(spec.label)}</b> <code>{escape(spec.chain_name)}"
                f"({intensity:.2f})</code><span>{escape(spec.description)}</span>"
                "</figcaption></figure>"
            )
        number = STAGES.index(stage) + 1
        return (
            f'<section class="rr-stage-{stage}"><h3>{number}. {stage.capitalize()}</h3>'
            f"<p>{_STAGE_WORDS[stage]}</p>{rows}</section>"
        )


def _example(id: str) -> str:
    return find_example(id).id


def _intensity(text: str) -> float:
    try:
        value = float(text[:40])
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InputError(f"an intensity is a number from 0 to 1, got {text[:40]!r}")
    return value
