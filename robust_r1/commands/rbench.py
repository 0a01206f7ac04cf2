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
    from robust_r1.evaluation import Run
    from robust_r1.report.table import Table

_EPILOG = """\
examples:
  rbench Result_dis.csv Result_ref.csv Result_com.csv
  rbench Result_dis.csv --markdown
  rbench runs/rbench --write tables
  rbench runs/minibench --json

The tables are R-Bench's own, with a column result from 0 to 1: DIS judges the answers to distorted
pictures against the truth, REF the answers to reference pictures against the truth, COM the first
answers against the second. Absolute robustness is the mean of DIS, relative that of COM x REF.
A run of `evaluate rbench` gives the same, once a judge has looked at it (judge RUN --judge URL)."""

_NO_DISTORTIONS = (
    "The run is not of R-Bench's pictures: there are no figures by step and group, and no relative "
    "ones."
)
_NO_REFERENCE = (
    "The run has no answers about reference pictures, so there is no relative robustness: evaluate "
    "rbench with a folder that has them beside the distorted ones."
)
_NO_JUDGE = (
    "No judge has looked at this run: VQA counts where it is right word for word, CAP not at all, "
    "and relative robustness is that of MCQ alone (judge RUN --judge URL)."
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
        "--write", metavar="DIR", type=Path, help="of a run: write R-Bench's tables of results"
    )
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
    notes: list[str] = []
    if paths[0].is_dir():
        name, items, notes = _run(paths[0], args.published, args.write)
    elif args.write:
        raise InputError(f"{paths[0]} is a table already; give --write the folder of a run")
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
        relative = len(paths) > 1 or any(item.reference is not None for item in items)
        _print(args, name, items, lines, relative, notes)
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


def _run(
    folder: Path, published: bool, write: Path | None
) -> "tuple[str, tuple[JudgedItem, ...], list[str]]":
    """Return what a run is of, its items, and what has to be said about them."""
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
    if write:
        _write(done, write)
    return f"{done.model} on {done.benchmark}", items, _notes(done, items)


def _write(run: "Run", folder: Path) -> None:
    from robust_r1.analysis.rbench import tables_of_run
    from robust_r1.records.rbench_results import write_rbench_results

    tables = tables_of_run(run.rows)
    paths = {name: folder / f"Result_{name}.csv" for name in tables}
    if there := next((path for path in paths.values() if path.exists()), None):
        raise InputError(f"{there} is there already; give another folder, or remove it")
    for name, path in paths.items():
        write_rbench_results(path, tables[name])
    print(f"Written: {', '.join(map(str, paths.values()))}", file=sys.stderr)


def _notes(run: "Run", items: "Sequence[JudgedItem]") -> list[str]:
    """Say what a run cannot tell, and who judged it."""
    from robust_r1.analysis.rbench import mcq_accuracies
    from robust_r1.evaluation.judge import takes_judge
    from robust_r1.report.terms import judged_words

    notes = [
        f"{name}, accuracy over MCQ alone, as VLMEvalKit has it: {figure}"
        for name, figure in mcq_accuracies(items).items()
    ]
    if all(item.distortion is None for item in items):
        notes.append(_NO_DISTORTIONS)
    elif all(item.reference is None for item in items):
        notes.append(_NO_REFERENCE)
    if run.judge is not None:
        notes.append(f"{judged_words(run)}; MCQ is exact.")
    elif takes_judge(run):
        notes.append(_NO_JUDGE)
    return notes


def _left_out(unusable: Sequence[str]) -> str:
    rows = "1 row" if len(unusable) == 1 else f"{len(unusable)} rows"
    return "\n".join((f"{rows} left out:", *unusable))


def _print(
    args: argparse.Namespace,
    name: str,
    items: "Sequence[JudgedItem]",
    lines: "Sequence[RBenchLine]",
    relative: bool,
    notes: Sequence[str],
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
    pictures = len({item.source for item in items})
    told = ", ".join(_unjudged(items, relative))
    print(f"\n{len(items)} items about {pictures} pictures{', ' if told else ''}{told}.")
    for note in notes:
        print(note)
    if args.published:
        print(_PUBLISHED_NOTE)


def _unjudged(items: "Sequence[JudgedItem]", relative: bool) -> list[str]:
    """Say how many items have no absolute score, and how many no relative one."""
    missing = sum(item.absolute is None for item in items)
    words = [f"{missing} not judged"] if missing else []
    missing = sum(item.relative is None for item in items)
    return words + ([f"{missing} without a relative score"] if relative and missing else [])


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
    from robust_r1.analysis.rbench import mcq_accuracies
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
        "not_judged": sum(item.absolute is None for item in items),
        "without_relative": sum(item.relative is None for item in items),
        "figures": [asdict(line) for line in lines],
        "mcq_accuracy": {name: asdict(one) for name, one in mcq_accuracies(items).items()},
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
