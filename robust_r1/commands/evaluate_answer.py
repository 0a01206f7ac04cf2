"""Answer one benchmark into a folder, with its progress on a terminal."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from robust_r1.commands.evaluate_data import Work
from robust_r1.commands.progress import Progress
from robust_r1.commands.settings import given_settings
from robust_r1.engine import Engine
from robust_r1.evaluation import Run, evaluate
from robust_r1.evaluation.published import PublishedItems


def answer(args: argparse.Namespace, engine: Engine, work: Work, folder: Path) -> Run:
    """Run or continue an evaluation in a folder; raises as `evaluate` does."""
    settings = given_settings(args, replace(engine.info.defaults, **work.settings))
    items = work.items(engine)
    share = (lambda: items.share) if isinstance(items, PublishedItems) else None
    progress = Progress(work.cases, share=share)
    show = progress.show if sys.stderr.isatty() else None
    try:
        return evaluate(engine, work.name, items, folder, settings, show, work.terms)
    finally:
        progress.end()
