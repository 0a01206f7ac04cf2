"""Look at a model from several sides: compare models or plans, sweep the intensity, judge, play.

Each analysis is a function from inputs to a frozen result record, which it yields as it grows where
a model is asked; none needs the page.
"""

from robust_r1.analysis.compare import Column, Comparison, Difference, Side, compare
from robust_r1.analysis.export import comparison_json, sweep_csv, sweep_json
from robust_r1.analysis.judging import MAX_TEXT, Judgment, Variant, judge, variants
from robust_r1.analysis.perception import Look, Perception, PooledFinding, perceive
from robust_r1.analysis.rounds import (
    MAX_ROUND,
    Game,
    Round,
    RoundScore,
    case_of,
    draw_round,
    play,
    round_of,
    score_round,
)
from robust_r1.analysis.sweep import MAX_STEPS, Perceived, Step, Sweep, SweepResult, run_sweep

__all__ = [
    "MAX_ROUND",
    "MAX_STEPS",
    "MAX_TEXT",
    "Column",
    "Comparison",
    "Difference",
    "Game",
    "Judgment",
    "Look",
    "Perceived",
    "Perception",
    "PooledFinding",
    "Round",
    "RoundScore",
    "Side",
    "Step",
    "Sweep",
    "SweepResult",
    "Variant",
    "case_of",
    "compare",
    "comparison_json",
    "draw_round",
    "judge",
    "perceive",
    "play",
    "round_of",
    "run_sweep",
    "score_round",
    "sweep_csv",
    "sweep_json",
    "variants",
]
