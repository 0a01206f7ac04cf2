"""The sixteen degradations of Robust-R1: table, operations, plans, presets, contact sheet.

    degrade(image, "lens_blur", 0.4, seed=7)
    DegradationPlan.parse("lens_blur=0.4,gaussian_noise=0.25", seed=7).apply(image)

Needs numpy and OpenCV only. README.md in this folder says what was changed against the published
operations, and why.
"""

from robust_r1.degradations.names import label_of, place_of, stage_of
from robust_r1.degradations.plans import (
    DegradationPlan,
    Step,
    level_plan,
    picture_rng,
    sample_plan,
    step_seed,
)
from robust_r1.degradations.presets import PRESETS
from robust_r1.degradations.sheet import contact_sheet
from robust_r1.degradations.table import LEVELS, SPECS, STAGES, Degradation, degrade, find
from robust_r1.degradations.visible import most_visible

__all__ = [
    "LEVELS",
    "PRESETS",
    "SPECS",
    "STAGES",
    "Degradation",
    "DegradationPlan",
    "Step",
    "contact_sheet",
    "degrade",
    "find",
    "label_of",
    "level_plan",
    "most_visible",
    "picture_rng",
    "place_of",
    "sample_plan",
    "stage_of",
    "step_seed",
]
