"""Saved answers as run folders, one a model, so that they are analyzed as any run is.

Beside `run.json` and `cases.jsonl` such a folder holds the undamaged pictures: no benchmark can
draw them again. A file with an answer about the clean picture makes two cases of one source.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from robust_r1 import images
from robust_r1.ask.case import Case, Exchange
from robust_r1.ask.picture import Picture, load_picture
from robust_r1.ask.saved import SavedAnswer, SavedReply
from robust_r1.chain import parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import GenerationSettings
from robust_r1.errors import InputError
from robust_r1.evaluation.runs import Row, write_run
from robust_r1.evaluation.stored_case import PICTURES, SAVED, SET
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
    models = dict.fromkeys((answer.case.model, answer.case.eyes) for answer in unique)
    runs = []
    for number, (model, eyes) in enumerate(models):
        own = [one for one in unique if (one.case.model, one.case.eyes) == (model, eyes)]
        # The number keeps two models apart whose names become the same.
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", model)[:_NAME]
        run = folder / str(number) / f"saved-answers-{name}"
        head = {"benchmark": SAVED, "model": model, "precision": "not known",
                "settings": asdict(_settings(own[0].case)),
                **({"terms": {"eyes": eyes}} if eyes else {})}  # fmt: skip
        (run / PICTURES).mkdir(parents=True)
        rows = [row for answer in own for row in _rows(answer, run)]
        write_run(run, head, rows)
        runs.append(run)
    return tuple(runs)


def _settings(case: Case) -> GenerationSettings:
    """Return how a case was asked; a file without settings was written by hand."""
    return case.settings or GenerationSettings()


def _rows(answer: SavedAnswer, run: Path) -> list[Row]:
    case, id = answer.case, f"answer-{answer.digest[:12]}"
    files = []
    for number, picture in enumerate((case.picture, *case.further), 1):
        files.append(run / PICTURES / f"{id}-{number}.png")
        files[-1].write_bytes(images.encode_png(load_picture(picture)))
    first, *further = map(str, files)
    case = replace(
        case,
        picture=Picture(case.picture.example if case.picture else "", first),
        further=tuple(Picture(path=file) for file in further),
        settings=_settings(case),
        truth=case.truth.strip(),
    )
    rows = [_row(id, id, SET if case.plan else "clean", case, answer.reply)]
    if answer.clean is not None and case.plan:
        earlier = tuple(Exchange(turn.question, turn.answer) for turn in case.turns(clean=True))
        clean = replace(case, plan=DegradationPlan(), earlier=earlier)
        rows.append(_row(f"{id}-clean", id, "clean", clean, answer.clean))
    return rows


def _row(id: str, source: str, level: str, case: Case, reply: SavedReply) -> Row:
    parsed = parse(reply.text)
    return Row(
        id=id, source=source, level=level, plan=case.plan, saved=case,
        task="perception" if not case.truth else "mcq" if case.choices else "vqa",
        question=case.question, choices=case.choices, truth=case.truth,
        text=reply.text, tokens=reply.tokens, seconds=reply.seconds, finish=reply.finish,
        answer=parsed.chain.answer, found=parsed.chain.findings, true=case.applied,
        well_formed=parsed.well_formed,
        accuracy=accuracy_score(reply.text, case.truth or None, case.choices),
        degradation=perception_score(parsed, case.applied),
    )  # fmt: skip
