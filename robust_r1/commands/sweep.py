"""sweep: ask the same question at rising intensities of some degradations."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from robust_r1.analysis import MAX_STEPS, Sweep, SweepResult, run_sweep, sweep_csv
from robust_r1.analysis.export import sweep_json
from robust_r1.ask.case import Case
from robust_r1.ask.picture import Picture
from robust_r1.commands.eyes import add_eyes, open_eyes
from robust_r1.commands.settings import add_settings, given_settings
from robust_r1.commands.tables import format_table
from robust_r1.degradations import find
from robust_r1.engine import PRECISIONS, load_engine
from robust_r1.engine.eyes import with_eyes
from robust_r1.errors import InputError
from robust_r1.images import load
from robust_r1.metrics import answer_words

_EPILOG = f"""\
examples:
  sweep photo.jpg "What is this?" --vary lens_blur --vary gaussian_noise --levels 6
  sweep photo.jpg "What is this?" --vary darkness --levels 11 -o darkness.csv

Each step is a whole answer of the model; a sweep has at most {MAX_STEPS}. One that is interrupted
still writes and prints what it has."""

_WRITERS = {".csv": sweep_csv, ".json": sweep_json}


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "sweep",
        help="ask one question at rising intensities",
        description="Ask the same question at rising intensities of some degradations: what is "
        "perceived of them, how long the chain gets, and when the answer flips.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="a picture file")
    parser.add_argument("question", metavar="QUESTION", help="the question")
    parser.add_argument(
        "--vary", action="append", metavar="NAME", help="a degradation; repeat for several"
    )
    parser.add_argument(
        "--levels", type=int, default=Sweep.levels, metavar="N",
        help="intensities from 0 to 1, both included (default: %(default)s)",
    )
    parser.add_argument(
        "--together", action="store_true",
        help="all degradations at the same intensity at a time, not one after the other",
    )
    parser.add_argument("--choices", metavar="A;B;C", help="the options, separated by semicolons")
    parser.add_argument("--truth", metavar="TEXT", help="the true answer, to score the model's: of "
                        "choices the text of one, or its number from 0")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default: 0)")
    parser.add_argument("--model", default="auto", metavar="M",
                        help="a catalog name, folder or hub id (default: auto)")
    parser.add_argument("--quantize", choices=PRECISIONS, help="precision (default: the machine's)")
    add_eyes(parser)
    add_settings(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE",
                        help="write the steps to a .csv or .json file")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sweep, show the progress on a terminal, print a table or JSON, write the file."""
    choices = (option.strip() for option in (args.choices or "").split(";"))
    picture = load(args.image)
    case = Case(
        Picture(draw=lambda: picture),
        question=args.question,
        choices=tuple(filter(None, choices)),
        truth=args.truth or "",
    )
    case.check()
    sweep = Sweep(tuple(args.vary or ()), args.levels, args.together, args.seed)
    write = _writer(args.output)
    eyes = open_eyes(args.eyes)
    engine = load_engine(args.model, args.quantize, max_pixels=args.max_pixels)
    engine = with_eyes(engine, eyes)
    case = replace(case, settings=given_settings(args, engine.info.defaults))
    result, interrupted = SweepResult(sweep, case, engine.info.name), False
    try:
        for result in run_sweep(engine, case, sweep):
            _show(len(result.steps), sweep.count)
    except KeyboardInterrupt:
        interrupted = True
        result = replace(result, finished=False)
    finally:
        engine.close()
    if args.output is not None:
        args.output.write_text(write(result), encoding="utf-8")
    print(sweep_json(result) if args.json else _table(result), end="")
    if interrupted:
        print(f"\nstopped after {len(result.steps)} of {sweep.count} steps", file=sys.stderr)
    return 130 if interrupted else 0


def _writer(output: Path | None) -> Callable[[SweepResult], str]:
    """Return what writes this file; a name that cannot be written is refused before the work."""
    if output is None:
        return sweep_csv
    if output.suffix.lower() not in _WRITERS:
        raise InputError(f"cannot tell the format of {output}; end its name in .csv or .json")
    if not output.parent.is_dir():
        raise InputError(f"there is no folder {output.parent} to write to; make it first")
    return _WRITERS[output.suffix.lower()]


def _table(result: SweepResult) -> str:
    header = ("sweep", "intensity", "perceived", "answer", "flipped", "tokens")
    rows = []
    for step in result.steps:
        said = ", ".join(f"{one.name} {one.intensity:.2f}" for one in step.outcome.findings)
        flip = {None: "", False: "", True: "flipped"}[step.flipped]
        name = find(step.series).label if step.series in result.sweep.ids else step.series
        answer = _printable(answer_words(step.outcome.said, result.case.choices))
        rows.append((name or "clean", f"{step.level:.2f}", said or "none", answer, flip,
                     step.outcome.tokens))
    lines = [format_table(header, rows), ""]
    for id in result.sweep.ids:
        seen, count = result.noticed(id)
        bias = result.bias(id)
        told = "" if bias is None else f", bias {bias:+.2f}"
        lines.append(f"{find(id).label}: noticed at {seen} of {count} intensities{told}")
    lines.append(f"The answer flipped at {len(result.flips)} of {len(result.damaged)} steps.")
    return "\n".join(lines) + "\n"


def _printable(text: str) -> str:
    """Return a model's words on one line, without what could steer a terminal."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return shown if len(shown) <= 40 else shown[:39] + "\u2026"


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total} steps", end="\n" if done == total else "", file=sys.stderr)
