"""What a reasoning chain is worth: the functions behind rewards, reports and the page.

A measure that cannot be taken is None, which is counted and shown; it is never zero.
"""

from robust_r1.metrics.answers import (
    accuracy_score,
    answer_matches,
    answer_words,
    normalize_answer,
)
from robust_r1.metrics.figures import (
    Figure,
    Flips,
    absolute_robustness,
    average,
    bootstrap_interval,
    calibration_error,
    corruption_error,
    flips,
    mean,
    mean_corruption_error,
    relative_corruption_error,
    relative_drop,
    relative_mean_corruption_error,
    relative_robustness,
)
from robust_r1.metrics.findings import (
    VISIBLE,
    Matching,
    degradation_score,
    match_findings,
    match_visible,
    perception_score,
    pool,
)
from robust_r1.metrics.resamples import groups_of, resampled_counts
from robust_r1.metrics.scorecard import (
    Scorecard,
    format_score,
    length_score,
    score_answer,
)

__all__ = [
    "VISIBLE",
    "Figure",
    "Flips",
    "Matching",
    "Scorecard",
    "absolute_robustness",
    "accuracy_score",
    "answer_matches",
    "answer_words",
    "average",
    "bootstrap_interval",
    "calibration_error",
    "corruption_error",
    "degradation_score",
    "flips",
    "format_score",
    "groups_of",
    "length_score",
    "match_findings",
    "match_visible",
    "mean",
    "mean_corruption_error",
    "normalize_answer",
    "perception_score",
    "pool",
    "relative_corruption_error",
    "relative_drop",
    "relative_mean_corruption_error",
    "relative_robustness",
    "resampled_counts",
    "score_answer",
]
