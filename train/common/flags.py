"""The command line of a full-size stage, known without the trainers, which take seconds to import.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.common.command import parser_of


class _DryRun(argparse.Action):
    """Tell what the run would take instead of running it, whatever the flag was shortened to."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Hand over to `train.common.dry_run` and end."""
        from train.common.dry_run.command import main

        sys.exit(main(parser.prog.rpartition(".")[2], parser.description))


def adapter_parser(
    command: str, description: str | None, dry: bool = False
) -> argparse.ArgumentParser:
    """Make the command line of a full-size stage; see `parser_of`.

    Args:
        command: "train.sft" or "train.grpo".
        description: the module's docstring, whose first line is shown.
        dry: whether the run is only to be told about, which needs neither data nor a folder.
    """
    stage = command.rpartition(".")[2]
    parser = parser_of(command, description, "3b-qlora", output=not dry)
    parser.add_argument("--from", dest="start", required=True, help="model or adapter to train")
    parser.add_argument("--data", required=not dry, type=Path, help="JSONL file of chains")
    if stage == "sft":
        parser.add_argument(
            "--validation",
            type=Path,
            metavar="FILE",
            help="chains to measure the loss on, instead of those that DATA marks",
        )
    parser.add_argument(
        "--dry-run",
        action="store_true" if dry else _DryRun,
        help="check recipe, data and pictures, tell memory, steps and hours, and train nothing; "
        "without --data for data like the paper's",
    )
    parser.add_argument(
        "--machine",
        nargs="+",
        default=[],
        metavar="GPU",
        help="of a dry run: GPUs to figure for instead of this machine's, such as 24GB or 8x80GB",
    )
    return parser
