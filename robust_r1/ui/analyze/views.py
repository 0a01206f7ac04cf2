"""One answered case of a run, drawn with the pieces that Explore draws answers with."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from cachetools import LRUCache

from robust_r1 import images
from robust_r1.analysis.entries import Entry
from robust_r1.ask.answered import Answered
from robust_r1.ask.case import Case, Reply
from robust_r1.ask.conversation import Conversation, Subject
from robust_r1.ask.examples import find_example
from robust_r1.ask.links import encode
from robust_r1.ask.pipeline import Outcome
from robust_r1.chain import parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.errors import InputError
from robust_r1.markup import escape
from robust_r1.metrics import Scorecard, score_answer
from robust_r1.report.page import findings_text, verdict
from robust_r1.report.pictures import case_of, picture_of
from robust_r1.ui.widgets.conversation import turns_list
from robust_r1.ui.widgets.further_pictures import pictures_row
from robust_r1.ui.widgets.picture import write_png

_TEXT = 400
_files: LRUCache[tuple[str, str], str] = LRUCache(20_000)


def outcome_of(row: Answered, clean: Answered | None, model: str) -> Outcome:
    """Return a stored answer as Explore's outcome, beside the one about the clean picture."""
    reply, beside = _reply(row, model), None
    if clean is not None and clean is not row:
        beside = _reply(clean, model)
    return Outcome(
        Case(None, row.plan, row.question, row.choices, row.truth),
        reply=reply, score=_score(row, reply),
        clean=beside, clean_score=_score(clean, beside) if clean and beside else None,
    )  # fmt: skip


def _reply(row: Answered, model: str) -> Reply:
    parsed = parse(row.text)
    answer = Answer(
        row.text, parsed, row.tokens, row.seconds, None, row.finish, model, GenerationSettings()
    )
    return Reply(row.text, parsed, answer)


def _score(row: Answered, reply: Reply) -> Scorecard:
    caption = row.accuracy if row.task == "cap" else None
    return score_answer(
        reply.parsed, row.true, row.truth or None, row.choices, caption=caption
    )


def heading(entry: Entry, place: int, total: int) -> str:
    """Say which case this is, what was asked, and what was done to the picture."""
    row = entry.row
    choices = "".join(f"<li>{escape(choice, _TEXT)}</li>" for choice in row.choices)
    listed = f'<ol start="0" class="rr-options">{choices}</ol>' if choices else ""
    truth = f"True answer: <b>{escape(row.truth, _TEXT)}</b>. " if row.truth else ""
    if row.saved is not None and not row.truth:
        truth = "The true answer is not known. "
    return (
        f'<div class="rr-case-head"><p class="rr-caption"><b>{escape(row.id)}</b> case {place + 1} '
        f"of {total}, {escape(entry.model)}, {escape(row.task)}, {escape(row.level)}, "
        f"{escape(verdict(entry))}</p><h4>{escape(row.question, _TEXT)}</h4>{listed}"
        f'<p class="rr-caption">{truth}Applied: {findings_text(row.true)}.</p>'
        f"{_before(entry)}</div>"
    )


def _before(entry: Entry) -> str:
    """Draw what a saved answer stands upon: earlier turns, further pictures, a prompt."""
    row, case = entry.row, entry.row.saved
    if case is None:
        return ""
    subject = Subject(None, row.plan, entry.model)
    talk = Conversation(subject, case.earlier)
    turns = turns_list(talk, row.question) if case.earlier else ""
    pictures = [images.load(Path(one.path)) for one in case.further if Path(one.path).is_file()]
    words = f"Asked with the prompt: {escape(case.template, _TEXT)}" if case.template else ""
    prompt = f'<p class="rr-caption">{words}</p>' if words else ""
    return turns + pictures_row(pictures) + prompt


def explore_link(entry: Entry, models: Collection[str]) -> str:
    """Draw the link that carries a case to Explore, or say why there is none.

    `models` are those loaded here; another one is left out of the link.
    """
    case = case_of(entry)
    query = _query(case, entry.model if entry.model in models else "") if case else None
    if query is None:
        words = (
            "Somebody's own picture is in no link: bring it to Explore to ask about it there."
            if case and entry.row.saved
            else "Only pictures of synthetic scenes can be carried to Explore."
            if case
            else "Its picture is no longer here: bring the saved answer again."
            if entry.row.saved
            else "This version of the benchmark has no such case, so its picture is not here."
        )
        return f'<p class="rr-caption">{words}</p>'
    return (
        f'<a class="rr-open" id="open-explore" target="_blank" href="{escape(query)}">'
        "Open in Explore (new tab)</a>"
    )


def _query(case: Case, model: str) -> str | None:
    """Return the link of a case, or None where Explore could not show exactly the same."""
    try:
        find_example(case.picture.example if case.picture else "")
    except InputError:
        return None
    intensities = {id: round(value, 2) for id, value in case.plan.intensities.items()}
    if DegradationPlan.of(intensities, case.seed) != case.plan:
        return None
    return encode(replace(case, model=model))


def thumbnails(entries: Sequence[Entry], cache: str) -> list[tuple[str, str]]:
    """Return (file, caption) of some cases' pictures; a gray square where there is none."""
    return [(picture_file(entry, cache), _caption(entry)) for entry in entries]


def picture_file(entry: Entry, cache: str) -> str:
    """Write the damaged picture of a case into Gradio's cache, once, and return its path."""
    key = (f"{entry.benchmark}/{cache}", entry.row.id if case_of(entry) else "")
    if key not in _files or not _exists(_files[key]):
        try:
            picture = picture_of(entry)
        except InputError:
            picture = np.full((96, 96, 3), 128, dtype=np.uint8)
        _files[key] = write_png(picture, "case.png", cache)
    return _files[key]


def _exists(path: str) -> bool:
    return Path(path).exists()


def _caption(entry: Entry) -> str:
    sign = {True: "\u2713", False: "\u2717", None: "\u2013"}[entry.right]
    flip = " \u21c4" if entry.flip else ""
    return f"{sign}{flip} {entry.row.id}"
