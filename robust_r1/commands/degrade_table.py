"""degrade on a table of VLMEvalKit's: corrupted copies of it, as VLMEvalKit loads them."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from robust_r1.commands.processes import in_order
from robust_r1.degradations import DegradationPlan, picture_rng, sample_plan
from robust_r1.errors import InputError
from robust_r1.evaluation.copies import Damaged, Task, Written, write_copies
from robust_r1.evaluation.growing import Copy
from robust_r1.evaluation.known import known_file
from robust_r1.evaluation.published import plan_of
from robust_r1.records import BenchmarkFile, corrupted_name, named_after_way, open_benchmark
from robust_r1.records.tables import open_table

_ENDING = ".tsv"
_NAMED = 20  # rows that were left out, of each table


def degrade_tables(
    args: argparse.Namespace, levels: list[str], fixed: DegradationPlan | None, jobs: int
) -> int:
    """Write the copies of each table that is asked for, and print what became of them.

    Args:
        levels: a copy for each; empty where there is one, under the plan `fixed` or, where that is
            None, under a plan drawn for each row.
    """
    if args.quality is not None:
        raise InputError("a table's pictures are written without loss; leave out --quality")
    tables = [(path, _opened(path)) for path in args.inputs]
    done: list[Written] = []
    for path, file in tables:
        table = open_table(path, "\t")
        progress = _progress(path)
        copies = [_copy(args, file, level, fixed) for level in levels or [""]]
        each: Callable[[Callable[[Task], Damaged], Iterable[Task]], Iterator[Damaged]]
        each = partial(in_order, jobs=jobs)
        try:
            written = write_copies(table, args.out, copies, each=each, report=progress)
        finally:
            if sys.stderr.isatty():
                print(file=sys.stderr)
        done += written
        _name_faults(written)
    _summarize(args, done)
    return 0


def _opened(path: Path) -> BenchmarkFile:
    """Open a table; raises InputError for another format, and for pictures that came damaged."""
    known = known_file(path)
    file = open_benchmark(path, name=known.name if known else None)
    if file.format != "vlmevalkit" or path.suffix.lower() != _ENDING:
        raise InputError(
            f"{path} is no table of VLMEvalKit's, NAME{_ENDING} with index, question and image; "
            "give one, or pictures"
        )
    if file.damage is not None:
        raise InputError(f"the pictures of {path.name} came damaged; give the clean table")
    return file


def _copy(
    args: argparse.Namespace, file: BenchmarkFile, level: str, fixed: DegradationPlan | None
) -> Copy:
    seed, stem = args.seed or 0, file.path.stem
    way: dict[str, Any] = {"benchmark": file.name, "seed": seed}
    if level:
        name = corrupted_name(stem, level)
        return Copy(
            name, lambda index: plan_of(file.name, index, level, seed), {**way, "level": level}
        )
    if fixed is not None:
        name = named_after_way(stem, args.preset or fixed)
        plan = json.loads(fixed.to_json())
        return Copy(name, lambda index: fixed, {"benchmark": file.name, "plan": plan})

    def drawn(index: str) -> DegradationPlan:
        return sample_plan(picture_rng(seed, f"{file.name}/{index}"))

    return Copy(named_after_way(stem, "random"), drawn, {**way, "random": True})


def _progress(path: Path) -> Callable[[int, int], None]:
    """Return a function that tells on a terminal how much of a table has been done."""
    size = path.stat().st_size

    def show(rows: int, end: int) -> None:
        if sys.stderr.isatty():
            words = f"\r{path.name}: {rows} rows, {end / size:.0%}"
            print(words, end="", file=sys.stderr, flush=True)

    return show


def _name_faults(written: tuple[Written, ...]) -> None:
    """Say on standard error which rows are not in the copies."""
    faults = {fault.place.line: fault for copy in written for fault in copy.left_out}
    for line in sorted(faults)[:_NAMED]:
        fault = faults[line]
        print(f"left out: {fault.place.path.name}, {fault.place}: {fault.wrong}", file=sys.stderr)
    if len(faults) > _NAMED:
        print(f"and {len(faults) - _NAMED} more; see the manifest", file=sys.stderr)


def _summarize(args: argparse.Namespace, done: list[Written]) -> None:
    if args.json:
        tables = [
            {
                "table": str(copy.path),
                "manifest": str(copy.manifest),
                "rows": copy.rows,
                "state": copy.state,
                "left_out": [
                    {"line": one.place.line, "column": one.place.column, "error": one.wrong}
                    for one in copy.left_out
                ],
            }
            for copy in done
        ]
        print(json.dumps({"tables": tables}, indent=2))
        return
    for copy in done:
        left = f", {len(copy.left_out)} left out" if copy.left_out else ""
        there = ", which was there" if copy.state == "skipped" else ""
        print(f"{copy.path}: {copy.rows} rows{left}{there}; see {copy.manifest}.")
