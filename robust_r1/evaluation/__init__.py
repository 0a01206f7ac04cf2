"""Benchmarks and resumable evaluation runs; every figure comes with n and a 95 % interval."""

from robust_r1.evaluation.asking import evaluate
from robust_r1.evaluation.benchmarks import BENCHMARKS, STRENGTHS, BenchmarkItem, benchmark
from robust_r1.evaluation.differences import differences, paired_differences
from robust_r1.evaluation.figures import (
    BANDS,
    false_alarms_by_degradation,
    headline,
    recall_by_band,
    recall_by_degradation,
)
from robust_r1.evaluation.runs import Row, Run, load_run, row_of
from robust_r1.metrics import Figure

__all__ = [
    "BANDS",
    "BENCHMARKS",
    "BenchmarkItem",
    "Figure",
    "Row",
    "Run",
    "STRENGTHS",
    "benchmark",
    "differences",
    "evaluate",
    "false_alarms_by_degradation",
    "headline",
    "load_run",
    "paired_differences",
    "recall_by_band",
    "recall_by_degradation",
    "row_of",
]
