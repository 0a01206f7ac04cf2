"""Sliders and the plan that they make."""


import gradio as gr
import pytest

from robust_r1.degradations import PRESETS, SPECS, DegradationPlan
from robust_r1.ui.widgets.plan_input import build_sliders

IDS = [spec.id for spec in SPECS]


def test_sliders_make_the_plan_that_links_and_presets_name():
    assert [spec.id for spec in SPECS] == IDS and len(IDS) == 16
    with gr.Blocks():
        sliders = build_sliders("slider")
    assert [slider.label for slider in sliders.all] == [spec.label for spec in SPECS]
    plan = DegradationPlan.of({"graffiti": 0.25, "lens_blur": 0.5}, seed=3)
    assert sliders.plan(sliders.show(plan.intensities), 3) == plan
    for name, preset in PRESETS.items():
        shown = sliders.plan(sliders.show_preset(name), 0)
        assert shown.intensities == pytest.approx(preset.intensities, abs=0.005)
