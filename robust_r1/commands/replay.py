"""Read a saved answer (the page's JSON download), so that `ask` can ask the same again."""

import base64
import binascii
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from robust_r1 import images
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import GenerationSettings, Turn
from robust_r1.engine.conversation import check_template
from robust_r1.errors import DataError, ImageError, InputError

# Pictures are PNG: base64 of the largest that a page can hold, and room for the rest.
_MAX_BYTES = 100_000_000


@dataclass(frozen=True)
class Case:
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


def read_case(path: Path) -> Case:
    """Read a saved answer.

    Needs "question"; reads "choices", "turns", "plan", "settings", "template", "model", "image"
    (a data URL), "further" (more of them, with their digests) and "answer". Other keys are what
    came of it then, and are ignored. Raises DataError that names the file and the key.
    """
    record = _record(path)
    question = _text(record, "question", path)
    if not question:
        raise DataError(f'{path} has no "question"; give a file that the page saved.')
    choices = record.get("choices") or []
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        raise DataError(f'{path}: "choices" must be a list of texts.')
    try:
        plan = DegradationPlan.from_json(json.dumps(record.get("plan") or {"steps": []}))
        settings = _settings(record.get("settings") or {})
        template = check_template(_text(record, "template", path) or "")
    except InputError as error:
        raise DataError(f"{path}: {error}") from error
    return Case(
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


def _record(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path} is too large for a saved answer.")
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}; check the name.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} cannot be read as JSON; give a file that the page saved."
        ) from error
    if not isinstance(record, dict):
        raise DataError(f"{path} holds no saved answer; give a file that the page saved.")
    return record


def _text(record: dict[str, Any], key: str, path: Path) -> str | None:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise DataError(f'{path}: "{key}" must be a text.')
    return value


def _history(record: dict[str, Any], path: Path) -> tuple[Turn, ...]:
    turns = record.get("turns") or []
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise DataError(f'{path}: "turns" must be a list of objects.')
    pairs = [(turn.get("question"), turn.get("text")) for turn in turns]
    if not all(isinstance(text, str) for pair in pairs for text in pair):
        raise DataError(f'{path}: each of "turns" must hold "question" and "text".')
    return tuple(Turn(question, text) for question, text in pairs)


def _settings(values: Any) -> GenerationSettings:
    known = {field.name for field in fields(GenerationSettings)}
    if not isinstance(values, dict) or set(values) - known:
        raise InputError(f'"settings" may hold {", ".join(sorted(known))} only.')
    if not all(isinstance(value, int | float) for value in values.values()):
        raise InputError('"settings" must hold numbers.')
    return GenerationSettings(**values)


def _further(record: dict[str, Any], path: Path) -> tuple[bytes | None, ...]:
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


def _picture(record: dict[str, Any], path: Path) -> bytes | None:
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
