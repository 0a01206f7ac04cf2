"""models: what is bundled, what is cached, and what fits this machine."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from robust_r1.commands.tables import format_table
from robust_r1.engine import ModelInfo, catalog, machine
from robust_r1.engine.conversation import write_prompt
from robust_r1.engine.memory import fitting
from robust_r1.engine.speed import CHAIN, PICTURE, SENTENCE, read_speed
from robust_r1.evaluation.model_facts import ModelFacts, facts_of, seconds_of_runs, tell_seconds

# Precisions whose needs are told apart in the table.
_SHOWN = {"4bit": "4-bit", "8bit": "8-bit", "bf16": "16-bit", "fp32": "32-bit"}
_FACTS = (
    *("model", "GB to fetch", "loaded in", "GB", "an answer", "", "writes chains", "licence"),
    "remark",
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "models",
        help="list the models that can be named",
        description="List the models that --model takes: where they are, what they need, what they "
        "can do.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the catalog."""
    memory = machine.read_memory()
    speed, used = read_speed(), seconds_of_runs()
    facts = {info.name: facts_of(info, speed, used) for info in catalog.models()}
    rows = [_describe(info, memory, facts[info.name]) for info in catalog.models()]
    if args.json:
        values = {
            "memory": memory.available,
            "gpu_memory": memory.gpu,
            "speed": asdict(speed),
            "models": rows,
        }
        print(json.dumps(values, indent=2))
        return 0
    _print_memory(rows)
    print()
    print(format_table(_FACTS, [_fact_cells(one) for one in facts.values()]))
    print(
        f"An answer is to a question about a picture of {PICTURE[1]} x {PICTURE[0]}: {CHAIN} "
        f"tokens from a model that writes chains, else {SENTENCE}. Estimated from how fast this "
        "machine computes, or measured in your own runs."
    )
    print()
    for row in rows:
        asked = "a chain" if row["reasons"] else "the answer only"
        lacks = f" {row['lacking']}" if row["lacking"] else ""
        print(
            f"{row['name']}: {row['about']} Asked for {asked}, with up to "
            f"{row['defaults']['max_new_tokens']} tokens. Licence: {row['licence']}.{lacks}"
        )
    gpu = f"{memory.gpu / 1e9:.1f} GB on the GPU" if memory.gpu else "no GPU"
    print(f"\nThis machine has {memory.available / 1e9:.1f} GB of memory free and {gpu}.")
    print(
        "--model also takes a folder (a checkpoint, or a LoRA for one), a hub id, or an endpoint's "
        "address, http://host:8000/v1#name. All of this is made for Qwen2.5-VL models; others that "
        "transformers can load for pictures and text were not trained to write chains. What is on "
        "the hub is fetched when it is named, and never unasked."
    )
    return 0


def _print_memory(rows: Sequence[Mapping[str, Any]]) -> None:
    table = [
        (
            *(row["name"], _size(row["parameters"]), row["where"]),
            *(f"{row['memory'][precision] / 1e9:.2f}" for precision in _SHOWN),
            row["fits"] or "too large",
        )
        for row in rows
    ]
    needs = [f"GB {words}" for words in _SHOWN.values()]
    print(format_table(("model", "parameters", "where", *needs, "fits in"), table))


def _fact_cells(facts: ModelFacts) -> tuple[str, ...]:
    fetched = "?" if facts.download is None else f"{facts.download / 1e9:.2f}"
    answer = "?" if facts.seconds is None else tell_seconds(facts.seconds)
    return (
        *(facts.name, fetched, facts.precision, f"{facts.memory / 1e9:.2f}", answer, facts.told),
        *("yes" if facts.writes_chains else "no", facts.licence),
        "lacks a package" if facts.lacking else "",
    )


def _describe(info: ModelInfo, memory: machine.Memory, facts: ModelFacts) -> dict[str, Any]:
    fits = ", ".join(fitting(info.memory, memory))
    where = "bundled" if info.bundled else "downloaded" if catalog.is_cached(info) else "on the hub"
    prompt = write_prompt(info, "QUESTION")
    values = {"memory": dict(info.memory), "prompt": prompt, "where": where, "fits": fits}
    return {**asdict(info), **values, **asdict(facts)} | {"memory": dict(info.memory)}


def _size(parameters: int) -> str:
    if parameters >= 1e9:
        return f"{parameters / 1e9:.1f} billion"
    return f"{parameters / 1e6:.1f} million"
