"""bench: how fast this machine starts the page, previews, degrades, answers and evaluates."""

import argparse
import json
import re
from dataclasses import asdict

from robust_r1.bench import evaluation, full_size, preview, speed
from robust_r1.commands.tables import format_table
from robust_r1.engine import PRECISIONS
from robust_r1.errors import InputError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "bench",
        help="measure speed and memory",
        description="Measure speed and memory on this machine: of starting the page, of "
        "previewing a moved slider, of the degradations, of answering, of evaluating.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "what", choices=("startup", "preview", "degradations", "engine", "evaluate")
    )
    parser.add_argument(
        "--model",
        metavar="M",
        help="for startup, preview and engine: a catalog name, folder, hub id or endpoint; "
        f"for engine also {full_size.MODEL}, a full-size model with random weights (needs a GPU)",
    )
    parser.add_argument(
        "--quantize",
        metavar="LIST",
        help=f"for engine: precisions to compare, of {','.join(PRECISIONS)}",
    )
    parser.add_argument(
        "--size",
        type=_bytes,
        metavar="BYTES",
        help="for evaluate: of the table that is made and read, as in 2GB (default: 50MB)",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure what was asked for and print it."""
    if args.size is not None and args.what != "evaluate":
        raise InputError("--size is for bench evaluate; leave it out")
    if args.what == "startup":
        _startup(args)
    elif args.what == "preview":
        _preview(args)
    elif args.what == "degradations":
        _degradations(args)
    elif args.what == "evaluate":
        _evaluate(args)
    else:
        _engine(args)
    return 0


def _startup(args: argparse.Namespace) -> None:
    startup = speed.measure_startup(["--model", args.model] if args.model else [])
    if args.json:
        print(json.dumps(asdict(startup), indent=2))
        return
    rows = [
        ("start of the program to the page, s", f"{startup.page_seconds:.2f}"),
        ("memory of the page's process, MB", f"{startup.resident_bytes / 1e6:.0f}"),
        ("import robust_r1.degradations, s", f"{startup.import_seconds:.2f}"),
    ]
    print(format_table(("startup", ""), rows))


def _preview(args: argparse.Namespace) -> None:
    figures = preview.measure_preview(["--model", args.model] if args.model else [])
    if args.json:
        print(json.dumps(asdict(figures), indent=2))
        return
    height, width = speed.MEGAPIXEL
    rows = [
        (f"median of {figures.runs} slider moves", f"{figures.median:.0f}"),
        ("worst", f"{figures.worst:.0f}"),
        ("meant to be at most", f"{figures.target:.0f}"),
        ("processor time of the page for one", f"{figures.processor:.0f}"),
    ]
    print(f"{speed.PREVIEW} and up, through the page's API\n")
    print(format_table((f"preview at {width} x {height}", "ms"), rows))


def _degradations(args: argparse.Namespace) -> None:
    figures = speed.measure_degradations()
    if args.json:
        print(json.dumps({**asdict(figures), "total": figures.total}, indent=2))
        return
    rows = [(name, f"{ms:.1f}") for name, ms in figures.operations.items()]
    print(format_table((f"{speed.WIDTH} x {speed.HEIGHT}, one thread", "ms"), rows))
    height, width = speed.MEGAPIXEL
    print()
    rows = [
        ("sum of all sixteen", f"{figures.total:.1f}"),
        (f"preview of {speed.PREVIEW} at {width} x {height}", f"{figures.preview:.1f}"),
        ("its encoding as PNG", f"{figures.encoding:.1f}"),
    ]
    print(format_table(("", "ms"), rows))


_SIZE = re.compile(r"([0-9]{1,6}) ?(k|M|G)?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def _bytes(text: str) -> int:
    """Read a size such as 2GB or 500 MB."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as in 50MB or 2GB")
    return int(match[1]) * _UNITS[(match[2] or "").lower()]


