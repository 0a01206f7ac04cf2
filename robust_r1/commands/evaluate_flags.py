"""The flags of evaluate that choose among the tables of a benchmark that is a folder of them."""

import argparse


def add_sets(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
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
