"""Write results as CSV and JSON, for a notebook or a spreadsheet."""

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from robust_r1.analysis.compare import Comparison
from robust_r1.analysis.sweep import Step, SweepResult
from robust_r1.analysis.trials import Query, Trial
from robust_r1.chain import Finding
from robust_r1.degradations import find

SWEEP_COLUMNS = (
    "series", "intensity", "plan", "total_intensity", "degradation", "applied", "perceived",
    "false_alarms", "answer", "flipped", "right", "well_formed", "tokens", "seconds",
)


def sweep_csv(result: SweepResult) -> str:
    """Return a table with a line for each swept degradation at each step.

    `perceived` is empty where a degradation went unnoticed, `right` where the truth is not known;
    the undamaged picture is one line of series "clean".
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(SWEEP_COLUMNS)
    for step in result.steps:
        swept = step.trial.plan.intensities or {"": 0.0}
        for id in swept:
            table.writerow([_cell(value) for value in _row(step, id)])
    return text.getvalue()


def sweep_json(result: SweepResult) -> str:
    """Return the sweep with every answer as JSON text."""
    seen, points = result.noticed()
    values = {
        "kind": "robust-r1 sweep",
        "version": 1,
        "model": result.model,
        "query": query_fields(result.query),
        "sweep": asdict(result.sweep),
        "finished": result.finished,
        "noticed": seen,
        "points": points,
        "bias": result.bias(),
        "bias_by_degradation": {id: result.bias(id) for id in result.sweep.ids},
        "flips": len(result.flips),
        "steps": [
            {
                "series": step.series or "clean",
                "intensity": step.level,
                "flipped": step.flipped,
                **trial_fields(step.trial),
            }
            for step in result.steps
        ],
    }
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def comparison_json(comparison: Comparison) -> str:
    """Return the comparison with every answer and every difference as JSON text."""
    values = {
        "kind": "robust-r1 comparison",
        "version": 1,
        "reference": comparison.reference,
        "columns": [
            {
                "model": column.side.model,
                "picture": column.side.picture,
                "plan": json.loads(column.side.plan.to_json()),
                "pinned": column.side.pinned,
            }
            for column in comparison.columns
        ],
        "questions": [
            {**query_fields(query), "answers": _answers(comparison, query)}
            for query in comparison.queries
        ],
    }
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def query_fields(query: Query) -> dict[str, Any]:
    """Return a question as JSON values."""
    return {
        "question": query.text, "choices": list(query.choices), "truth": query.truth or None,
    }


def trial_fields(trial: Trial) -> dict[str, Any]:
    """Return a trial as JSON values."""
    return {
        "plan": json.loads(trial.plan.to_json()),
        "applied": _findings(trial.applied),
        "perceived": _findings(trial.findings),
        "answer": trial.said,
        "right": None if trial.score.accuracy is None else bool(trial.score.accuracy),
        "well_formed": trial.answer.parsed.well_formed,
        "degradation_reward": trial.score.degradation,
        "tokens": trial.answer.tokens,
        "seconds": round(trial.answer.seconds, 3),
        "text": trial.answer.text,
    }


def _answers(comparison: Comparison, query: Query) -> list[dict[str, Any] | None]:
    answers = []
    for index, column in enumerate(comparison.columns):
        trial, gap = column.find(query), comparison.difference(query, index)
        fields = None if trial is None else trial_fields(trial)
        if fields is not None and gap is not None:
            fields["difference"] = {
                "answer": gap.answer,
                "tokens": gap.tokens,
                "findings": [
                    {"name": name, "reference": old, "here": new}
                    for name, old, new in gap.findings
                ],
            }
        answers.append(fields)
    return answers


def _findings(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]


def _row(step: Step, id: str) -> tuple:
    trial, matching = step.trial, step.trial.score.matching
    said = {finding.name: finding.intensity for finding in reversed(trial.findings)}
    accuracy = trial.score.accuracy
    return (
        step.series or "clean", step.level, str(trial.plan), round(trial.plan.total_intensity, 2),
        id, trial.plan.intensities.get(id, 0.0), said.get(find(id).chain_name) if id else None,
        len(matching.false_alarms) if matching else None, trial.said, step.flipped,
        None if accuracy is None else bool(accuracy), trial.answer.parsed.well_formed,
        trial.answer.tokens, round(trial.answer.seconds, 3),
    )


def _cell(value: object) -> object:
    """Return what a spreadsheet shows and never runs: a text that begins a formula is quoted."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value[:1] in tuple("=+-@\t\r"):
        return f"'{value}"
    return value
