"""report: show the figures of evaluation runs side by side, and how they differ."""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.commands.tables import markdown
from robust_r1.errors import InputError

if TYPE_CHECKING:
    from robust_r1.analysis.entries import Entry
    from robust_r1.evaluation import Run

_EPILOG = """\
examples:
  report runs/mmstar
  report runs/mmstar-base runs/mmstar-rl --base runs/mmstar-base --full
  report runs/mmstar runs/mmstar-25 runs/mmstar-50 --data ~/benchmarks -o mmstar.html
  report runs/mmstar --leaderboard mmstar.yaml

Levels, languages and shards of one benchmark become one column where a model was asked alike. Two
columns are also compared item by item. Of published benchmarks the rows that the Robust-R1 paper
prints stand below ours, marked as published."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "report",
        help="show evaluation runs side by side",
        description="Print the figures of one run or several as Markdown tables with 95 % "
        "intervals that resample pictures; with --against, what each has more than that run, case "
        "by case. Saved answers of the page (JSON files) become one run for each model.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        type=Path,
        help="a folder of evaluate's, or a saved answer of the page",
    )
    _add_tables(parser)
    _add_outputs(parser)
    parser.set_defaults(run=run)


def _add_tables(parser: argparse.ArgumentParser) -> None:
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
        "--full",
        action="store_true",
        help="what damage costs too: drops and flips, each degradation, confidence, tokens and "
        "seconds, categories, languages, prompts",
    )
    parser.add_argument(
        "--base",
        metavar="RUN",
        type=Path,
        help="corruption errors (mCE and relative mCE) against this run",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.html",
        help="write figures, charts, pictures and cases as a page that stands alone",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where published benchmarks lie, for the pictures of a page, before the current "
        "folder and $LMUData (default: ~/LMUData)",
    )
    parser.add_argument(
        "--leaderboard",
        type=Path,
        metavar="FILE.yaml",
        help="write the accuracies as the Hub's evaluation results, for .eval_results/ of a "
        "model's repository",
    )
    parser.add_argument(
        "--dataset", metavar="ID", help="the benchmark's id on the Hub, for --leaderboard"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--latex", action="store_true", help="print the tables for LaTeX")
    forms.add_argument("--json", action="store_true", help="print the figures as JSON")


@dataclass(frozen=True)
class _Opened:
    """Hold the runs of a report, their cases column by column, and the base's column, if any."""

    runs: "Sequence[Run]"
    entries: "tuple[Entry, ...]"
    base: str

    @property
    def benchmark(self) -> str:
        """Return what the runs are of: the benchmark, or what theirs are parts of."""
        names = {run.benchmark for run in self.runs}
        return self.runs[0].benchmark if len(names) == 1 else self.entries[0].family


def run(args: argparse.Namespace) -> int:
    """Read the runs and print their figures."""
    _check(args)
    with tempfile.TemporaryDirectory() as folder:  # for the pictures of saved answers
        opened = _open(args, Path(folder))
        if args.leaderboard:
            return _write_leaderboard(opened, args)
        return _write(opened, args) if args.output else _print(opened, args)


def _check(args: argparse.Namespace) -> None:
    """Refuse flags that do not go together, before anything is read."""
    if args.data and not args.data.is_dir():
        raise InputError(f"--data names {args.data}, which is no folder; give the files' folder")
    if args.dataset and not args.leaderboard:
        raise InputError("--dataset is for --leaderboard; leave it out, or add --leaderboard FILE")
    if args.by_degradation and (args.against or args.by_task or args.full or args.base):
        raise InputError(
            "--by-degradation stands alone; leave out --against, --by-task, --full and --base"
        )
    if args.against and (args.full or args.base):
        raise InputError("--against shows differences alone; leave out --full and --base")
    if not args.output:
        return
    if args.output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{args.output} must end in .html; without -o the figures are printed")
    given = (args.against, args.json, args.latex, args.by_task, args.by_degradation, args.full)
    if any(given):
        raise InputError(
            "the page has every figure; leave out --against, --by-task, --by-degradation, --full, "
            "--latex and --json"
        )


def _open(args: argparse.Namespace, folder: Path) -> _Opened:
    from robust_r1.ask.saved import read_answer
    from robust_r1.evaluation import load_run
    from robust_r1.evaluation.saved_answers import write_answers
    from robust_r1.report.columns import entries_of

    folders = [path for path in args.runs if not path.is_file()]
    if answers := [read_answer(path) for path in args.runs if path.is_file()]:
        folders += write_answers(answers, folder)
    if args.base:  # the first column is its
        others = [path for path in folders if path.resolve() != args.base.resolve()]
        folders = [args.base, *others]
    runs = [load_run(path) for path in folders]
    entries = entries_of(runs)
    base = entries[0].model if args.base and entries else ""
    return _Opened(runs, entries, base)


