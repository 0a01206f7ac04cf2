"""report: show the figures of evaluation runs side by side, and how they differ."""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.errors import InputError
from robust_r1.metrics import Figure

if TYPE_CHECKING:
    from robust_r1.evaluation import Run


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "report",
        help="show evaluation runs side by side",
        description="Print the figures of one run or several as a Markdown table with 95 % "
        "intervals; with --against, what each has more than that run, case by case. "
        "Saved answers of the page (JSON files) become one run for each model.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        type=Path,
        help="a folder of evaluate's, or a saved answer of the page",
    )
    parser.add_argument(
        "--against", metavar="RUN", type=Path, help="show differences from this run"
    )
    parser.add_argument(
        "--by-task", action="store_true", help="split the answers by task as well as by level"
    )
    parser.add_argument(
        "--by-degradation",
        action="store_true",
        help="how often each degradation was perceived, by applied intensity, instead",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.html",
        help="write figures, charts, pictures and cases as a page that stands alone",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the runs and print their figures."""
    with tempfile.TemporaryDirectory() as folder:  # for the pictures of saved answers
        return _report(args, Path(folder))


def _report(args: argparse.Namespace, folder: Path) -> int:
    from robust_r1.ask.saved import read_answer
    from robust_r1.evaluation import (
        differences,
        false_alarms_by_degradation,
        headline,
        load_run,
    )
    from robust_r1.evaluation.saved_answers import write_answers
    from robust_r1.report.summary import false_alarm_values, named_false_alarms
    from robust_r1.report.terms import terms_lines

    folders = [path for path in args.runs if not path.is_file()]
    if answers := [read_answer(path) for path in args.runs if path.is_file()]:
        folders += write_answers(answers, folder)
    runs = [load_run(path) for path in folders]
    if len({done.benchmark for done in runs}) > 1:
        raise InputError(
            f"the runs are of {' and '.join(sorted({done.benchmark for done in runs}))}; "
            "show one benchmark at a time"
        )
    if args.output:
        return _write(runs, args)
    if args.by_degradation and (args.against or args.by_task):
        raise InputError("--by-degradation stands alone; leave out --against and --by-task")
    alarms: list[Mapping] = [{} for _ in runs]
    if args.against:
        other = load_run(args.against)
        title = f"{runs[0].benchmark}, more than {other.model}"
        columns = [differences(done, other) for done in runs]
    elif args.by_degradation:
        title = f"{runs[0].benchmark}, perceived"
        columns = [_by_degradation(done) for done in runs]
    else:
        title, columns = runs[0].benchmark, [headline(done.rows) for done in runs]
        alarms = [false_alarms_by_degradation(done.rows) for done in runs]
        if args.by_task:
            columns = [_by_task(done, column) for done, column in zip(runs, columns, strict=True)]
    if args.json:
        found = [
            {"model": done.model, "figures": {name: asdict(fig) for name, fig in column.items()}}
            | ({"false_alarms": false_alarm_values(said)} if said else {})
            for done, column, said in zip(runs, columns, alarms, strict=True)
        ]
        print(json.dumps({"title": title, "runs": found}, indent=1))
        return 0
    models = [done.model for done in runs]
    said = [line for done in runs for line in terms_lines(done)]
    print(markdown(title, models, columns, signed=bool(args.against)))
    if any(alarms):
        print()
        print(markdown(f"{title}, said of clean views", models, named_false_alarms(alarms)))
    if said:
        print("", *said, sep="\n")
    return 0


def _by_task(run: "Run", figures: Mapping) -> dict:
    """Return the figures with those of the answers of each task after them."""
    from robust_r1.analysis.entries import gather
    from robust_r1.analysis.robustness import by_level

    levels = by_level(gather(run.benchmark, run.model, run.rows))
    split = {f"{one.task}, {one.level}": one.accuracy for one in levels if one.task}
    return {**figures, **{name: figure for name, figure in split.items() if figure.n}}


def _by_degradation(run: "Run") -> dict:
    from robust_r1.evaluation import recall_by_band

    found = recall_by_band(run.rows)
    return {
        f"{id or 'all'}, {low:g} to {high:g}": figure
        for (id, (low, high)), figure in found.items()
        if figure.n
    }


def _write(runs: Sequence, args: argparse.Namespace) -> int:
    from robust_r1.analysis.entries import gather
    from robust_r1.report.page import html_report, title_of
    from robust_r1.report.terms import terms_lines
    from robust_r1.store import default_notebook

    if args.output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{args.output} must end in .html; without -o the figures are printed")
    if args.against or args.json or args.by_task or args.by_degradation:
        raise InputError(
            "the page has every figure; leave out --against, --by-task, --by-degradation and --json"
        )
    models = [done.model for done in runs]
    if len(set(models)) < len(models):
        raise InputError(f"two runs are of {max(models, key=models.count)}; give one a model")
    entries = tuple(
        entry for done in runs for entry in gather(done.benchmark, done.model, done.rows)
    )
    said = [line for done in runs for line in terms_lines(done)]
    text = html_report(entries, default_notebook().all_marks(), title_of(entries), notes=said)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding="utf-8")
    print(f"{args.output}: {len(entries)} cases, {len(text.encode()) / 1e6:.1f} MB")
    return 0


def markdown(
    title: str, models: Sequence[str], columns: Sequence[Mapping], signed: bool = False
) -> str:
    """Write figures as a Markdown table: one line a figure, one column a model, n at the end."""
    lines = [(title, *models, "n"), ("---",) * (len(models) + 2)]
    for name in dict.fromkeys(name for column in columns for name in column):
        figures = [column.get(name) for column in columns]
        counts = sorted({figure.n for figure in figures if figure})
        shown = ["" if figure is None else _cell(figure, signed) for figure in figures]
        lines.append((name, *shown, "/".join(str(count) for count in counts)))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(figure: Figure, signed: bool) -> str:
    if figure.value is None:
        return "not scored"
    sign = "+" if signed else ""
    digits = 1 if abs(figure.value) >= 10 else 3
    short = max(1, digits - 1)
    value = f"{figure.value:{sign}.{digits}f}"
    if figure.low is None:
        return value
    return f"{value} ({figure.low:{sign}.{short}f} to {figure.high:{sign}.{short}f})"
