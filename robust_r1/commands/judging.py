"""How commands let a judge look at a run: the flags, who is meant, what came of it."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robust_r1.commands.progress import Progress
from robust_r1.errors import InputError

if TYPE_CHECKING:
    from robust_r1.engine.endpoint import Endpoint
    from robust_r1.evaluation import Run

_AT_ONCE = 8
_MOST = 64
_SHOWN = 80  # characters of a reply that says no score


class _Replies(Progress):
    """Write how far a judge is."""

    def words(self, done: int, asked: int, total: int | None) -> str:
        """Return the line: "48 of 960 replies of the judge, 3.2 a second, 4 min 45 s left"."""
        return super().words(done, asked, total).replace("cases", "replies of the judge")


def add_judge(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Add the flags that name a judge and say how it is asked."""
    parser.add_argument(
        "--judge",
        metavar="URL",
        required=required,
        help="have open answers and captions judged by a model behind an endpoint, as in "
        "http://localhost:8000/v1#name; the key in ROBUST_R1_JUDGE_KEY or ROBUST_R1_API_KEY",
    )
    parser.add_argument(
        "--judge-at-once",
        type=int,
        metavar="N",
        default=_AT_ONCE,
        help=f"questions to the judge at the same time, 1 to {_MOST} (default: {_AT_ONCE})",
    )


def judge_of(args: argparse.Namespace, folder: Path) -> "Endpoint | None":
    """Return the judge that the flags name, once it is there; None where they name none.

    Args:
        folder: of the run, which may not be there yet.

    Raises:
        InputError: a number out of range, a benchmark that takes no judge, an unknown name, or a
            run that another judge has judged.
        ModelError: the judge cannot be reached, or refuses the key.
    """
    from robust_r1.evaluation import BENCHMARKS
    from robust_r1.evaluation.judge import check_judge, connect_judge

    if not 1 <= args.judge_at_once <= _MOST:
        raise InputError(f"--judge-at-once is {args.judge_at_once}; give 1 to {_MOST}")
    if args.judge is None:
        return None
    if getattr(args, "data", None) in BENCHMARKS:
        raise InputError(f"{args.data} is scored exactly, captions too; leave out --judge")
    judge = connect_judge(args.judge)
    check_judge(folder, judge)
    return judge


def judged(run: "Run", judge: "Endpoint", at_once: int) -> "Run":
    """Have a run judged, say on stderr what got no judgement, and return the run.

    Of a run without anything to be judged that is said, and the run comes back as it is.
    """
    from robust_r1.evaluation.judge import judge_run, takes_judge

    if not takes_judge(run):
        print("No open answer and no caption: the judge was not asked.", file=sys.stderr)
        return run
    progress = _Replies()
    show = progress.show if sys.stderr.isatty() else None
    try:
        done = judge_run(run.folder, judge, at_once, show)
    finally:
        progress.end()
    for fault, count in done.faults:
        many = "1 question" if count == 1 else f"{count} questions"
        print(f"{many} to the judge got no reply: {fault}", file=sys.stderr)
    if done.unread:
        first = " ".join(done.unread[0].split())[:_SHOWN]
        many = "1 reply" if len(done.unread) == 1 else f"{len(done.unread)} replies"
        print(f"{many} of the judge without a score, as in {first!r}", file=sys.stderr)
    return done.run


def judge_values(run: "Run") -> dict[str, Any]:
    """Return who judged a run and how much of it, as JSON values; empty where nobody did."""
    if run.judge is None:
        return {}
    asked = [row.judged for row in run.rows if row.judged is not None]
    counted = {"judged": asked.count(True), "not_judged": asked.count(False)}
    return {"judge": {**asdict(run.judge), **counted}}
