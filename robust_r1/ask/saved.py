"""Read a saved answer (the page's JSON download): what was asked, and what came of it.

`ask --replay` asks the same again; the analyses show the answer as a case.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from robust_r1 import images
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import GenerationSettings, Turn
from robust_r1.engine.conversation import check_template
from robust_r1.engine.types import Finish
from robust_r1.errors import DataError, ImageError, InputError

# Pictures are PNG: base64 of the largest that a page can hold, and room for the rest.
_MAX_BYTES = 100_000_000
KIND, VERSION = "robust-r1 answer", 1
_FINISHES = get_args(Finish)
_MAX_SECONDS = 1_000_000


@dataclass(frozen=True)
class SavedCase:
    """Hold what was asked; None marks what the file leaves open.

    Attributes:
        question: without its options.
        choices: the options, numbered from 0.
        plan: what is done to the picture.
        settings: how the answer was generated.
        model: name of the model that answered.
        image: an encoded picture, before the damage.
        truth: the true answer.
        history: the earlier turns of its conversation.
        template: the prompt, with {question} in it; empty for the model's own.
        further: encoded pictures that were shown after the first; None for one that the file names
            and does not hold.
    """

    question: str
    choices: tuple[str, ...]
    plan: DegradationPlan
    settings: GenerationSettings
    model: str | None
    image: bytes | None
    truth: str | None
    history: tuple[Turn, ...] = ()
    template: str = ""
    further: tuple[bytes | None, ...] = ()


@dataclass(frozen=True)
class SavedReply:
    """Hold what a model said: its whole text, the tokens, the seconds, and how it ended."""

    text: str
    tokens: int
    seconds: float
    finish: Finish


@dataclass(frozen=True)
class SavedAnswer:
    """Hold a case with what came of it.

    Attributes:
        case: what was asked.
        digest: SHA-256 of the file, as hex.
        example: id of the page's own picture that it is about; empty for somebody's own.
        seed: what the seeds of the plan were derived from.
        reply: the answer about the degraded picture.
        clean: the one about the clean picture, where that was asked too.
        clean_history: the earlier turns as they were for the clean picture.
    """

    case: SavedCase
    digest: str
    example: str
    seed: int
    reply: SavedReply
    clean: SavedReply | None
    clean_history: tuple[Turn, ...]


def read_case(path: Path) -> SavedCase:
    """Read a saved answer.

    Needs "question"; reads "choices", "turns", "plan", "settings", "template", "model", "image"
    (a data URL), "further" (more of them, with their digests) and "answer". Other keys are what
    came of it then, and are ignored. Raises DataError that names the file and the key.
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
    if None in case.further:
        raise DataError(f"{name} lacks the pixels of a further picture; save it again.")
    try:
        for picture in (case.image, *case.further):
            images.load(picture)
    except ImageError as error:
        raise DataError(f"{name}: a picture in it cannot be read: {error}") from error
    seed = record.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise DataError(f'{name}: "seed" must be a whole number.')
    return SavedAnswer(
        case=case,
        digest=hashlib.sha256(data).hexdigest(),
        example=_text(record, "example", name) or "",
        seed=seed,
        reply=_reply(record["reply"], name),
        clean=_reply(record["clean_reply"], name) if record.get("clean_reply") else None,
        clean_history=_history(record, name, clean=True),
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


def _case(record: dict[str, Any], path: str) -> SavedCase:
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
    try:
        plan = DegradationPlan.from_values(record.get("plan") or {"steps": []})
        settings = _settings(record.get("settings") or {})
        template = check_template(_text(record, "template", path) or "")
    except InputError as error:
        raise DataError(f"{path}: {error}") from error
    return SavedCase(
        question=question,
        choices=tuple(choices),
        plan=plan,
        settings=settings,
        model=_text(record, "model", path),
        image=_picture(record, path),
        truth=_text(record, "answer", path),
        history=_history(record, path),
        template=template,
        further=_further(record, path),
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


def _history(record: dict[str, Any], path: str, clean: bool = False) -> tuple[Turn, ...]:
    turns = record.get("turns") or []
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise DataError(f'{path}: "turns" must be a list of objects.')
    pairs = [(turn.get("question"), turn.get("text")) for turn in turns]
    if not all(isinstance(text, str) for pair in pairs for text in pair):
        raise DataError(f'{path}: each of "turns" must hold "question" and "text".')
    said = [turn.get("clean_text") if clean else None for turn in turns]
    if not all(text is None or isinstance(text, str) for text in said):
        raise DataError(f'{path}: "clean_text" of "turns" must be a text.')
    # Where the clean picture was not asked then, the model was given the other answer.
    return tuple(
        Turn(question, text if other is None else other)
        for (question, text), other in zip(pairs, said, strict=True)
    )


def _settings(values: Any) -> GenerationSettings:
    known = {field.name for field in fields(GenerationSettings)}
    if not isinstance(values, dict) or set(values) - known:
        raise InputError(f'"settings" may hold {", ".join(sorted(known))} only.')
    if not all(isinstance(value, int | float) for value in values.values()):
        raise InputError('"settings" must hold numbers.')
    return GenerationSettings(**values)


def _further(record: dict[str, Any], path: str) -> tuple[bytes | None, ...]:
    entries = record.get("further") or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f'{path}: "further" must be a list of objects.')
    pictures = tuple(_picture(entry, path) for entry in entries)
    for number, (entry, picture) in enumerate(zip(entries, pictures, strict=True), 1):
        wanted = _text(entry, "sha256", path)
        if picture is None or wanted is None:
            continue
        try:
            found = images.digest(images.load(picture))
        except ImageError as error:
            raise DataError(f"{path}: further picture {number} cannot be read: {error}") from error
        if found != wanted:
            raise DataError(
                f"{path}: further picture {number} is not the one that was asked about; save the "
                "answer again, or give the picture with --also."
            )
    return pictures


def _picture(record: dict[str, Any], path: str) -> bytes | None:
    url = _text(record, "image", path)
    if url is None:
        return None
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:image/") and head.endswith(";base64")):
        raise DataError(f'{path}: "image" must be a data URL of a picture.')
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise DataError(f'{path}: the picture in "image" is damaged.') from error
