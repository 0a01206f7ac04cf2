"""Runs of published benchmarks, answered by a script, as `evaluate` writes them."""

import json
from collections.abc import Callable
from pathlib import Path

from robust_r1.ask.prompts import read_prompt
from robust_r1.evaluation import evaluate
from robust_r1.evaluation.published import PublishedItems, Selection
from robust_r1.records import open_benchmark
from tests.support.scripted_engine import ScriptedEngine

SAID = "<TYPE>lens blur(0.35)<TYPE_END><ANSWER>0<ANSWER_END>"


def run_of(
    table: Path,
    folder: Path,
    name: str = "tiny-sft",
    prompt: str = "ours",
    texts: dict[str, str] | None = None,
    levels: tuple[str, ...] = ("clean", "25", "50", "100"),
) -> Path:
    """Answer a published file into a folder; what is said is the text of the question's key."""
    engine = ScriptedEngine(name, texts={**(texts or {}), "": SAID})
    file = open_benchmark(table)
    at = "native" if file.damage is None else "as published"
    terms = {"prompt": prompt, "degrade_at": at, "file": table.name, "bytes": table.stat().st_size}
    items = PublishedItems(file, engine.info, Selection(levels), read_prompt(prompt))
    benchmark = file.name if file.damage is None else f"{file.name}, {file.damage.level}"
    evaluate(engine, benchmark, items, folder, terms=terms)
    return folder


def with_odds(folder: Path, odds: Callable[[dict], list[float]]) -> Path:
    """Give each case of a run the log-probabilities of its options, from its stored values."""
    path = folder / "cases.jsonl"
    cases = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines = [json.dumps({**case, "option_logprobs": odds(case)}) for case in cases]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return folder
