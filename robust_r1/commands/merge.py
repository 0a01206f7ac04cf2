"""merge: put the runs of shards together into one run."""

import argparse
import json
from pathlib import Path

_EPILOG = """\
example, after four jobs of a Slurm array:
  merge runs/mmstar-1 runs/mmstar-2 runs/mmstar-3 runs/mmstar-4 -o runs/mmstar

All shards must be there and finished, and asked with the same settings. The run is the one that the
command without --shard would have written."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "merge",
        help="put the runs of evaluate --shard together",
        description="Put the runs of `evaluate --shard 1/N` to `N/N` together into one run.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="folder of a shard's run")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder of the whole run")
    parser.add_argument("--json", action="store_true", help="print what came of it as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Merge the runs and say what came of it."""
    from robust_r1.evaluation.merging import merge_runs

    done = merge_runs(args.runs, args.output)
    values = {
        "run": str(done.folder),
        "benchmark": done.benchmark,
        "model": done.model,
        "cases": len(done.rows),
        "unusable": list(done.unusable),
    }
    if args.json:
        print(json.dumps(values, indent=1))
        return 0
    print(f"{done.folder}: {done.benchmark}, {done.model}, {len(done.rows)} cases")
    if done.unusable:
        print(f"rows that could not be used: {len(done.unusable)} (report lists them)")
    return 0
