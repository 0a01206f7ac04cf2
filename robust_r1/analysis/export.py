"""Write results as CSV and JSON, for a notebook or a spreadsheet."""

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from robust_r1.analysis.compare import Comparison
from robust_r1.analysis.sweep import Step, SweepResult
from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import Outcome, finished
from robust_r1.chain import Finding
from robust_r1.degradations import find
from robust_r1.metrics import answer_words

SWEEP_COLUMNS = (
    "series", "intensity", "plan", "total_intensity", "degradation", "applied", "perceived",
    "false_alarms", "answer", "flipped", "right", "well_formed", "tokens", "seconds",
)


def sweep_csv(result: SweepResult) -> str:
    """Return a table with a line for each swept degradation at each step.

    An option's number stands behind its text. `perceived` is empty where a degradation went
    unnoticed, `right` where the truth is not known; the undamaged picture is one line of series
    "clean".
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(SWEEP_COLUMNS)
    for step in result.steps:
        swept = step.outcome.case.plan.intensities or {"": 0.0}
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
        "eyes": result.eyes or None,
        "query": question_fields(result.case),
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
                **outcome_fields(step.outcome),
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
                "eyes": column.side.eyes or None,
                "picture": column.side.picture,
                "plan": json.loads(column.side.plan.to_json()),
                "pinned": column.side.pinned,
            }
            for column in comparison.columns
        ],
        "questions": [
            {**question_fields(case), "answers": _answers(comparison, case)}
            for case in comparison.cases
        ],
    }
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def question_fields(case: Case) -> dict[str, Any]:
    """Return a question as JSON values."""
    return {
        "question": case.question, "choices": list(case.choices), "truth": case.truth or None,
    }


def outcome_fields(outcome: Outcome) -> dict[str, Any]:
    """Return a finished answer and its scores as JSON values."""
    answer, score = finished(outcome)
    return {
        "plan": json.loads(outcome.case.plan.to_json()),
        "applied": _findings(outcome.applied),
        "perceived": _findings(outcome.findings),
        "answer": outcome.said,
        "right": None if score.accuracy is None else bool(score.accuracy),
        "well_formed": answer.parsed.well_formed,
        "remark": answer.sight.remark or None if answer.sight else None,
        "degradation_reward": score.degradation,
        "tokens": answer.tokens,
        "seconds": round(answer.seconds, 3),
        "text": answer.text,
    }


def _answers(comparison: Comparison, case: Case) -> list[dict[str, Any] | None]:
    answers = []
    for index, column in enumerate(comparison.columns):
        outcome, gap = column.find(case), comparison.difference(case, index)
        fields = None if outcome is None else outcome_fields(outcome)
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
    outcome, plan = step.outcome, step.outcome.case.plan
    answer, score = finished(outcome)
    said = {finding.name: finding.intensity for finding in reversed(outcome.findings)}
    return (
        step.series or "clean", step.level, str(plan), round(plan.total_intensity, 2),
        id, plan.intensities.get(id, 0.0), said.get(find(id).chain_name) if id else None,
        len(score.matching.false_alarms) if score.matching else None,
        answer_words(outcome.said, outcome.case.choices), step.flipped,
        None if score.accuracy is None else bool(score.accuracy), answer.parsed.well_formed,
        answer.tokens, round(answer.seconds, 3),
    )


def _cell(value: object) -> object:
    """Return what a spreadsheet shows and never runs: a text that begins a formula is quoted."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value[:1] in tuple("=+-@\t\r"):
        return f"'{value}"
    return value
