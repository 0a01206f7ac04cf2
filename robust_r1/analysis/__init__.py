"""Look at a model from several sides: compare models or plans, sweep the intensity.

Each analysis is a function from inputs to a frozen result record, which it yields as it grows; none
needs the page.
"""

from robust_r1.analysis.compare import Column, Comparison, Difference, Side, compare
from robust_r1.analysis.export import comparison_json, sweep_csv, sweep_json
from robust_r1.analysis.sweep import MAX_STEPS, Perceived, Step, Sweep, SweepResult, run_sweep
from robust_r1.analysis.trials import AnswerCache, Query, Trial, try_once

__all__ = [
    "MAX_STEPS",
    "AnswerCache",
    "Column",
    "Comparison",
    "Difference",
    "Perceived",
    "Query",
    "Side",
    "Step",
    "Sweep",
    "SweepResult",
    "Trial",
    "compare",
    "comparison_json",
    "run_sweep",
    "sweep_csv",
    "sweep_json",
    "try_once",
]
