"""The damage that a person sets: sixteen sliders with a seed, or a plan in one line of text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from robust_r1.ask.case import MAX_SEED
from robust_r1.degradations import PRESETS, SPECS, STAGES, DegradationPlan, sample_plan
from robust_r1.ui.widgets.layout import html

CLEAN = "clean"
_LIMIT = 2000


@dataclass(frozen=True)
class Sliders:
    """Group the sixteen sliders, each under its degradation's id, in the order of the table."""

    by_id: Mapping[str, gr.Slider]

    @property
    def all(self) -> tuple[gr.Slider, ...]:
        """Return the sliders in the order of the table."""
        return tuple(self.by_id.values())

    def plan(self, values: Mapping[Any, Any], seed: int | None) -> DegradationPlan:
        """Return the plan that the sliders show; `values` are those of a handler, by component."""
        strengths = {
            id: round(float(values[slider] or 0), 2) for id, slider in self.by_id.items()
        }
        return DegradationPlan.of(strengths, seed=checked_seed(seed))

    def show(self, intensities: Mapping[str, float]) -> dict[gr.Slider, float]:
        """Return the updates that show these intensities, 0 where a degradation is not named."""
        return {
            slider: round(intensities.get(id, 0.0), 2) for id, slider in self.by_id.items()
        }

    def show_preset(self, name: str) -> dict[gr.Slider, float]:
        """Return the updates that show a preset; zeros for the menu's first line."""
        return self.show(PRESETS[name].intensities if name in PRESETS else {})


def build_sliders(kind: str) -> Sliders:
    """Lay out a slider for each degradation, by stage; `kind` begins the elements' ids."""
    sliders: dict[str, gr.Slider] = {}
    with gr.Row(elem_classes="rr-stages", equal_height=False):
        for stage in STAGES:
            with gr.Column(elem_classes=["rr-stage", f"rr-stage-{stage}"], min_width=190):
                html(_stage_head(stage))
                sliders |= {
                    spec.id: gr.Slider(
                        0, 1, 0, step=0.01, label=spec.label, elem_id=f"{kind}-{spec.id}",
                        elem_classes="rr-slider", min_width=120,
                    )
                    for spec in SPECS
                    if spec.stage == stage
                }
    return Sliders(sliders)


def _stage_head(stage: str) -> str:
    """Draw a stage's name, and the same as a button that opens it, which phones show instead."""
    name = stage.capitalize()
    return (
        f'<h4><span>{name}</span><button type="button" class="rr-fold" aria-expanded="false">'
        f"{name}</button></h4>"
    )


def checked_seed(seed: int | None) -> int:
    """Return a seed that plans accept; an emptied field counts as 0."""
    return min(max(int(seed or 0), 0), MAX_SEED)


def draw_random(rng: np.random.Generator) -> tuple[int, dict[str, float]]:
    """Draw a plan as the paper does; return its seed and its intensities of two decimals."""
    plan = sample_plan(rng)
    strengths = {id: max(0.01, round(value, 2)) for id, value in plan.intensities.items()}
    return int(rng.integers(1, 10_000)), strengths


def build_plan(label: str, value: str, elem_id: str, **options: Any) -> gr.Dropdown:
    """Make the field of a plan; its value is the text of a plan, or "clean"."""
    presets = [(name.capitalize(), short(plan)) for name, plan in PRESETS.items()]
    return gr.Dropdown(
        [("No degradation", CLEAN), *presets], value=value, label=label, allow_custom_value=True,
        info="choose, or write NAME=INTENSITY, ...", min_width=200, elem_id=elem_id,
        elem_classes="rr-plan", **options,
    )


def short(plan: DegradationPlan) -> str:
    """Return a plan as `build_plan` shows it."""
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
