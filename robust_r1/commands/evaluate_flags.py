"""The flags of evaluate: which items are asked, where they lie, and how a model is asked."""

import argparse
from pathlib import Path


def add_items(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose among a benchmark's items, and say where its files lie."""
    parser.add_argument("--levels", help="only these, as in clean,100")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N sources")
    parser.add_argument("--shard", metavar="I/N", help="every N-th source, from the I-th (from 1)")
    parser.add_argument(
        "--degrade-at",
        choices=("native", "fitted"),
        help="damage pictures at full size, or what the model sees of them (default: native for "
        "published benchmarks, fitted for those made here)",
    )
    parser.add_argument(
        "--damage-seed",
        type=int,
        default=0,
        metavar="N",
        help="of what is drawn for each picture of a published benchmark (default: 0)",
    )
    parser.add_argument(
        "--data",
        dest="folder",
        type=Path,
        metavar="DIR",
        help="where published benchmarks lie, before $LMUData (default: ~/LMUData)",
    )
    parser.add_argument(
        "--download",
        action="store_true",
        help="fetch a published benchmark that is not there yet, into --data or $LMUData",
    )
    parser.add_argument(
        "--pictures",
        metavar="DIR",
        help="the folder that a file's pictures are in; of parquet, their column",
    )


def add_asking(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how a model is asked, beside those of its settings."""
    parser.add_argument(
        "--prompt",
        metavar="P",
        default="ours",
        help="ours; direct: the bare question with lettered options; a file; or a text with "
        "{question} (default: ours)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of drawn tokens (default: 0)")
    parser.add_argument(
        "--logprobs",
        action="store_true",
        help="keep how likely each option's label was where the answer begins",
    )
    parser.add_argument(
        "--concurrency",
        type=int,
        metavar="N",
        help="of an endpoint: how many questions are on their way at a time (default: 8)",
    )


def add_sets(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose among the tables of a benchmark that is a folder of them."""
    group = parser.add_argument_group(
        "mmd-bench", "a folder of tables, each a run of its own in a folder below -o"
    )
    group.add_argument("--sets", metavar="NAMES", help="only these, as in MMStar,RealWorldQA")
    group.add_argument(
        "--degradations",
        metavar="NAMES",
        help="only the tables of these operations; mixed: those of a level, where each picture has "
        "one that was drawn",
    )
    group.add_argument(
        "--degrade-clean",
        action="store_true",
        help="degrade the clean table as well, at the same levels, and say by how much the "
        "published one differs",
    )
