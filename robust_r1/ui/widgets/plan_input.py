"""A plan in one line: a preset from the menu, or typed, as in lens_blur=0.4,gaussian_noise=0.25."""

import gradio as gr

from robust_r1.degradations import PRESETS, DegradationPlan
from robust_r1.ui.widgets.picture_handlers import checked_seed

CLEAN = "clean"
_LIMIT = 2000


def build_plan(label: str, value: str, elem_id: str, **options) -> gr.Dropdown:
    """Make the component; its value is the text of a plan, or "clean"."""
    presets = [(name.capitalize(), short(plan)) for name, plan in PRESETS.items()]
    return gr.Dropdown(
        [("No degradation", CLEAN), *presets], value=value, label=label, allow_custom_value=True,
        info="choose, or write NAME=INTENSITY, ...", min_width=200, elem_id=elem_id,
        elem_classes="rr-plan", **options,
    )


def short(plan: DegradationPlan) -> str:
    """Return the text of a plan."""
    return ",".join(f"{id}={value:g}" for id, value in plan.intensities.items()) or CLEAN


def read_plan(text: str | None, seed: int | None) -> DegradationPlan:
    """Read a plan: a preset's name, "clean" or nothing, or its text; raise InputError else.

    The seed chooses which damage it is, for presets as well.
    """
    words = (text or "").strip()[:_LIMIT]
    if words.casefold() == CLEAN:
        words = ""
    preset = {name.casefold(): plan for name, plan in PRESETS.items()}.get(words.casefold())
    if preset is not None:
        return DegradationPlan.of(preset.intensities, seed=checked_seed(seed))
    return DegradationPlan.parse(words, seed=checked_seed(seed))