def _print(opened: _Opened, args: argparse.Namespace) -> int:
    from robust_r1.evaluation import load_run
    from robust_r1.report.summary import false_alarms, named_false_alarms
    from robust_r1.report.terms import terms_lines

    other = load_run(args.against) if args.against else None
    title, models, columns = _figures(opened, other, args)
    alarms: Mapping = {}
    if not args.against and not args.by_degradation:
        alarms = dict(false_alarms(opened.entries))
    if args.json:
        print(json.dumps(_values(opened, title, models, columns, alarms, args), indent=1))
        return 0
    if args.latex:
        print(_latex(opened, title, models, columns, args), end="")
        return 0
    print(markdown(title, models, columns, signed=bool(args.against)))
    if alarms:
        said = named_false_alarms([alarms.get(model, {}) for model in models])
        print()
        print(markdown(f"{title}, said of clean views", models, said))
    if not args.against and not args.by_degradation:
        _print_further(opened, args)
    if lines := [line for done in opened.runs for line in terms_lines(done)]:
        print("", *lines, sep="\n")
    return 0


def _figures(
    opened: _Opened, other: "Run | None", args: argparse.Namespace
) -> tuple[str, list[str], list[Mapping]]:
    """Return the title, the columns' names and the columns of the first table."""
    from robust_r1.evaluation import differences, headline
    from robust_r1.report.summary import by_model

    if other:
        title = f"{opened.benchmark}, more than {other.model}"
        models = [done.model for done in opened.runs]
        return title, models, [differences(done, other) for done in opened.runs]
    columns = by_model(opened.entries)
    models = [model for model, _ in columns]
    if args.by_degradation:
        title = f"{opened.benchmark}, perceived"
        return title, models, [_by_degradation(part) for _, part in columns]
    figures = [headline([entry.row for entry in part]) for _, part in columns]
    if args.by_task:
        figures = [
            _by_task(part, own) for (_, part), own in zip(columns, figures, strict=True)
        ]
    return opened.benchmark, models, list(figures)


def _print_further(opened: _Opened, args: argparse.Namespace) -> None:
    """Print the paper's table, what damage costs, and how two runs compare, as far as asked for."""
    from robust_r1.report.further import further
    from robust_r1.report.table import to_markdown

    tables, lines = further(opened.entries, opened.base, args.full)
    if tables:
        print()
        print(to_markdown(tables), end="")
    if lines:
        print("", *lines, sep="\n")


def _latex(
    opened: _Opened,
    title: str,
    models: Sequence[str],
    columns: Sequence[Mapping],
    args: argparse.Namespace,
) -> str:
    from robust_r1.report.cells import by_figure
    from robust_r1.report.further import further
    from robust_r1.report.table import to_latex

    pairs = list(zip(models, columns, strict=True))
    tables = [by_figure(title, pairs, signed=bool(args.against))]
    if not args.against and not args.by_degradation:
        tables += further(opened.entries, opened.base, args.full)[0]
    return to_latex(tables)


def _values(
    opened: _Opened,
    title: str,
    models: Sequence[str],
    columns: Sequence[Mapping],
    alarms: Mapping,
    args: argparse.Namespace,
) -> dict:
    """Return the figures as values that JSON can hold."""
    from robust_r1.report.further import further_values
    from robust_r1.report.summary import false_alarm_values

    found = [
        {"model": model, "figures": {name: asdict(fig) for name, fig in column.items()}}
        | ({"false_alarms": false_alarm_values(alarms[model])} if model in alarms else {})
        for model, column in zip(models, columns, strict=True)
    ]
    values = {"title": title, "runs": found}
    if args.against or args.by_degradation:
        return values
    return values | further_values(opened.entries, opened.base)


def _by_task(part: "Sequence[Entry]", figures: Mapping) -> dict:
    """Return the figures with those of the answers of each task after them."""
    from robust_r1.analysis.robustness import by_level

    levels = by_level(part)
    split = {f"{one.task}, {one.level}": one.accuracy for one in levels if one.task}
    return {**figures, **{name: figure for name, figure in split.items() if figure.n}}


def _by_degradation(part: "Sequence[Entry]") -> dict:
    from robust_r1.evaluation import recall_by_band

    found = recall_by_band(entry.row for entry in part)
    return {
        f"{id or 'all'}, {low:g} to {high:g}": figure
        for (id, (low, high)), figure in found.items()
        if figure.n
    }


def _write_leaderboard(opened: _Opened, args: argparse.Namespace) -> int:
    from robust_r1.report.leaderboard import leaderboard_yaml

    text = leaderboard_yaml(opened.runs, opened.entries, args.dataset or "")
    args.leaderboard.parent.mkdir(parents=True, exist_ok=True)
    args.leaderboard.write_text(text, encoding="utf-8")
    name = f".eval_results/{args.leaderboard.stem}.yaml"
    print(f"{args.leaderboard}: put it into the model's repository as {name}")
    return 0


def _write(opened: _Opened, args: argparse.Namespace) -> int:
    from robust_r1.report.page import html_report, title_of
    from robust_r1.report.published_pictures import LookUp
    from robust_r1.report.terms import terms_lines
    from robust_r1.store import default_notebook

    said = [line for done in opened.runs for line in terms_lines(done)]
    text = html_report(
        opened.entries, default_notebook().all_marks(), title_of(opened.entries), notes=said,
        files=LookUp(args.data), base=opened.base,
    )  # fmt: skip
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding="utf-8")
    print(f"{args.output}: {len(opened.entries)} cases, {len(text.encode()) / 1e6:.1f} MB")
    return 0
