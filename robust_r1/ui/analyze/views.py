"""One answered case of a run, drawn with the pieces that Explore draws answers with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
from cachetools import LRUCache

from robust_r1 import images
from robust_r1.analysis.compare import MAX_SIDES
from robust_r1.analysis.entries import Entry
from robust_r1.ask.answered import Answered
from robust_r1.ask.case import Case, Reply
from robust_r1.ask.conversation import Conversation, Subject
from robust_r1.ask.examples import find_example
from robust_r1.ask.links import encode, picture_pairs
from robust_r1.ask.pipeline import Outcome
from robust_r1.chain import parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.engine.types import credit
from robust_r1.errors import InputError
from robust_r1.evaluation import Row
from robust_r1.markup import escape
from robust_r1.metrics import Scorecard, score_answer, truth_words
from robust_r1.report.pictures import case_of, picture_of, why_absent
from robust_r1.report.words import applied, verdict
from robust_r1.store import Marks
from robust_r1.ui.widgets.conversation import turns_list
from robust_r1.ui.widgets.further_pictures import pictures_row
from robust_r1.ui.widgets.picture import write_png
from robust_r1.ui.widgets.plan_input import short
from robust_r1.ui.widgets.question import write_line
from robust_r1.ui.widgets.share import tab_query

_TEXT = 400
_files: LRUCache[tuple, str] = LRUCache(20_000)
_THUMBNAIL = 120_000  # pixels of a thumbnail of a published picture, which may have millions


def outcome_of(row: Answered, clean: Answered | None, model: str) -> Outcome:
    """Return a stored answer as Explore's outcome, beside the one about the clean picture."""
    reply, beside = _reply(row, model), None
    if clean is not None and clean is not row:
        beside = _reply(clean, model)
    return Outcome(
        Case(
            None, row.plan, row.question, row.choices, row.truth, lettered=row.lettered
        ),
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
    card = score_answer(
        reply.parsed, row.true if row.known else None, row.truth or None, row.choices,
        caption=caption, reply=row.text, numbered=not row.lettered,
    )  # fmt: skip
    if row.judged is None:
        return card
    said = f"A judge's score: {row.accuracy:.2f}." if row.judged else "Not judged: no score came."
    told = {**card.explain, "accuracy": said}
    return replace(card, accuracy=row.accuracy, unparsed=False, explain=told)


def heading(entry: Entry, place: int, total: int) -> str:
    """Say which case this is, what was asked, and what was done to the picture."""
    row = entry.row
    choices = "".join(f"<li>{escape(choice, _TEXT)}</li>" for choice in row.choices)
    kind = 'type="A"' if row.lettered else 'start="0"'
    listed = f'<ol {kind} class="rr-options">{choices}</ol>' if choices else ""
    true = truth_words(row.truth, row.choices)
    truth = f"True answer: <b>{escape(true, _TEXT)}</b>. " if true else ""
    if row.saved is not None and not row.truth:
        truth = "The true answer is not known. "
    return (
        f'<div class="rr-case-head"><p class="rr-caption"><b>{escape(row.id)}</b> case {place + 1} '
        f"of {total}, {escape(entry.model)}, {escape(row.task)}, {escape(row.level)}, "
        f"{escape(verdict(entry))}</p><h4>{escape(row.question, _TEXT)}</h4>{listed}"
        f'<p class="rr-caption">{truth}{applied(entry)}</p>'
        f"{_looked_before(entry)}{_before(entry)}</div>"
    )


def _looked_before(entry: Entry) -> str:
    """Say whose work the chain is, where one model perceived and another answered."""
    terms = entry.terms
    if not terms.eyes:
        return ""
    remark = entry.row.remark if isinstance(entry.row, Row) else ""
    words = f"{credit(terms.eyes, terms.engine)}. {remark}"
    return f'<p class="rr-caption">{escape(words[0].upper() + words[1:], _TEXT)}</p>'


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


def open_links(entry: Entry, models: Collection[str]) -> str:
    """Draw the links that carry a case to the other tabs, or say why there are none.

    `models` are those loaded here; another one is left out of the links.
    """
    case = case_of(entry)
    if case is None or not _can_be_carried(case):
        why = why_absent(entry)
        words = (
            "Somebody's own picture is in no link: bring it to Explore to ask about it there."
            if case and entry.row.saved
            else "Only pictures of synthetic scenes can be carried to Explore."
            if case
            else "Its picture is no longer here: bring the saved answer again."
            if entry.row.saved
            else f"{why[:1].upper()}{why[1:]}, so its picture is not here."
        )
        return f'<p class="rr-caption">{words}</p>'
    links = "".join(
        f'<a class="rr-open" id="open-{tab.lower()}" target="_blank" href="{escape(query)}">'
        f"{tab}</a>"
        for tab, query in _queries(case, entry.engine, models).items()
    )
    return f'<p class="rr-opens"><span>Open in a new tab</span>{links}</p>'


def _can_be_carried(case: Case) -> bool:
    """Tell whether the other tabs could show exactly the same by a link."""
    try:
        find_example(case.picture.example if case.picture else "")
    except InputError:
        return False
    intensities = {id: round(value, 2) for id, value in case.plan.intensities.items()}
    return DegradationPlan.of(intensities, case.seed) == case.plan


def _queries(case: Case, model: str, models: Collection[str]) -> dict[str, str]:
    """Return the links of a case by the tabs that they open; Sweep's has its kinds of damage."""
    known = model if model in models else ""
    shown = {
        **dict(picture_pairs(case.picture)),
        "ask": write_line(case.question, case.choices, case.truth),
        "seed": str(case.seed),
    }
    plan = {"plan": short(case.plan)}
    sides = {"by": "models", "models": ",".join(list(models)[:MAX_SIDES])}
    if len(models) == 1 and case.plan:
        sides["by"] = "plans"
    kinds = {"vary": ",".join(case.plan.intensities), "model": known}
    return {
        "Explore": encode(replace(case, model=known)),
        "Compare": tab_query("compare", {**shown, **plan, **sides}),
        "Sweep": tab_query("sweep", {**shown, **kinds}),
        "Learn": tab_query("learn", {"part": "story", **shown, **plan}),
    }


def thumbnails(
    entries: Sequence[Entry], cache: str, marks: Mapping[tuple[str, str], Marks]
) -> list[tuple[str, str]]:
    """Return (file, caption) of some cases' pictures; a gray square where there is none.

    Captions tell the tags of `marks`, which has them by (run, case id).
    """
    files = (picture_file(entry, cache, most=_THUMBNAIL) for entry in entries)
    known = (marks.get((entry.run, entry.row.id), Marks()) for entry in entries)
    return list(zip(files, map(_caption, entries, known), strict=True))


def picture_file(entry: Entry, cache: str, clean: bool = False, most: int = 0) -> str:
    """Write the picture of a case, damaged or clean, into Gradio's cache, once; return its path.

    `most` is that of `picture_of`.
    """
    id = entry.row.source if clean else entry.row.id
    shown = (entry.terms.file, entry.terms.bytes, entry.terms.degrade_at, entry.row.plan, most)
    of = (f"{entry.benchmark}/{cache}/{clean}", *(shown if entry.terms.file else ()))
    key = (*of, id if case_of(entry) else "")
    if key not in _files or not _exists(_files[key]):
        try:
            picture = picture_of(entry, clean, most=most)
        except InputError:
            picture = np.full((96, 96, 3), 128, dtype=np.uint8)
        _files[key] = write_png(picture, "case.png", cache)
    return _files[key]


def pictures_view(entry: Entry, cache: str) -> str:
    """Draw the damaged picture of a case beside the clean one; nothing where it is not here."""
    if case_of(entry) is None:
        return ""
    native = entry.terms.degrade_at == "native"
    words = "Before the model shrinks it" if native else "As the model saw it"
    sides = [("case-picture", words, False)]
    if entry.row.plan:
        sides.append(("case-clean", "Undamaged", True))
    drawn = "".join(_side(entry, cache, *one) for one in sides)
    return f'<div class="rr-case-pictures">{drawn}</div>'


def _side(entry: Entry, cache: str, id: str, words: str, clean: bool) -> str:
    path = quote(picture_file(entry, cache, clean))
    return (
        f'<figure class="rr-seen" id="{id}"><button type="button" class="rr-enlarge" '
        f'aria-label="Enlarge: {words}"><img src="gradio_api/file={path}" alt="{words}"></button>'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _exists(path: str) -> bool:
    return Path(path).exists()


def _caption(entry: Entry, found: Marks) -> str:
    sign = {True: "\u2713", False: "\u2717", None: "\u2013"}[entry.right]
    flip = " \u21c4" if entry.flip else ""
    tags = "".join(f" #{tag}" for tag in found.tags)
    return f"{sign}{flip} {entry.row.id}{tags}"
