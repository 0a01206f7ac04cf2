"""merge: put the runs of shards together into one run."""

import argparse
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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Merge the runs and say what came of it."""
    from robust_r1.evaluation.merging import merge_runs

    done = merge_runs(args.runs, args.output)
    print(f"{done.folder}: {done.benchmark}, {done.model}, {len(done.rows)} cases")
    return 0
