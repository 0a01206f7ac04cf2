"""evaluate: run a benchmark with a model into a folder, and print its figures."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.commands.settings import add_settings, given_settings
from robust_r1.commands.tables import format_table
from robust_r1.degradations import LEVELS
from robust_r1.errors import InputError

if TYPE_CHECKING:
    from robust_r1.evaluation import BenchmarkItem


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on a benchmark",
        description="Answer the cases of a benchmark into a folder, by default as the model is "
        "asked everywhere, and print the figures with 95 % intervals. Interrupted, the same "
        "command goes on where it was.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "data", metavar="DATA", help="minibench, photobench2, variants, photobench or scenes"
    )
    parser.add_argument("--model", default="auto", help="catalog name, folder, hub id or endpoint")
    parser.add_argument("--quantize", help="4bit, 8bit, bf16 or fp32")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder of the run")
    parser.add_argument("--levels", help="only these, as in clean,100")
    parser.add_argument("--limit", type=int, help="only the first N sources")
    parser.add_argument("--seed", type=int, metavar="N", help="of drawn tokens (default: 0)")
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run or continue the evaluation and print the figures."""
    from robust_r1.engine import GenerationSettings, load_engine
    from robust_r1.evaluation import (
        benchmark,
        evaluate,
        false_alarms_by_degradation,
        headline,
        recall_by_degradation,
    )
    from robust_r1.report.summary import false_alarm_values, named_false_alarms

    items = _chosen(benchmark(args.data), args.levels, args.limit)
    given_settings(args, GenerationSettings())  # out of range: said before the model is loaded
    engine = load_engine(args.model, args.quantize, max_pixels=args.max_pixels)
    settings = given_settings(args, engine.info.defaults)
    show = _show if sys.stderr.isatty() else None
    done = evaluate(engine, args.data, items, args.output, settings, progress=show)
    figures, recalls = headline(done.rows), recall_by_degradation(done.rows, LEVELS["50"])
    alarms = false_alarms_by_degradation(done.rows)
    if args.json:
        values = {
            "benchmark": done.benchmark,
            "model": done.model,
            "precision": done.precision,
            "figures": {name: asdict(figure) for name, figure in figures.items()},
            "recall": {name: asdict(figure) for name, figure in recalls.items()},
        }
        if alarms:
            values["false_alarms"] = false_alarm_values(alarms)
        print(json.dumps(values, indent=1))
        return 0
    print(f"{done.benchmark}, {done.model} ({done.precision}), {len(done.rows)} cases\n")
    print(format_table(("figure", "value"), [(name, str(fig)) for name, fig in figures.items()]))
    print("\nPerceived at intensity .45 and up:")
    print(format_table(("degradation", "recall"), [(n, str(fig)) for n, fig in recalls.items()]))
    if said := named_false_alarms([alarms])[0]:
        print("\nSaid of clean views:")
        print(format_table(("degradation", "share"), [(n, str(fig)) for n, fig in said.items()]))
    return 0


def _chosen(
    items: Sequence["BenchmarkItem"], levels: str | None, limit: int | None
) -> Sequence["BenchmarkItem"]:
    if levels is not None:
        known = list(dict.fromkeys(item.level for item in items))
        wanted = [_level(level.strip(), known) for level in levels.split(",")]
        items = [item for item in items if item.level in wanted]
    if limit is not None:
        if limit < 1:
            raise InputError(f"--limit is {limit}; give at least 1")
        sources = set(list(dict.fromkeys(item.source for item in items))[:limit])
        items = [item for item in items if item.source in sources]
    return items


def _level(name: str, known: Sequence[str]) -> str:
    """Return a level as the benchmark calls it: its own name, or a percentage such as 50."""
    from robust_r1.evaluation import STRENGTHS

    if name in known:
        return name
    same = [own for own in known if name in LEVELS and STRENGTHS.get(own) == LEVELS[name]]
    if not same:
        percent = ", ".join(LEVELS)
        raise InputError(f"unknown level {name!r}; choose from {', '.join(known)} ({percent})")
    return same[0]


def _show(done: int, total: int) -> None:
    print(f"\r{done} of {total} cases", end="\n" if done == total else "", file=sys.stderr)
