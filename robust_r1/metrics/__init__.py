"""What a reasoning chain is worth: the functions behind rewards, reports and the page.

A measure that cannot be taken is None, which is counted and shown; it is never zero.
"""

from robust_r1.metrics.answers import (
    Verdict,
    accuracy_score,
    answer_matches,
    answer_words,
    judge_answer,
    normalize_answer,
    option_of,
    same_answer,
    truth_in_words,
    truth_words,
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
    relative_score,
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
from robust_r1.metrics.judgements import CALLS, judged_score, read_score
from robust_r1.metrics.replies import FoundAnswer, find_answer
from robust_r1.metrics.resamples import groups_of, resampled_counts
from robust_r1.metrics.scorecard import (
    Scorecard,
    format_score,
    length_score,
    score_answer,
)

__all__ = [
    "CALLS",
    "VISIBLE",
    "Figure",
    "Flips",
    "FoundAnswer",
    "Matching",
    "Scorecard",
    "Verdict",
    "absolute_robustness",
    "accuracy_score",
    "answer_matches",
    "answer_words",
    "average",
    "bootstrap_interval",
    "calibration_error",
    "corruption_error",
    "degradation_score",
    "find_answer",
    "flips",
    "format_score",
    "groups_of",
    "judge_answer",
    "judged_score",
    "length_score",
    "match_findings",
    "match_visible",
    "mean",
    "mean_corruption_error",
    "normalize_answer",
    "option_of",
    "perception_score",
    "pool",
    "read_score",
    "relative_corruption_error",
    "relative_drop",
    "relative_mean_corruption_error",
    "relative_robustness",
    "relative_score",
    "resampled_counts",
    "same_answer",
    "score_answer",
    "truth_in_words",
    "truth_words",
]
