"""A saved answer: everything that `python -m robust_r1 ask --replay FILE` needs to ask again."""

import json
from dataclasses import asdict

import numpy as np

from robust_r1 import images
from robust_r1.ask.pictures import fitted
from robust_r1.ask.pipeline import Case, Exchange, Outcome, Reply
from robust_r1.ask.saved import KIND, VERSION
from robust_r1.engine import Engine
from robust_r1.metrics import Scorecard


def to_json(engine: Engine, case: Case, seed: int, outcome: Outcome) -> str:
    """Return the case and its outcome as JSON text.

    The pictures travel along as the model saw them before the damage, and so do the earlier turns
    of their conversation, which the model was given: the file stands alone.
    """
    record = {
        "kind": KIND,
        "version": VERSION,
        "example": case.picture.example or None,
        "image": images.data_url(fitted(case.picture, engine)),
        "further": [_picture_fields(fitted(one, engine)) for one in case.further],
        "plan": json.loads(case.plan.to_json()),
        "seed": seed,
        "question": case.question,
        "choices": list(case.choices),
        "turns": [_turn_fields(exchange) for exchange in case.earlier],
        "answer": case.truth or None,
        "model": engine.info.name,
        "settings": asdict(case.settings),
        "template": case.template or None,
        "reply": reply_fields(outcome.reply, outcome.score),
        "clean_reply": reply_fields(outcome.clean, outcome.clean_score),
        "flipped": outcome.flipped,
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def reply_fields(reply: Reply | None, score: Scorecard | None) -> dict | None:
    """Return a reply and its scores as JSON values, or None where there is no reply."""
    if reply is None:
        return None
    chain = reply.parsed.chain
    fields: dict = {
        "text": reply.text,
        "findings": [asdict(finding) for finding in chain.findings],
        "influence": chain.influence,
        "reasoning": chain.reasoning,
        "conclusion": chain.conclusion,
        "answer": chain.answer,
        "problems": [str(problem) for problem in reply.parsed.problems],
    }
    if reply.answer is not None:
        fields |= {
            "finish": reply.answer.finish,
            "fault": reply.answer.fault or None,
            "tokens": reply.answer.tokens,
            "seconds": round(reply.answer.seconds, 3),
        }
    return fields | {"scores": _scores(score)}


def _picture_fields(image: np.ndarray) -> dict:
    return {**asdict(images.describe(image)), "image": images.data_url(image)}


def _turn_fields(exchange: Exchange) -> dict:
    clean = exchange.clean.text if exchange.clean else None
    return {"question": exchange.question, "text": exchange.reply.text, "clean_text": clean}


def _scores(score: Scorecard | None) -> dict | None:
    if score is None:
        return None
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
