"""rbench: R-Bench's absolute and relative robustness, from tables of judged answers or a run."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robust_r1.commands.tables import format_table
from robust_r1.errors import InputError

if TYPE_CHECKING:
    from robust_r1.analysis.rbench import JudgedItem, RBenchLine
    from robust_r1.report.table import Table

_EPILOG = """\
examples:
  rbench Result_dis.csv Result_ref.csv Result_com.csv
  rbench Result_dis.csv --markdown
  rbench runs/minibench --json

The tables are R-Bench's own, with a column result from 0 to 1: DIS judges the answers to distorted
pictures against the truth, REF the answers to reference pictures against the truth, COM the first
answers against the second. Absolute robustness is the mean of DIS, relative that of COM x REF."""

_RUN_NOTE = (
    "A run does not keep R-Bench's distortions, and its answers are not judged against one "
    "another: figures by step and group, and relative ones, need tables."
)
_PUBLISHED_NOTE = (
    "Published figures are as printed by others, with judges of their own; where none is printed, "
    "none is shown."
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "rbench",
        help="compute R-Bench's robustness from judged answers",
        description="Print absolute and relative robustness overall, by task, strength, step, "
        "group, and task and strength, with 95 %% intervals that resample pictures.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "tables",
        metavar="TABLE",
        nargs="*",
        type=Path,
        help="DIS.csv REF.csv COM.csv; DIS.csv alone or the folder of a run for absolute figures",
    )
    for name, what in (
        ("distorted", "DIS.csv, by name instead of by place"),
        ("reference", "REF.csv, by name"), ("consistency", "COM.csv, by name"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", metavar="CSV", type=Path, help=what)
    parser.add_argument(
        "--published",
        action="store_true",
        help="show figures that others have published beside these, marked as such",
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--markdown", action="store_true", help="print a Markdown table")
    forms.add_argument("--latex", action="store_true", help="print a LaTeX table")
    forms.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read tables or a run and print the figures; name rows that cannot be used on stderr."""
    from robust_r1.analysis.rbench import items_of_tables, rbench_lines, read_judged

    paths = _paths(args)
    unusable: list[str] = []
    if paths[0].is_dir():
        name, items = _run(paths[0], args.published)
    else:
        tables = [read_judged(path) for path in paths]
        name, items = paths[0].stem, items_of_tables(*tables)
        unusable = [str(error) for table in tables for error in table.unusable]
    if unusable:
        print(_left_out(unusable), file=sys.stderr)
    lines = rbench_lines(items)
    if args.json:
        values = _values(name, items, lines, unusable, args.published)
        print(json.dumps(values | {"files": [str(path) for path in paths]}, indent=1))
    else:
        _print(args, name, items, lines, relative=len(paths) > 1)
    return 0


def _paths(args: argparse.Namespace) -> list[Path]:
    """Return the table of distorted pictures, or it with the other two, in their order."""
    named = [args.distorted, args.reference, args.consistency]
    if args.tables and any(named):
        raise InputError("tables are given both by name and by place; give them one way")
    paths = args.tables or [path for path in named if path]
    if len(paths) not in (1, 3) or (any(named) and not args.distorted):
        raise InputError(
            f"{len(paths)} tables are given; give DIS.csv alone for absolute robustness, or "
            "DIS.csv REF.csv COM.csv for relative robustness too"
        )
    folders = [path for path in paths if path.is_dir()]
    if folders and len(paths) > 1:
        raise InputError(f"{folders[0]} is a folder; give a run alone, or three tables")
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise InputError(f"{twice[0]} is given twice; DIS, REF and COM are three tables")
    return paths


def _run(folder: Path, published: bool) -> "tuple[str, tuple[JudgedItem, ...]]":
    from robust_r1.analysis.rbench import items_of_run
    from robust_r1.evaluation import load_run

    done = load_run(folder)
    if published and "rbench" not in done.benchmark.lower().replace("-", ""):
        raise InputError(
            f"{folder} is a run of {done.benchmark} and published figures are of R-Bench; "
            "leave out --published"
        )
    items = items_of_run(done.rows)
    if not items:
        raise InputError(
            f"{folder} holds no answer to a question at low, mid or high; give a run that does"
        )
    return f"{done.model} on {done.benchmark}", items


def _left_out(unusable: Sequence[str]) -> str:
    rows = "1 row" if len(unusable) == 1 else f"{len(unusable)} rows"
    return "\n".join((f"{rows} left out:", *unusable))


def _print(
    args: argparse.Namespace,
    name: str,
    items: "Sequence[JudgedItem]",
    lines: "Sequence[RBenchLine]",
    relative: bool,
) -> None:
    from robust_r1.report.table import to_latex, to_markdown
    from robust_r1.report.tables import published_table, rbench_table

    tables = [rbench_table(name, lines, relative, args.published)]
    if args.published:
        tables.append(published_table(name, lines[0].absolute))
    if args.markdown or args.latex:
        print((to_markdown if args.markdown else to_latex)(tables), end="")
        return
    print("\n\n".join(map(_text, tables)))
    unjudged = sum(item.absolute is None for item in items)
    pictures = len({item.source for item in items})
    told = f", {unjudged} not judged" if unjudged else ""
    print(f"\n{len(items)} items about {pictures} pictures{told}.")
    if all(item.distortion is None for item in items):
        print(_RUN_NOTE)
    if args.published:
        print(_PUBLISHED_NOTE)


def _text(table: "Table") -> str:
    from robust_r1.report.table import plain_text

    rows = [[plain_text(cell) for cell in row] for row in table.rows]
    return f"{table.caption}\n\n{format_table(table.columns, rows)}"


def _values(
    name: str,
    items: "Sequence[JudgedItem]",
    lines: "Sequence[RBenchLine]",
    unusable: Sequence[str],
    published: bool,
) -> dict[str, Any]:
    from robust_r1.report.published import (
        ABSOLUTE_OVERALL,
        LLAVA,
        LLAVA_ABSOLUTE,
        LLAVA_RELATIVE,
    )

    values: dict[str, Any] = {
        "name": name,
        "items": len(items),
        "pictures": len({item.source for item in items}),
        "left_out": list(unusable),
        "figures": [asdict(line) for line in lines],
    }
    if published:
        printed = {"absolute": LLAVA_ABSOLUTE, "relative": LLAVA_RELATIVE}
        values["published"] = {
            LLAVA: {
                kind: [
                    {"split": split, "part": part, "value": value}
                    for (split, part), value in figures.items()
                ]
                for kind, figures in printed.items()
            },
            "absolute_overall": dict(ABSOLUTE_OVERALL),
        }
    return values
