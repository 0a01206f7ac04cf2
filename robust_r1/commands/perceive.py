"""perceive: what is wrong with these pictures, whole and from near, as a table, data, or a page."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.commands.picture_inputs import find_pictures
from robust_r1.commands.progress import Progress
from robust_r1.commands.tables import format_table
from robust_r1.errors import InputError

if TYPE_CHECKING:
    from robust_r1.analysis.perception import Perception
    from robust_r1.commands.perceive_file import Rows
    from robust_r1.engine import Engine

_EPILOG = """\
examples:
  perceive photo.jpg
  perceive photos/ -o damage.html
  perceive "photos/**/*.jpg" --scale close -o damage.csv
  perceive renders/ --scale whole --fail-above 0.5

whole is the picture as a model sees it, shrunk to its budget; close is up to sixteen parts of it in
its own pixels, where noise, JPEG blocks and small blur are not shrunk away. Interrupted, the same
command with -o goes on where it was. Exit status: 0; 1 where --fail-above found more; 2 where a
picture could not be read."""
_WORST = 10  # pictures that are named beside a file that has all
_NAMED = 20  # pictures above the bound that are named


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "perceive",
        help="say what is wrong with pictures",
        description="Say what a model finds wrong with pictures: which of the sixteen "
        "degradations, and how strong, from 0 to 1.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="a picture, a folder, or a pattern in quotes"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write FILE.csv, FILE.jsonl, or FILE.html, a page with small copies sorted by damage",
    )
    parser.add_argument("--model", default="auto", help="catalog name, folder, hub id or endpoint")
    parser.add_argument("--quantize", help="4bit, 8bit, bf16 or fp32")
    parser.add_argument(
        "--scale",
        choices=("whole", "close", "both"),
        default="both",
        help="how to look at each picture (default: both)",
    )
    parser.add_argument(
        "--fail-above",
        type=float,
        metavar="X",
        help="exit with 1 where a picture has a finding above X, 0 to 1",
    )
    parser.add_argument(
        "--batch", type=int, metavar="N", help="views asked about together (default: by the model)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at the pictures and tell; 2 where one could not be read, 1 where one is above X."""
    from robust_r1.engine import load_engine

    _check(args)
    files = find_pictures(args.inputs)
    engine = load_engine(args.model, args.quantize)
    if engine.note:
        print(engine.note, file=sys.stderr)
    terms = {"model": engine.info.name, "precision": engine.precision, "scale": args.scale}
    with _rows(args.output, terms) as rows, _written(args.output, rows, terms) as result:
        _look_at_all(args, engine, files, rows, result)
    return _tell(args, result, terms)


@dataclass
class _Result:
    """Collect what came of the pictures that were named, and of those that cannot be read."""

    seen: "list[Perception]" = field(default_factory=list)
    problems: "list[Perception]" = field(default_factory=list)


def _check(args: argparse.Namespace) -> None:
    if args.fail_above is not None and not 0 <= args.fail_above <= 1:
        raise InputError(f"--fail-above is {args.fail_above}; give a number from 0 to 1.")
    if args.batch is not None and args.batch < 1:
        raise InputError(f"--batch is {args.batch}; give 1 or more.")
    if args.output is not None:
        from robust_r1.commands.perceive_file import check_output

        check_output(args.output)


@contextmanager
def _rows(output: Path | None, terms: Mapping[str, str]) -> "Iterator[Rows | None]":
    """Open what is kept beside a file; without one nothing is."""
    if output is None:
        yield None
        return
    from robust_r1.commands.perceive_file import open_rows

    with open_rows(output, terms) as rows:
        yield rows


@contextmanager
def _written(
    output: Path | None, rows: "Rows | None", terms: Mapping[str, str]
) -> Iterator[_Result]:
    """Write the file at the end of the block, also where it was interrupted: what there is then."""
    result = _Result()
    try:
        yield result
    finally:
        if output is not None and rows is not None:
            _write(output, rows, result.problems, terms)


