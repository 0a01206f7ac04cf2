"""Answer one benchmark into a folder, with its progress on a terminal."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from robust_r1.commands.evaluate_data import Work
from robust_r1.commands.progress import Progress
from robust_r1.commands.settings import given_settings
from robust_r1.engine import Engine
from robust_r1.engine.endpoint import is_endpoint
from robust_r1.errors import InputError, ModelError
from robust_r1.evaluation import Run, evaluate
from robust_r1.evaluation.asking import AT_ONCE
from robust_r1.evaluation.published import PublishedItems
from robust_r1.evaluation.ranks import Ranks


def answer(
    args: argparse.Namespace, engine: Engine, work: Work, folder: Path, ranks: Ranks
) -> Run:
    """Run or continue an evaluation in a folder; raises as `evaluate` does."""
    settings = given_settings(args, replace(engine.info.defaults, **work.settings))
    items = work.items(engine)
    share = (lambda: items.share) if isinstance(items, PublishedItems) else None
    cases = work.cases and -(-work.cases // ranks.size)  # rank 0 tells of its share
    progress = Progress(cases, share=share)
    show = progress.show if sys.stderr.isatty() and ranks.rank == 0 else None
    try:
        with _told_to_stop(ranks):
            return evaluate(
                engine, work.name, items, folder, settings, show, work.terms, ranks=ranks,
                at_once=args.concurrency or AT_ONCE, logprobs=args.logprobs,
            )  # fmt: skip
    finally:
        progress.end()


@contextmanager
def _told_to_stop(ranks: Ranks) -> Iterator[None]:
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


def check_concurrency(args: argparse.Namespace) -> None:
    """Refuse a number of questions at a time that cannot be, or a model that has batches."""
    if args.concurrency is None:
        return
    if not is_endpoint(args.model):
        raise InputError(
            "--concurrency is for models behind an endpoint, and batches of a model here are "
            "fixed; leave it out"
        )
    if args.concurrency < 1:
        raise InputError(f"--concurrency is {args.concurrency}; give at least 1")
