"""evaluate: run a benchmark with a model into a folder, and print its figures."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.commands.evaluate_flags import add_asking, add_items, add_sets
from robust_r1.commands.eyes import add_eyes, open_eyes
from robust_r1.commands.judging import add_judge, judge_of, judged
from robust_r1.commands.settings import add_settings, given_settings
from robust_r1.errors import InputError

if TYPE_CHECKING:
    from robust_r1.evaluation.entries import Known

_EPILOG = """\
examples:
  evaluate minibench --model tiny-rl -o runs/mini
  evaluate mmstar --data ~/benchmarks --model robust-r1-rl -o runs/mmstar
  evaluate my-questions.csv --pictures photos --levels clean,100 --prompt direct -o runs/mine
  evaluate mmd-bench --sets MMStar --levels 25,100 -o runs/mmd
  evaluate MMStar_Robust_25.tsv --shard 1/4 -o runs/robust-25-1

A published benchmark is read from your own copy, by its path or by its name; --download fetches it
where it is not there, and nothing is fetched unasked. Each of its pictures gets one degradation,
the same at every level, at full size, before the model shrinks it. Where the pictures came damaged
they are asked about as they are."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on a benchmark",
        description="Answer the cases of a benchmark into a folder, by default as the model is "
        "asked everywhere, and print the figures with 95 % intervals. Interrupted, the same "
        "command goes on where it was.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        help="minibench, photobench2, variants, photobench or scenes; mmstar, realworldqa, mmmb-en "
        "(-cn, -pt, -ar, -tr, -ru), mmbench-en, rbench or mmd-bench; a name of your own table; or "
        "a file: TSV, CSV, JSONL, parquet",
    )
    parser.add_argument("--model", default="auto", help="catalog name, folder, hub id or endpoint")
    parser.add_argument("--quantize", help="4bit, 8bit, bf16 or fp32")
    add_eyes(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="folder of the run; with --download it may be left out, then nothing is asked",
    )
    add_items(parser)
    add_sets(parser)
    add_asking(parser)
    add_settings(parser)
    add_judge(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run or continue the evaluation and print the figures."""
    from robust_r1.commands.evaluate_answer import answer, check_concurrency
    from robust_r1.commands.evaluate_data import named, work_of
    from robust_r1.commands.evaluate_figures import print_run
    from robust_r1.commands.evaluate_sets import run_sets
    from robust_r1.engine import GenerationSettings, load_engine
    from robust_r1.engine.eyes import with_eyes
    from robust_r1.evaluation.ranks import ranks_of

    known = named(args)
    if args.output is None:
        return _fetch_alone(args, known)
    if known and known.folder:
        if args.judge:
            raise InputError(
                "--judge judges one run; give it to `judge` with the folder of a table afterwards"
            )
        return run_sets(args, known)
    ranks = ranks_of(os.environ)
    work = work_of(args)
    check_concurrency(args)
    given_settings(args, GenerationSettings())  # out of range: said before the model is loaded
    judge = judge_of(args, args.output)
    eyes = open_eyes(args.eyes)
    engine = load_engine(args.model, args.quantize, max_pixels=args.max_pixels)
    engine = with_eyes(engine, eyes)
    done = answer(args, engine, work, args.output, ranks)
    if ranks.rank:
        return 0  # the figures are printed once
    if judge is not None:
        done = judged(done, judge, args.judge_at_once)
    print_run(done, args.json)
    return 0


def _fetch_alone(args: argparse.Namespace, known: "Known | None") -> int:
    """Fetch a benchmark and answer nothing, as where there is no model."""
    from robust_r1.commands.evaluate_download import fetch_benchmark
    from robust_r1.commands.evaluate_sets import fetch_sets

    if known is None or not args.download:
        raise InputError("give the folder of the run with -o")
    if known.folder:
        fetch_sets(args, known)
    else:
        fetch_benchmark(known, args.folder)
    return 0