def _look_at_all(
    args: argparse.Namespace,
    engine: "Engine",
    files: Sequence[Path],
    rows: "Rows | None",
    result: _Result,
) -> None:
    """Look at those pictures that no row tells of, and collect all in the order of `files`."""
    from robust_r1.analysis.perception import perceive_in_groups

    known = {} if rows is None else rows.by_file
    todo = [file for file in files if str(file) not in known]
    done = {str(file): known[str(file)].perception for file in files if str(file) in known}
    before, progress, terminal = len(done), Progress(noun="pictures"), sys.stderr.isatty()
    try:
        with closing(perceive_in_groups(engine, todo, args.scale, args.batch)) as groups:
            for group in groups:
                if rows is not None:
                    rows.add(group)
                for one in group:
                    done[one.file] = one
                    if one.problem:
                        result.problems.append(one)
                        print(f"{_erase(terminal)}error: {one.problem}", file=sys.stderr)
                if terminal:
                    progress.show(len(done), len(done) - before, len(files))
    finally:
        progress.end()
    result.seen += [one for file in files if not (one := done[str(file)]).problem]


def _erase(terminal: bool) -> str:
    return "\r\033[K" if terminal else ""


def _write(
    output: Path, rows: "Rows", problems: "Sequence[Perception]", terms: Mapping[str, str]
) -> None:
    """Make CSV or page of all rows; JSON lines are there already."""
    from robust_r1.report.perceptions import to_csv, to_page

    kept = rows.by_file.values()
    seen = [row.perception for row in kept]
    if output.suffix.lower() == ".csv":
        text = to_csv(seen, terms)
    elif output.suffix.lower() == ".html":
        small = {row.perception.file: row.thumbnail for row in kept}
        text = to_page(seen, problems, terms, small)
    else:
        return
    part = output.with_name(f".{output.name}.part")
    part.write_text(text, encoding="utf-8", errors="replace", newline="")
    part.replace(output)


def _tell(args: argparse.Namespace, result: _Result, terms: Mapping[str, str]) -> int:
    bound = args.fail_above
    above = [one for one in result.seen if bound is not None and one.damage > bound]
    if args.json:
        _print_json(result, above, bound, terms)
    else:
        _print_tables(args.output, result, terms)
        if bound is not None:
            _print_above(above, len(result.seen), bound)
    if result.problems:
        return 2
    return 1 if above else 0


def _print_json(
    result: _Result,
    above: "Sequence[Perception]",
    bound: float | None,
    terms: Mapping[str, str],
) -> None:
    from robust_r1.report.perceptions import perception_values

    values = {
        **terms,
        "pictures": [perception_values(one) for one in result.seen],
        "failed": [{"file": one.file, "problem": one.problem} for one in result.problems],
    }
    if bound is not None:
        values["above"] = [one.file for one in above]
    print(json.dumps(values, indent=1))


def _print_tables(output: Path | None, result: _Result, terms: Mapping[str, str]) -> None:
    from robust_r1.report.perceptions import by_damage, look_text, summary_table

    shown = by_damage(result.seen)[: None if output is None else _WORST]
    head = ("picture", "pixels", *(look.scale for look in (shown[0].looks if shown else ())))
    lines = [
        (_shown(one.file), f"{one.width} x {one.height}", *map(look_text, one.looks))
        for one in shown
    ]
    if lines:
        print(format_table(head, lines))
    if len(result.seen) > 1:
        table = summary_table(result.seen)
        cells = [[cell.text for cell in row] for row in table.rows]
        print("", format_table(table.columns, cells) if cells else table.empty, sep="\n")
    damaged = sum(one.damage > 0 for one in result.seen)
    model = f"{terms['model']} ({terms['precision']})"
    words = f"{_pictures(len(result.seen))}, something wrong with {damaged}, seen by {model}"
    if result.problems:
        words += f"; {len(result.problems)} left out"
    print(f"\n{words}." if output is None else f"\n{words}. Wrote {output}.")


def _print_above(above: "Sequence[Perception]", seen: int, bound: float) -> None:
    if not above:
        print(f"None of {_pictures(seen)} has a finding above {bound:g}.")
        return
    names = ", ".join(_shown(one.file) for one in above[:_NAMED])
    more = f" and {len(above) - _NAMED} more" if len(above) > _NAMED else ""
    print(f"{len(above)} of {_pictures(seen)} with a finding above {bound:g}: {names}{more}.")


def _pictures(count: int) -> str:
    return f"{count} picture{'' if count == 1 else 's'}"


def _shown(name: str) -> str:
    """Return a file's name as text that can be printed; some are no Unicode."""
    return name.encode("utf-8", "replace").decode("utf-8")
