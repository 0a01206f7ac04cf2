"""What came of a case as JSON values, the same in saved answers, endpoints and commands."""

from dataclasses import asdict
from typing import Any

from robust_r1.ask.case import Reply
from robust_r1.metrics import Scorecard
from robust_r1.thoughts import thought_in


def reply_fields(reply: Reply | None, score: Scorecard | None) -> dict[str, Any] | None:
    """Return a reply and its scores as JSON values, or None where there is no reply."""
    if reply is None:
        return None
    fields: dict[str, Any] = {
        "text": reply.text,
        "thought": thought_in(reply.text) or None,
        "findings": [asdict(finding) for finding in reply.parsed.chain.findings],
        **section_fields(reply),
        "problems": [str(problem) for problem in reply.parsed.problems],
    }
    if reply.answer is not None:
        fields |= {
            "perceived_by": reply.answer.eyes or reply.answer.model,
            "answered_by": reply.answer.model,
            "remark": reply.answer.sight.remark or None if reply.answer.sight else None,
            "finish": reply.answer.finish,
            "fault": reply.answer.fault or None,
            "tokens": reply.answer.tokens,
            "seconds": round(reply.answer.seconds, 3),
        }
    return fields | {"scores": None if score is None else score_fields(score)}


def section_fields(reply: Reply) -> dict[str, str]:
    """Return the sections of a chain after its findings as JSON values."""
    chain = reply.parsed.chain
    return {
        "influence": chain.influence,
        "reasoning": chain.reasoning,
        "conclusion": chain.conclusion,
        "answer": chain.answer,
    }


def score_fields(score: Scorecard) -> dict[str, float | None]:
    """Return the figures of a scorecard as JSON values."""
    matching = score.matching
    return {
        "precision": matching.precision if matching else None,
        "recall": matching.recall if matching else None,
        "intensity_error": matching.mae if matching else None,
        "degradation": score.degradation,
        "length": score.length,
        "format": score.format,
        "accuracy": score.accuracy,
    }
