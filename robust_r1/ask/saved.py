"""Saved answers (the page's JSON download): written, read, and asked again.

`ask --replay` asks the same again; the analyses show the answer as a case.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from robust_r1 import images
from robust_r1.ask.case import Case, Exchange
from robust_r1.ask.json_values import reply_fields
from robust_r1.ask.picture import Picture, fitted, load_picture
from robust_r1.ask.pipeline import Outcome
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine, GenerationSettings
from robust_r1.engine.conversation import check_template
from robust_r1.engine.types import Finish
from robust_r1.errors import DataError, ImageError, InputError

# Pictures are PNG: base64 of the largest that a page can hold, and room for the rest.
_MAX_BYTES = 100_000_000
KIND, VERSION = "robust-r1 answer", 1
_FINISHES = get_args(Finish)
_MAX_SECONDS = 1_000_000


@dataclass(frozen=True)
class SavedReply:
    """Keep what a model said: its whole text, the tokens, the seconds, and how it ended."""

    text: str
    tokens: int
    seconds: float
    finish: Finish


@dataclass(frozen=True)
class SavedAnswer:
    """Join a case with what came of it.

    Attributes:
        case: what was asked; its pictures are those of the file.
        digest: SHA-256 of the file, as hex.
        reply: the answer about the degraded picture.
        clean: the one about the clean picture, where that was asked too.
    """

    case: Case
    digest: str
    reply: SavedReply
    clean: SavedReply | None


def to_json(engine: Engine, outcome: Outcome) -> str:
    """Return a case and its outcome as JSON text.

    The pictures travel along as the model saw them before the damage, and so do the earlier turns
    of their conversation, which the model was given: the file stands alone.
    """
    case = outcome.case
    record = {
        "kind": KIND,
        "version": VERSION,
        "example": (case.picture.example if case.picture else "") or None,
        "image": images.data_url(fitted(case.picture, engine)),
        "further": [_picture_fields(fitted(one, engine)) for one in case.further],
        "plan": json.loads(case.plan.to_json()),
        "seed": case.seed,
        "question": case.question,
        "choices": list(case.choices),
        "turns": [
            {"question": turn.question, "text": turn.text, "clean_text": turn.clean_text}
            for turn in case.earlier
        ],
        "answer": case.truth or None,
        "model": engine.info.name,
        "eyes": engine.info.eyes.name if engine.info.eyes else None,
        "settings": asdict(case.settings or engine.info.defaults),
        "template": case.template or None,
        "reply": reply_fields(outcome.reply, outcome.score),
        "clean_reply": reply_fields(outcome.clean, outcome.clean_score),
        "flipped": outcome.flipped,
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _picture_fields(image: np.ndarray) -> dict[str, Any]:
    return {**asdict(images.describe(image)), "image": images.data_url(image)}



def read_case(path: Path) -> Case:
    """Read a saved answer.

    Needs "question"; reads "choices", "lettered", "turns", "plan", "settings", "template", "model",
    "eyes", "image" (a data URL), "further" (more of them, with their digests) and "answer". Other
    keys are what came of it then, and are ignored. A picture that the file names and does not hold
    is `missing`. Raises DataError that names the file and the key.
    """
    return _case(_record(path, str(path))[0], str(path))


def read_answer(path: Path, name: str = "") -> SavedAnswer:
    """Read a saved answer with what came of it; errors call the file `name`, by default its path.

    Needs all that the page writes: "kind", "version", "image", "plan", "model" and "reply".
    Raises DataError that names the file and what is wrong with it.
    """
    name = name or str(path)
    record, data = _record(path, name)
    if "kind" not in record:
        raise DataError(f"{name} is no saved answer: give the file that Download JSON saves.")
    case = _case(record, name)
    for key in ("plan", "image", "model", "reply"):
        if not record.get(key):
            raise DataError(f'{name} has no "{key}", so there is no case to show; save it again.')
    if any(picture.missing for picture in case.further):
        raise DataError(f"{name} lacks the pixels of a further picture; save it again.")
    try:
        for picture in (case.picture, *case.further):
            load_picture(picture)
    except ImageError as error:
        raise DataError(f"{name}: a picture in it cannot be read: {error}") from error
    return SavedAnswer(
        case=case,
        digest=hashlib.sha256(data).hexdigest(),
        reply=_reply(record["reply"], name),
        clean=_reply(record["clean_reply"], name) if record.get("clean_reply") else None,
    )


def _reply(values: Any, name: str) -> SavedReply:
    if not isinstance(values, dict) or not isinstance(values.get("text"), str):
        raise DataError(f'{name}: a reply must be an object with a "text".')
    tokens, seconds = values.get("tokens", 0), values.get("seconds", 0.0)
    finish = values.get("finish", "stop")
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
        raise DataError(f'{name}: "tokens" of a reply must be a whole number from 0.')
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise DataError(f'{name}: "seconds" of a reply must be a number.')
    if not 0 <= seconds <= _MAX_SECONDS:
        raise DataError(f'{name}: "seconds" of a reply must be from 0 to {_MAX_SECONDS:,}.')
    if finish not in _FINISHES:
        raise DataError(f'{name}: "finish" of a reply must be one of {", ".join(_FINISHES)}.')
    return SavedReply(values["text"], tokens, float(seconds), finish)


def _case(record: dict[str, Any], path: str) -> Case:
    if record.get("kind", KIND) != KIND:
        raise DataError(f"{path} is no saved answer; give a file that the page saved.")
    if record.get("version", VERSION) != VERSION:
        raise DataError(
            f"{path} is of version {record['version']!r:.20}, this program reads {VERSION}; save "
            "the answer again."
        )
    question = _text(record, "question", path)
    if not question:
        raise DataError(f'{path} has no "question"; give a file that the page saved.')
    choices = record.get("choices") or []
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        raise DataError(f'{path}: "choices" must be a list of texts.')
    seed = record.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise DataError(f'{path}: "seed" must be a whole number.')
    try:
        plan = DegradationPlan.from_values(record.get("plan") or {"steps": []})
        settings = _settings(record["settings"]) if record.get("settings") else None
        template = check_template(_text(record, "template", path) or "")
    except InputError as error:
        raise DataError(f"{path}: {error}") from error
    picture = _picture(record, path, _text(record, "example", path) or "")
    return Case(
        picture=None if picture.draw is None else picture,
        plan=plan,
        question=question,
        choices=tuple(choices),
        truth=_text(record, "answer", path) or "",
        settings=settings,
        also_clean=bool(record.get("clean_reply")),
        earlier=_earlier(record, path),
        template=template,
        lettered=record.get("lettered") is True,
        further=_further(record, path),
        seed=seed,
        model=_text(record, "model", path) or "",
        eyes=_text(record, "eyes", path) or "",
    )


def _record(path: Path, name: str) -> tuple[dict[str, Any], bytes]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{name} is too large for a saved answer.")
        data = path.read_bytes()
        record = json.loads(data.decode("utf-8"))
        if b"\\ud" in data.lower():  # half a character can be shown and written nowhere
            json.dumps(record, ensure_ascii=False).encode()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {name}; check the name.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{name} cannot be read as JSON; give a file that the page saved."
        ) from error
    if not isinstance(record, dict):
        raise DataError(f"{name} holds no saved answer; give a file that the page saved.")
    return record, data


def _text(record: dict[str, Any], key: str, path: str) -> str | None:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(f'{path}: "{key}" must be a text.')
    return value


def _earlier(record: dict[str, Any], path: str) -> tuple[Exchange, ...]:
    turns = record.get("turns") or []
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise DataError(f'{path}: "turns" must be a list of objects.')
    pairs = [(turn.get("question"), turn.get("text")) for turn in turns]
    if not all(isinstance(text, str) for pair in pairs for text in pair):
        raise DataError(f'{path}: each of "turns" must hold "question" and "text".')
    clean = [turn.get("clean_text") for turn in turns]
    if not all(text is None or isinstance(text, str) for text in clean):
        raise DataError(f'{path}: "clean_text" of "turns" must be a text.')
    return tuple(Exchange(*pair, text) for pair, text in zip(pairs, clean, strict=True))


def _settings(values: Any) -> GenerationSettings:
    known = {field.name for field in fields(GenerationSettings)}
    if not isinstance(values, dict) or set(values) - known:
        raise InputError(f'"settings" may hold {", ".join(sorted(known))} only.')
    if not all(isinstance(value, int | float) for value in values.values()):
        raise InputError('"settings" must hold numbers.')
    return GenerationSettings(**values)


def _further(record: dict[str, Any], path: str) -> tuple[Picture, ...]:
    entries = record.get("further") or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f'{path}: "further" must be a list of objects.')
    pictures = tuple(_picture(entry, path) for entry in entries)
    for number, (entry, picture) in enumerate(zip(entries, pictures, strict=True), 1):
        wanted = _text(entry, "sha256", path)
        if picture.missing or wanted is None:
            continue
        try:
            found = images.digest(picture.load())
        except ImageError as error:
            raise DataError(f"{path}: further picture {number} cannot be read: {error}") from error
        if found != wanted:
            raise DataError(
                f"{path}: further picture {number} is not the one that was asked about; save the "
                "answer again, or give the picture with --also."
            )
    return pictures


def _picture(record: dict[str, Any], path: str, example: str = "") -> Picture:
    """Read an encoded picture; of an entry without one nothing can be drawn."""
    url = _text(record, "image", path)
    if url is None:
        return Picture()
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:image/") and head.endswith(";base64")):
        raise DataError(f'{path}: "image" must be a data URL of a picture.')
    try:
        draw: Callable[[], np.ndarray] = partial(images.load, base64.b64decode(data, validate=True))
    except binascii.Error as error:
        raise DataError(f'{path}: the picture in "image" is damaged.') from error
    return Picture(example, draw=draw)
