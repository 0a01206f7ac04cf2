"""models: what is bundled, what is cached, and what fits this machine."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from robust_r1.commands.tables import format_table
from robust_r1.engine import ModelInfo, catalog, machine


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
    rows = [_describe(info, memory) for info in catalog.models()]
    if args.json:
        values = {"memory": memory.available, "gpu_memory": memory.gpu, "models": rows}
        print(json.dumps(values, indent=2))
        return 0
    table = [
        (row["name"], _size(row["parameters"]), row["where"], row["fits"] or "too large")
        for row in rows
    ]
    print(format_table(("model", "parameters", "where", "fits in"), table))
    print()
    for row in rows:
        print(f"{row['name']}: {row['about']} Licence: {row['licence']}.")
    gpu = f"{memory.gpu / 1e9:.1f} GB on the GPU" if memory.gpu else "no CUDA GPU"
    print(f"\nThis machine has {memory.available / 1e9:.1f} GB of memory free and {gpu}.")
    print("--model also takes a folder with a Qwen2.5-VL checkpoint, or a hub id.")
    return 0


def _describe(info: ModelInfo, memory: machine.Memory) -> dict[str, Any]:
    fitting = [name for name, size in info.memory.items() if size <= memory.largest]
    where = "bundled" if info.bundled else "downloaded" if catalog.is_cached(info) else "on the hub"
    return {**asdict(info), "memory": dict(info.memory), "where": where, "fits": ", ".join(fitting)}


def _size(parameters: int) -> str:
    if parameters >= 1e9:
        return f"{parameters / 1e9:.1f} billion"
    return f"{parameters / 1e6:.1f} million"
