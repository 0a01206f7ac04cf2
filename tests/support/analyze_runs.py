"""Run folders for the tests of analyses: written line by line, as `evaluate` writes them."""

import json
from pathlib import Path

from robust_r1.degradations import SPECS, DegradationPlan

LEVELS = {"clean": 0.0, "low": 0.23, "mid": 0.45, "high": 0.9}


def head(model: str = "paper", benchmark: str = "made-up", **more) -> dict:
    """Return what run.json holds."""
    settings = {"max_new_tokens": 64, "temperature": 0.0, "top_p": 1.0, "seed": 0}
    return {"format": 1, "benchmark": benchmark, "model": model, "precision": "fp32",
            "settings": settings, **more}  # fmt: skip


def line(number: int, level: str, text: str, accuracy: float | None = 1.0, **more) -> dict:
    """Return one line of cases.jsonl."""
    id = SPECS[number % len(SPECS)].id
    plan = DegradationPlan.of({id: LEVELS[level]}, seed=number)
    return {
        "id": f"s{number:05d}-{level}", "source": f"s{number:05d}", "task": "vqa", "level": level,
        "question": f"What is number {number}?", "choices": [], "truth": "two", "text": text,
        "tokens": 9, "seconds": 0.1, "finish": "stop", "accuracy": accuracy, "degradation": 0.5,
        "plan": json.loads(plan.to_json()), **more,
    }  # fmt: skip


def chain(findings: str, answer: str = "two", reasoning: str = "r") -> str:
    """Return a well-formed chain."""
    return (
        f"<TYPE>{findings}<TYPE_END><INFLUENCE>i<INFLUENCE_END><REASONING>{reasoning}"
        f"<REASONING_END><CONCLUSION>c<CONCLUSION_END><ANSWER>{answer}<ANSWER_END>"
    )


def write_run(folder: Path, lines: list[dict], **heads) -> Path:
    """Write a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(head(**heads)))
    (folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


def many(sources: int) -> list[dict]:
    """Return four levels of many pictures; every third damaged answer is wrong."""
    found = []
    for number in range(sources):
        name = SPECS[number % len(SPECS)].chain_name
        for place, (level, strength) in enumerate(LEVELS.items()):
            said = f"{name}({max(0, strength - 0.05):.2f})" if strength else "none"
            wrong = bool(strength) and (number + place) % 3 == 0
            text = chain(said, "three" if wrong else "two")
            found.append(line(number, level, text, 0.0 if wrong else 1.0, tokens=number % 90))
    return found