def _evaluate(args: argparse.Namespace) -> None:
    figures = evaluation.measure_evaluation(args.model, args.size or evaluation.SIZE)
    meant = evaluation.Targets()
    if args.json:
        print(json.dumps({**asdict(figures), "meant": asdict(meant)}, indent=2))
        return
    table, answers = figures.table, f"{evaluation.ANSWERS:,} answers"
    size = f"table of {table.bytes / 1e6:.0f} MB, {table.rows} rows"
    rows = [
        ("beside generation, ms of processor an item", f"{figures.beside_ms:.1f}",
         f"at most {meant.beside_ms:g}"),
        ("  by the clock", f"{figures.beside_wall_ms:.1f}", ""),
        ("bundled model, answers a second, one by one", f"{figures.one_by_one:.1f}", ""),
        ("  in batches", f"{figures.batched:.1f}", ""),
        ("  times as many", f"{figures.speedup:.1f}", f"at least {meant.speedup:g}"),
        ("  times as many by processor time", f"{figures.cpu_speedup:.1f}", ""),
        (f"{size}: MB over the model's", f"{table.resident_bytes / 1e6:.0f}",
         f"under {meant.resident_bytes / 1e6:g}"),
        ("  MB more in its last tenth than in its second", f"{table.growth_bytes / 1e6:.1f}",
         "flat"),
        ("  first item, s", f"{table.first_seconds:.2f}", f"within {meant.first_seconds:g}"),
        ("  to its end, s", f"{table.seconds:.0f}", ""),
        (f"report on {answers}, s", f"{figures.report_seconds:.1f}",
         f"under {meant.report_seconds:g}"),
        ("  of processor", f"{figures.report_cpu:.1f}", ""),
        ("rbench on three tables of 1,485, s", f"{figures.rbench_seconds:.1f}",
         f"under {meant.rbench_seconds:g}"),
        ("  of processor", f"{figures.rbench_cpu:.1f}", ""),
    ]  # fmt: skip
    print(format_table(("evaluation, pictures of 640 x 480", "measured", "meant"), rows))


def _full_size(args: argparse.Namespace) -> None:
    costs, faults = full_size.measure_full_size()
    if args.json:
        values = {"model": full_size.MODEL, "costs": [asdict(cost) for cost in costs]}
        print(json.dumps({**values, "faults": faults}, indent=2))
        return
    header = ("precision", "attention", "cache", "batch", "load s", "first token s", "tokens/s",
              "peak GB")  # fmt: skip
    rows = [
        (
            *(cost.precision, cost.attention, cost.cache, cost.batch, f"{cost.load_seconds:.1f}"),
            *(f"{cost.first_token_seconds:.2f}", f"{cost.tokens_per_second:.0f}"),
            f"{cost.peak_bytes / 1e9:.2f}",
        )
        for cost in costs
    ]
    print(format_table(header, rows))
    for fault in faults:
        print(fault)


def _engine(args: argparse.Namespace) -> None:
    if args.model == full_size.MODEL:
        return _full_size(args)
    precisions = [None]
    if args.quantize:
        precisions = [name.strip() for name in args.quantize.split(",")]
        for name in precisions:
            if name not in PRECISIONS:
                raise InputError(f"no precision {name!r}; give some of {','.join(PRECISIONS)}.")
    figures = [speed.measure_engine(args.model or "auto", name) for name in precisions]
    if args.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
        return
    header = (
        *("model", "precision", "device", "load s", "first text s", "chain s"),
        *("tokens", "tokens/s", "peak MB"),
    )
    rows = [
        (
            *(figure.model, figure.precision, figure.device),
            *(f"{figure.load_seconds:.1f}", f"{figure.first_text_seconds:.2f}"),
            *(f"{figure.chain_seconds:.2f}", figure.tokens),
            *(f"{figure.tokens_per_second:.0f}", f"{figure.peak_bytes / 1e6:.0f}"),
        )
        for figure in figures
    ]
    print(format_table(header, rows))
