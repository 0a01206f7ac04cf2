"""judge: have the open answers and captions of a finished run judged, and print what came of it."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from robust_r1.commands.judging import add_judge, judge_of, judge_values, judged
from robust_r1.commands.tables import format_table
from robust_r1.metrics import Figure, average

if TYPE_CHECKING:
    from robust_r1.evaluation import Run

_EPILOG = """\
examples:
  judge runs/rbench --judge http://localhost:8000/v1#qwen3-32b
  ROBUST_R1_JUDGE_KEY=... judge runs/rbench --judge https://api.openai.com/v1#gpt-4o-mini

Options are scored exactly and never judged. Each reply is kept beside the cases as it comes, in
judgements.jsonl; started again, the command asks only what is missing. An answer whose reply did
not come, or says no score, is not judged: it is left out of the figures, and counted."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "judge",
        help="have the open answers of a run judged",
        description="Have open answers (VQA) and captions of a published benchmark's run judged "
        "by a model behind any OpenAI-compatible endpoint, at temperature 0.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="folder of evaluate's")
    add_judge(parser, required=True)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge what is not judged yet and print the scores by task and level."""
    from robust_r1.evaluation import load_run
    from robust_r1.evaluation.judge import check_takes_judge
    from robust_r1.report.terms import judged_words

    before = load_run(args.run_folder)
    check_takes_judge(before)
    judge = judge_of(args, args.run_folder)
    assert judge is not None
    done = judged(before, judge, args.judge_at_once)
    scores = _scores(done)
    if args.json:
        figures = [{"task": task, "level": level, **asdict(figure), "not_judged": missing}
                   for (task, level), (figure, missing) in scores.items()]  # fmt: skip
        values = {"benchmark": done.benchmark, "model": done.model, **judge_values(done)}
        print(json.dumps({**values, "figures": figures}, indent=1))
        return 0
    print(f"{done.benchmark}, {done.model}: {judged_words(done)}\n")
    rows = [(task.upper(), level, str(figure), missing)
            for (task, level), (figure, missing) in scores.items()]  # fmt: skip
    print(format_table(("task", "level", "score, 0 to 1", "not judged"), rows))
    return 0


def _scores(run: "Run") -> dict[tuple[str, str], tuple[Figure, int]]:
    """Return the mean score by task and level, and how many answers are not judged."""
    parts: dict[tuple[str, str], list] = {}
    for row in run.rows:
        if row.judged is not None:
            parts.setdefault((row.task, row.level), []).append(row)
    return {
        place: (
            average([row.accuracy for row in part], [row.picture or row.source for row in part]),
            sum(not row.judged for row in part),
        )
        for place, part in sorted(parts.items())
    }
