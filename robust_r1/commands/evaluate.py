"""evaluate: run a benchmark with a model into a folder, and print its figures."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from robust_r1.commands.tables import format_table
from robust_r1.errors import InputError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on a benchmark",
        description="Answer the cases of a benchmark into a folder, greedily, and print the "
        "figures with 95 % intervals. Interrupted, the same command goes on where it was.",
        allow_abbrev=False,
    )
    parser.add_argument("data", metavar="DATA", help="minibench, photobench or scenes")
    parser.add_argument("--model", default="auto", help="catalog name, folder, hub id or endpoint")
    parser.add_argument("--quantize", help="4bit, 8bit, bf16 or fp32")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder of the run")
    parser.add_argument("--levels", help="only these, as in clean,high")
    parser.add_argument("--limit", type=int, help="only the first N sources")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run or continue the evaluation and print the figures."""
    from robust_r1.engine import load_engine
    from robust_r1.evaluation import benchmark, evaluate, headline, recall_by_degradation

    cases = _chosen(benchmark(args.data), args.levels, args.limit)
    engine = load_engine(args.model, args.quantize)
    show = _show if sys.stderr.isatty() else None
    done = evaluate(engine, args.data, cases, args.output, progress=show)
    figures, recalls = headline(done.rows), recall_by_degradation(done.rows, 0.45)
    if args.json:
        values = {
            "benchmark": done.benchmark,
            "model": done.model,
            "precision": done.precision,
            "figures": {name: asdict(figure) for name, figure in figures.items()},
            "recall": {name: asdict(figure) for name, figure in recalls.items()},
        }
        print(json.dumps(values, indent=1))
        return 0
    print(f"{done.benchmark}, {done.model} ({done.precision}), {len(done.rows)} cases\n")
    print(format_table(("figure", "value"), [(name, str(fig)) for name, fig in figures.items()]))
    print("\nPerceived at intensity .45 and up:")
    print(format_table(("degradation", "recall"), [(n, str(fig)) for n, fig in recalls.items()]))
    return 0


def _chosen(cases, levels: str | None, limit: int | None):
    if levels is not None:
        wanted = [level.strip() for level in levels.split(",")]
        known = list(dict.fromkeys(case.level for case in cases))
        if unknown := [level for level in wanted if level not in known]:
            raise InputError(f"unknown level {unknown[0]!r}; choose from {', '.join(known)}")
        cases = [case for case in cases if case.level in wanted]
    if limit is not None:
        if limit < 1:
            raise InputError(f"--limit is {limit}; give at least 1")
        sources = list(dict.fromkeys(case.source for case in cases))[:limit]
        cases = [case for case in cases if case.source in set(sources)]
    return cases


def _show(done: int, total: int) -> None:
    print(f"\r{done} of {total} cases", end="\n" if done == total else "", file=sys.stderr)
