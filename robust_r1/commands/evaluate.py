"""evaluate: run a benchmark with a model into a folder, and print its figures."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.commands.judging import add_judge, judge_of, judge_values, judged
from robust_r1.commands.progress import Progress
from robust_r1.commands.settings import add_settings, given_settings
from robust_r1.commands.tables import format_table
from robust_r1.degradations import LEVELS
from robust_r1.errors import InputError, ModelError

if TYPE_CHECKING:
    from robust_r1.evaluation.ranks import Ranks

_EPILOG = """\
examples:
  evaluate minibench --model tiny-rl -o runs/mini
  evaluate mmstar --data ~/benchmarks --model robust-r1-rl -o runs/mmstar
  evaluate my-questions.csv --pictures photos --levels clean,100 --prompt direct -o runs/mine
  evaluate MMStar_Robust_25.tsv --shard 1/4 -o runs/robust-25-1

A published benchmark is read from your own copy, by its path or by its name. Each of its pictures
gets one degradation, the same at every level, at full size, before the model shrinks it. Where the
pictures came damaged they are asked about as they are."""


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
        "(-cn, -pt, -ar, -tr, -ru) or rbench; or a file: TSV, CSV, JSONL, parquet",
    )
    parser.add_argument("--model", default="auto", help="catalog name, folder, hub id or endpoint")
    parser.add_argument("--quantize", help="4bit, 8bit, bf16 or fp32")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder of the run")
    parser.add_argument("--levels", help="only these, as in clean,100")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N sources")
    parser.add_argument("--shard", metavar="I/N", help="every N-th source, from the I-th (from 1)")
    parser.add_argument(
        "--prompt",
        metavar="P",
        default="ours",
        help="ours; direct: the bare question with lettered options; a file; or a text with "
        "{question} (default: ours)",
    )
    parser.add_argument(
        "--degrade-at",
        choices=("native", "fitted"),
        help="damage pictures at full size, or what the model sees of them (default: native for "
        "published benchmarks, fitted for those made here)",
    )
    parser.add_argument(
        "--data",
        dest="folder",
        type=Path,
        metavar="DIR",
        help="where published benchmarks lie, before $LMUData (default: ~/LMUData)",
    )
    parser.add_argument(
        "--pictures",
        metavar="DIR",
        help="the folder that a file's pictures are in; of parquet, their column",
    )
    parser.add_argument(
        "--damage-seed",
        type=int,
        default=0,
        metavar="N",
        help="of what is drawn for each picture of a published benchmark (default: 0)",
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
    add_settings(parser)
    add_judge(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run or continue the evaluation and print the figures."""
    from robust_r1.commands.evaluate_data import work_of
    from robust_r1.engine import GenerationSettings, load_engine
    from robust_r1.evaluation import (
        evaluate,
        false_alarms_by_degradation,
        headline,
        recall_by_degradation,
    )
    from robust_r1.evaluation.ranks import ranks_of
    from robust_r1.report.summary import false_alarm_values, named_false_alarms
    from robust_r1.report.terms import terms_lines

    ranks = ranks_of(os.environ)
    work = work_of(args)
    at_once = _at_once(args)
    given_settings(args, GenerationSettings())  # out of range: said before the model is loaded
    judge = judge_of(args, args.output)
    engine = load_engine(args.model, args.quantize, max_pixels=args.max_pixels)
    settings = given_settings(args, replace(engine.info.defaults, **work.settings))
    progress = Progress(work.cases and -(-work.cases // ranks.size))  # rank 0 tells of its share
    show = progress.show if sys.stderr.isatty() and ranks.rank == 0 else None
    try:
        with _told_to_stop(ranks):
            done = evaluate(
                engine, work.name, work.items(engine), args.output, settings, show, work.terms,
                ranks=ranks, at_once=at_once, logprobs=args.logprobs,
            )  # fmt: skip
    finally:
        progress.end()
    if ranks.rank:
        return 0  # the figures are printed once
    if judge is not None:
        done = judged(done, judge, args.judge_at_once)
    figures, recalls = headline(done.rows), recall_by_degradation(done.rows, LEVELS["50"])
    alarms = false_alarms_by_degradation(done.rows)
    if args.json:
        values = {
            "benchmark": done.benchmark,
            "model": done.model,
            "precision": done.precision,
            "terms": dict(done.terms),
            "unusable": list(done.unusable),
            **judge_values(done),
            "figures": {name: asdict(figure) for name, figure in figures.items()},
            "recall": {name: asdict(figure) for name, figure in recalls.items()},
        }
        if alarms:
            values["false_alarms"] = false_alarm_values(alarms)
        print(json.dumps(values, indent=1))
        return 0
    print(f"{done.benchmark}, {done.model} ({done.precision}), {len(done.rows)} cases\n")
    print(format_table(("figure", "value"), [(name, str(fig)) for name, fig in figures.items()]))
    print("\nPerceived at intensity .45 and up:")
    print(format_table(("degradation", "recall"), [(n, str(fig)) for n, fig in recalls.items()]))
    if said := named_false_alarms([alarms])[0]:
        print("\nSaid of clean views:")
        print(format_table(("degradation", "share"), [(n, str(fig)) for n, fig in said.items()]))
    print("", *terms_lines(done), sep="\n")
    return 0


@contextmanager
def _told_to_stop(ranks: "Ranks") -> Iterator[None]:
    """Let a rank that its launcher ends say so: launchers end all once one has died."""

    def stop(number: int, frame: object) -> None:
        raise ModelError(
            f"Rank {ranks.rank} of {ranks.size} was told to stop, as launchers do when another "
            "rank has died; all answers are kept: start the same command again, with as many ranks "
            "as you like, and it goes on."
        )

    before = signal.signal(signal.SIGTERM, stop) if ranks.size > 1 else None
    try:
        yield
    finally:
        if ranks.size > 1:
            signal.signal(signal.SIGTERM, before)


def _at_once(args: argparse.Namespace) -> int:
    """Return how many questions are on their way at a time; a model here has its batches."""
    from robust_r1.engine.endpoint import is_endpoint
    from robust_r1.evaluation.asking import AT_ONCE

    if args.concurrency is None:
        return AT_ONCE
    if not is_endpoint(args.model):
        raise InputError(
            "--concurrency is for models behind an endpoint, and batches of a model here are "
            "fixed; leave it out"
        )
    if args.concurrency < 1:
        raise InputError(f"--concurrency is {args.concurrency}; give at least 1")
    return args.concurrency
