"""The sixteen degradations: table, operations, plans and presets."""

from robust_r1.degradations.plans import DegradationPlan, Step, sample_plan, step_seed
from robust_r1.degradations.presets import PRESETS
from robust_r1.degradations.table import LEVELS, SPECS, STAGES, Degradation, degrade, find

__all__ = [
    "LEVELS",
    "PRESETS",
    "SPECS",
    "STAGES",
    "Degradation",
    "DegradationPlan",
    "Step",
    "degrade",
    "find",
    "sample_plan",
    "step_seed",
]
