"""evaluate: run a benchmark with a model into a folder, and print its figures."""

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.commands.evaluate_flags import add_sets
from robust_r1.commands.judging import add_judge, judge_of, judge_values, judged
from robust_r1.commands.settings import add_settings, given_settings
from robust_r1.commands.tables import format_table
from robust_r1.degradations import LEVELS
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
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="folder of the run; with --download it may be left out, then nothing is asked",
    )
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
        "--download",
        action="store_true",
        help="fetch a published benchmark that is not there yet, into --data or $LMUData",
    )
    add_sets(parser)
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
    from robust_r1.commands.evaluate_answer import answer, check_concurrency
    from robust_r1.commands.evaluate_data import named, work_of
    from robust_r1.commands.evaluate_sets import run_sets
    from robust_r1.engine import GenerationSettings, load_engine
    from robust_r1.evaluation import (
        false_alarms_by_degradation,
        headline,
        recall_by_degradation,
    )
    from robust_r1.evaluation.ranks import ranks_of
    from robust_r1.report.summary import false_alarm_values, named_false_alarms
    from robust_r1.report.terms import terms_lines

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
    engine = load_engine(args.model, args.quantize, max_pixels=args.max_pixels)
    done = answer(args, engine, work, args.output, ranks)
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
