"""Benchmarks and resumable evaluation runs; every figure comes with n and a 95 % interval."""

from robust_r1.evaluation.cases import BENCHMARKS, LEVELS, Case, benchmark
from robust_r1.evaluation.differences import differences
from robust_r1.evaluation.figures import (
    BANDS,
    headline,
    recall_by_band,
    recall_by_degradation,
)
from robust_r1.evaluation.runs import Row, Run, evaluate, load_run, row_of
from robust_r1.metrics import Figure

__all__ = [
    "BANDS",
    "BENCHMARKS",
    "LEVELS",
    "Case",
    "Figure",
    "Row",
    "Run",
    "benchmark",
    "differences",
    "evaluate",
    "headline",
    "load_run",
    "recall_by_band",
    "recall_by_degradation",
    "row_of",
]
