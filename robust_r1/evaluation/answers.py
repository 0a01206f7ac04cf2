"""Saved answers as run folders, one a model, so that they are analyzed as any run is.

Beside `run.json` and `cases.jsonl` such a folder holds the undamaged pictures: no benchmark can
draw them again. A file with an answer about the clean picture makes two cases of one source.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from robust_r1 import images
from robust_r1.ask.saved import SavedAnswer, SavedReply
from robust_r1.chain import findings_of, parse
from robust_r1.degradations import DegradationPlan
from robust_r1.errors import InputError
from robust_r1.evaluation.kept import PICTURES, SAVED, SET, Kept
from robust_r1.evaluation.runs import Row, write_run
from robust_r1.metrics import accuracy_score, perception_score

MAX_ANSWERS = 100  # a class with some answers each; each file may hold several megapixels
_NAME = 40


def write_answers(answers: Sequence[SavedAnswer], folder: Path) -> tuple[Path, ...]:
    """Write answers as runs of the benchmark `SAVED` under a folder, one run for each model.

    The same file given twice makes one case. Returns the runs' folders, in the order of the models.

    Raises:
        InputError: none, or more than MAX_ANSWERS.
    """
    if not 1 <= len(answers) <= MAX_ANSWERS:
        raise InputError(f"give 1 to {MAX_ANSWERS} saved answers at a time, not {len(answers)}")
    unique = {answer.digest: answer for answer in answers}.values()
    models = dict.fromkeys(str(answer.case.model) for answer in unique)
    runs = []
    for number, model in enumerate(models):
        own = [answer for answer in unique if answer.case.model == model]
        # The number keeps two models apart whose names become the same.
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", model)[:_NAME]
        run = folder / str(number) / f"saved-answers-{name}"
        head = {"benchmark": SAVED, "model": model, "precision": "not known",
                "settings": asdict(own[0].case.settings)}  # fmt: skip
        (run / PICTURES).mkdir(parents=True)
        rows = [row for answer in own for row in _rows(answer, run)]
        write_run(run, head, rows)
        runs.append(run)
    return tuple(runs)


def _rows(answer: SavedAnswer, run: Path) -> list[Row]:
    case, id = answer.case, f"answer-{answer.digest[:12]}"
    files = []
    for number, data in enumerate((case.image, *case.further), 1):
        files.append(run / PICTURES / f"{id}-{number}.png")
        files[-1].write_bytes(images.encode_png(images.load(data)))
    kept = Kept(files[0], tuple(files[1:]), case.history, case.template, case.settings,
                answer.example, answer.seed)  # fmt: skip
    level = SET if case.plan else "clean"
    rows = [_row(answer, id, id, level, case.plan, answer.reply, kept)]
    if answer.clean is not None and case.plan:
        clean = replace(kept, turns=answer.clean_history)
        plan = DegradationPlan()
        rows.append(_row(answer, f"{id}-clean", id, "clean", plan, answer.clean, clean))
    return rows


def _row(
    answer: SavedAnswer, id: str, source: str, level: str, plan: DegradationPlan,
    reply: SavedReply, kept: Kept,
) -> Row:
    case, parsed, true = answer.case, parse(reply.text), findings_of(plan)
    truth = (case.truth or "").strip()
    return Row(
        id=id, source=source, level=level, plan=plan, kept=kept,
        task="perception" if not truth else "mcq" if case.choices else "vqa",
        question=case.question, choices=case.choices, truth=truth,
        text=reply.text, tokens=reply.tokens, seconds=reply.seconds, finish=reply.finish,
        answer=parsed.chain.answer, found=parsed.chain.findings, true=true,
        well_formed=parsed.well_formed,
        accuracy=accuracy_score(parsed.chain.answer, truth or None, case.choices),
        degradation=perception_score(parsed, true),
    )  # fmt: skip
