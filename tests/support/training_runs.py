"""Folders of training runs for the tests of their reader: written as `train` writes them."""

import json
from pathlib import Path

from tests.support.analyze_runs import chain

TRUTH = chain("lens blur(0.40), darkness(0.60)")
GOOD = chain("lens blur(0.45), darkness(0.50)")
BAD = chain("graffiti(0.90)", answer="three")
PARTS = ("degradation", "length", "format", "accuracy")


def step(number: int, **values: float) -> dict:
    """Return a row of log.jsonl."""
    return {"step": number, "of": 40, "seconds": number, **values}


def said(number: int, completion: str, **more) -> dict:
    """Return a row of samples.jsonl, with what an earlier version kept."""
    return {"step": number, "question": "How many?\n0. two\n1. three", "solution": TRUTH,
            "completion": completion, "tokens": 50, **more}  # fmt: skip


def group(number: int, sample: str, rewards: list[float], kind: str = "watched", **more) -> list:
    """Return a group of completions as today's training writes it, one for each reward."""
    middle = sum(rewards) / len(rewards)
    return [
        said(
            number, GOOD if reward > middle else BAD, kind=kind, sample=sample, member=member,
            split="train", picture="", reward=reward, advantage=reward - middle,
            **{f"{name}_reward": reward / 4 for name in PARTS}, **more,
        )
        for member, reward in enumerate(rewards)
    ]  # fmt: skip


def write_training(
    folder: Path, log: list[dict] = (), samples: list[dict] = (), settings: dict | None = None
) -> Path:
    """Write the folder of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("log.jsonl", log), ("samples.jsonl", samples)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    if settings is not None:
        (folder / "recipe.json").write_text(json.dumps({"settings": settings, "data": ""}))
    return folder


def reinforced(folder: Path, steps: int = 40) -> Path:
    """Write a run of rewards that gets better: two fixed prompts, kept at every tenth step."""
    log = [
        step(number, reward=number / steps, loss=0.1, kl=0.01,
             **{f"rewards/{name}_reward/mean": number / steps for name in PARTS},
             **{"findings/lens_blur/f1": number / steps, "findings/all/f1": 0.5})
        for number in range(1, steps + 1)
    ]  # fmt: skip
    samples = [
        row
        for number in range(0, steps + 1, 10)
        for sample in ("first.png-1a", "second.png-2b")
        for row in (
            *group(number, sample, [0.0, 1.0 + number / 10]),
            said(number, GOOD, kind="greedy", sample=sample, member=0, reward=1.5,
                 degradation_reward=1.5),
        )
    ]  # fmt: skip
    settings = {"seed": 1, "grpo.rewards": dict.fromkeys(PARTS, 1)}
    return write_training(folder, log, samples, settings)
