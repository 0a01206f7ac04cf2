"""What happens on the left side of the Explore tab: choose, damage, preview."""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache

from robust_r1 import images
from robust_r1.ask.examples import Example, Suggestion
from robust_r1.ask.links import MAX_SEED
from robust_r1.ask.pictures import Picture, example_of, fitted, load_picture
from robust_r1.degradations import PRESETS, SPECS, DegradationPlan, sample_plan
from robust_r1.engine import Engine
from robust_r1.errors import RobustR1Error
from robust_r1.markup import escape
from robust_r1.ui.widgets.toasts import warn

_THUMBNAIL = 144
_TIMES = "\u00d7"
_DOT = " \u00b7 "


def plan_of(seed: int | None, strengths: Sequence[float]) -> DegradationPlan:
    """Return the plan that the sliders show, in the order of the table."""
    named = {spec.id: round(float(strength or 0), 2) for spec, strength in _named(strengths)}
    return DegradationPlan.of(named, seed=checked_seed(seed))


def _named(strengths: Sequence[float]):
    return zip(SPECS, strengths, strict=True)


def checked_seed(seed: int | None) -> int:
    """Return a seed that plans accept; an emptied field counts as 0."""
    return min(max(int(seed or 0), 0), MAX_SEED)


def preview(
    picture: Picture | None, engine: Engine, seed: int | None, strengths: Sequence[float],
    cache: str,
) -> tuple[tuple[str, str] | None, str]:
    """Return the files of the clean and the degraded picture, and the caption beneath them.

    Both are at the size that the model sees: fitted first, then degraded.
    """
    if picture is None:
        return None, caption(picture, None, DegradationPlan())
    plan = plan_of(seed, strengths)
    clean = fitted(picture, engine)
    before = _clean_file(picture, engine, cache)
    if not Path(before).exists():  # Gradio clears its cache of old files
        _clean_file.cache_clear()
        before = _clean_file(picture, engine, cache)
    after = before if not plan else write_png(plan.apply(clean), "degraded.png", cache)
    return (before, after), caption(picture, clean, plan)


@lru_cache(maxsize=256)
def _clean_file(picture: Picture, engine: Engine, cache: str) -> str:
    return write_png(fitted(picture, engine), "clean.png", cache)


def write_png(image: np.ndarray, name: str, cache: str) -> str:
    """Write a picture as PNG into Gradio's cache and return its path.

    Gradio takes a file that lies there as it is; its own encoding of a noisy megapixel takes
    seconds.
    """
    return save_bytes_to_cache(images.encode_preview(image), name, cache)


def caption(picture: Picture | None, clean: np.ndarray | None, plan: DegradationPlan) -> str:
    """Say which picture this is, how large the model sees it, and how much was done to it."""
    if picture is None or clean is None:
        words = "Choose an example below, or bring a picture of your own."
        return f'<p class="rr-caption">{words}</p>'
    example = example_of(picture)
    title, credit = (example.title, example.credit) if example else ("Your picture", "")
    count = len(plan)
    damage = (
        f"{count} degradation{'s' if count > 1 else ''}, total intensity {plan.total_intensity:.2f}"
        if count
        else "no degradation"
    )
    size = f"the model sees {clean.shape[1]} {_TIMES} {clean.shape[0]} pixels"
    details = _DOT.join(escape(part) for part in (credit, size, damage) if part)
    return f'<p class="rr-caption"><b>{escape(title)}</b> {details}</p>'


def bring(path: str | None, previous: Picture | None) -> tuple[Picture | None, str | None]:
    """Take a person's own picture; a bad one is refused in a toast and the previous one stays.

    No path is a picture taken away: the picker reports that here and as cleared, in either order,
    and both must say the same.

    Returns the picture that is now on the page, and the file that the picker shows.
    """
    if path is None:
        return None, None
    picture = Picture(path=path)
    try:
        load_picture(picture)
    except RobustR1Error as error:
        warn(error)
        return previous, previous.path or None if previous else None
    return picture, path


def suggestions_for(picture: Picture | None) -> tuple[Suggestion, ...]:
    """Return questions that fit a picture; for a person's own, general ones."""
    example = example_of(picture) if picture else None
    if example is not None:
        return example.questions
    return (
        Suggestion("What is the main object in the picture?"),
        Suggestion("Describe the picture."),
    )


def draw_random(rng: np.random.Generator) -> tuple[int, list[float]]:
    """Draw a plan as the paper does; return its seed and the sliders' values."""
    plan = sample_plan(rng)
    strengths = {id: max(0.01, round(value, 2)) for id, value in plan.intensities.items()}
    return int(rng.integers(1, 10_000)), slider_values(strengths)


def slider_values(strengths: dict[str, float]) -> list[float]:
    """Return a value for every slider, 0 where a degradation is not named."""
    return [round(strengths.get(spec.id, 0.0), 2) for spec in SPECS]


def preset_values(name: str) -> list[float]:
    """Return the sliders' values of a preset; zeros for the menu's first line."""
    return slider_values(PRESETS[name].intensities if name in PRESETS else {})


def thumbnails(examples: Sequence[Example]) -> list[tuple[np.ndarray, str]]:
    """Return small pictures with their titles, for the gallery."""
    return [(_thumbnail(example), example.title) for example in examples]


@cache
def _thumbnail(example: Example) -> np.ndarray:
    return images.fit(example.image(), _THUMBNAIL * _THUMBNAIL)


def notice(picture: Picture | None, engine: Engine) -> str:
    """Say plainly what a bundled model cannot do, whenever the picture is no synthetic scene."""
    example = example_of(picture) if picture else None
    if picture is None or engine.info.knows_photographs or (example and example.is_scene):
        return ""
    return (
        '<p class="rr-notice" role="note">'
        f"<b>{escape(engine.info.label)}</b> perceives degradations on any picture, but it was "
        "trained on synthetic scenes alone and knows nothing about what a photograph shows. "
        "Read its findings; do not believe its answer.</p>"
    )


def question_labels(suggestions: Sequence[Suggestion]) -> list[list[str]]:
    """Return the samples of a `gr.Dataset` that offers these questions."""
    return [
        [suggestion.text + (" (choices)" if suggestion.choices else "")]
        for suggestion in suggestions
    ]


def dataset(suggestions: Sequence[Suggestion]) -> gr.Dataset:
    """Return the update that shows these questions."""
    return gr.Dataset(samples=question_labels(suggestions), visible=bool(suggestions))
