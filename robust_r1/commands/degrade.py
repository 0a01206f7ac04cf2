"""degrade: damaged copies of pictures, by a plan, at random, or at the benchmark levels."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from robust_r1.commands.batch import (
    MANIFEST,
    Job,
    Outcome,
    check_jobs,
    find_pictures,
    run_jobs,
    write_picture,
)
from robust_r1.degradations import (
    LEVELS,
    PRESETS,
    DegradationPlan,
    level_plan,
    picture_rng,
    sample_plan,
)
from robust_r1.degradations.sheet import contact_sheet
from robust_r1.errors import InputError
from robust_r1.images import ENDINGS, load

_TABLES = (".tsv", ".csv", ".jsonl", ".parquet")  # all but the first are refused as such
_EPILOG = """\
examples:
  degrade photo.jpg -o out --set lens_blur=0.4 --set gaussian_noise=0.25
  degrade photos/ -o out --preset "rainy night drive"
  degrade photos/ -o out --random --seed 7
  degrade photos/ -o out --levels 25,50,100
  degrade photo.jpg -o sheet.png --sheet
  degrade MMStar.tsv -o benchmarks --levels 25,50,100

A folder is searched for pictures and its layout is kept. Of a table of VLMEvalKit's a copy for each
level is written: MMStar_Robust_25.tsv, ... Run the same command again to go on after an
interruption."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "degrade",
        help="write damaged copies of pictures",
        description="Write damaged copies of pictures, or of a benchmark's table, at full size, "
        "and a manifest of how each was made.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="a file, a folder, or a table"
    )
    parser.add_argument(
        "-o", "--out", required=True, type=Path, help="the folder for pictures and manifest"
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument(
        "--set",
        action="append",
        metavar="NAME=INTENSITY",
        help="a degradation and its intensity from 0 to 1; repeat for several",
    )
    way.add_argument("--preset", metavar="NAME", help=f"one of: {', '.join(PRESETS)}")
    way.add_argument("--random", action="store_true", help="draw a plan for each picture")
    way.add_argument(
        "--levels",
        metavar="LIST",
        help=f"of {','.join(LEVELS)}: a folder per level, one degradation drawn per picture",
    )
    way.add_argument("--sheet", action="store_true", help="all sixteen on one photo, one picture")
    parser.add_argument("--seed", type=int, help="what is drawn depends on this (default: 0)")
    parser.add_argument("--jobs", type=int, metavar="N", help="pictures at a time (default: cores)")
    parser.add_argument("--quality", type=int, help="write JPEG of this quality, 1 to 100, not PNG")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 2 where a picture failed."""
    _check(args)
    if args.sheet:
        return _write_sheet(args)
    if args.out.suffix.lower() in ENDINGS:
        raise InputError(f"-o {args.out} must be a folder: a manifest is written there too.")
    workers = args.jobs or os.cpu_count() or 1
    if _are_tables(args.inputs):
        from robust_r1.commands.degrade_table import degrade_tables

        return degrade_tables(args, _levels(args.levels), _fixed_plan(args), workers)
    jobs = _jobs(args)
    check_jobs(jobs, args.out)
    outcomes = run_jobs(jobs, args.out, workers, _reporter(len(jobs)))
    _summarize(args, outcomes)
    return 2 if any(outcome.state == "failed" for outcome in outcomes) else 0


def _check(args: argparse.Namespace) -> None:
    if args.quality is not None and not 1 <= args.quality <= 100:
        raise InputError(f"--quality is {args.quality}; give a number from 1 to 100.")
    if args.jobs is not None and args.jobs < 1:
        raise InputError(f"--jobs is {args.jobs}; give 1 or more.")
    if args.seed is not None and args.seed < 0:
        raise InputError(f"--seed is {args.seed}; give 0 or more.")
    if args.out.exists() and not args.out.is_dir() and not args.sheet:
        raise InputError(f"-o {args.out} is a file; give a folder.")


def _are_tables(inputs: list[Path]) -> bool:
    """Tell whether the inputs are tables; raises InputError for tables among pictures."""
    tables = [path for path in inputs if path.suffix.lower() in _TABLES and not path.is_dir()]
    if tables and len(tables) < len(inputs):
        raise InputError(f"{tables[0]} is a table among pictures; give one kind at a time.")
    if tables and not tables[0].exists():
        raise InputError(f"{tables[0]} does not exist; check the path.")
    return bool(tables)


def _jobs(args: argparse.Namespace) -> list[Job]:
    seed = args.seed or 0
    levels = _levels(args.levels)
    fixed = _fixed_plan(args)
    jobs = []
    for source, relative in find_pictures(args.inputs, args.out):
        output = Path(relative).with_suffix(".jpg" if args.quality else ".png").as_posix()
        for level in levels:
            plan = level_plan(picture_rng(seed, relative), level)
            place = relative, f"{level}/{output}"
            jobs.append(Job(source, *place, plan, seed, level, args.quality))
        if not levels:
            plan = fixed if fixed is not None else sample_plan(picture_rng(seed, relative))
            jobs.append(Job(source, relative, output, plan, seed, quality=args.quality))
    return jobs


def _fixed_plan(args: argparse.Namespace) -> DegradationPlan | None:
    """Return the plan that all pictures share, None where each draws its own."""
    if args.set:
        return DegradationPlan.parse(",".join(args.set), seed=args.seed or 0)
    if args.preset is None:
        return None
    if args.preset not in PRESETS:
        raise InputError(f"no preset {args.preset!r}; there are: {', '.join(PRESETS)}.")
    plan = PRESETS[args.preset]
    return plan if args.seed is None else DegradationPlan.of(plan.intensities, seed=args.seed)


def _levels(text: str | None) -> list[str]:
    if text is None:
        return []
    levels = list(dict.fromkeys(level.strip() for level in text.split(",")))
    for level in levels:
        if level not in LEVELS:
            raise InputError(f"no level {level!r}; give some of {','.join(LEVELS)}.")
    return levels


def _write_sheet(args: argparse.Namespace) -> int:
    if len(args.inputs) > 1 or args.inputs[0].is_dir():
        raise InputError("--sheet shows one photo; give one file.")
    target = args.out if args.out.suffix.lower() in ENDINGS else args.out / "contact_sheet.png"
    if target.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"-o {target} is neither PNG nor JPEG; give a name with one of these.")
    quality = None if target.suffix.lower() == ".png" else args.quality or 90
    write_picture(contact_sheet(load(args.inputs[0]), seed=args.seed or 0), target, quality)
    print(json.dumps({"output": str(target)}) if args.json else f"Wrote {target}.")
    return 0


def _reporter(total: int) -> Callable[[Outcome], None]:
    """Return a function that tells of failures, and on a terminal of progress."""
    done = 0

    def report(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        terminal = sys.stderr.isatty()
        if outcome.state == "failed":
            line = f"error: {' '.join(outcome.error.split())}"
            print(f"\r{line}" if terminal else line, file=sys.stderr)
        if terminal:
            end = "\n" if done == total else ""
            print(f"\r{done} of {total}", end=end, file=sys.stderr, flush=True)

    return report


def _summarize(args: argparse.Namespace, outcomes: list[Outcome]) -> None:
    by_state = {
        state: [outcome for outcome in outcomes if outcome.state == state]
        for state in ("written", "skipped", "failed")
    }
    if args.json:
        failed = [
            {"source": str(outcome.job.source), "error": outcome.error}
            for outcome in by_state["failed"]
        ]
        result = {
            "manifest": str(args.out / MANIFEST),
            "written": [outcome.job.record() for outcome in by_state["written"]],
            "skipped": [outcome.job.record() for outcome in by_state["skipped"]],
            "failed": failed,
        }
        print(json.dumps(result, indent=2))
        return
    counts = ", ".join(f"{len(found)} {state}" for state, found in by_state.items())
    print(f"{args.out}: {counts}; see {args.out / MANIFEST}.")
