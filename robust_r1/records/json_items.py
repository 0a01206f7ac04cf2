"""Items of a benchmark from JSON Lines: the project's records, and the authors' conversations.

Training refuses a key that it does not know, which may be a known one misspelled; here such keys
are kept beside the item.
"""

import json
from pathlib import Path
from typing import Any

from robust_r1.chain import parse
from robust_r1.records.conversations import sample_of, split_question
from robust_r1.records.item import Damage, PublishedItem, files_of
from robust_r1.records.lines import Place, RecordError
from robust_r1.records.names import Header
from robust_r1.records.options import option_of_number
from robust_r1.records.project import record_of_json

ID = "id"


def json_item(row: tuple[Place, Any], header: Header, folder: Path) -> PublishedItem:
    """Turn a line into an item: a record of the project's, or a conversation of the authors'.

    Args:
        row: the line's place, and its value, or the error of a line that is no JSON.
        folder: what the pictures' paths are relative to.

    Raises:
        RecordError: a broken line, a picture that is not there, an answer that is no choice.
    """
    place, value = row
    if isinstance(value, RecordError):
        raise value
    if isinstance(value, dict) and "conversations" in value:
        return _conversation(value, place, header, folder)
    return _record(value, place, header, folder)


def _record(value: Any, place: Place, header: Header, folder: Path) -> PublishedItem:
    record, unknown = record_of_json(value, place)
    truth: str | None = record.answer
    if record.choices:
        # Beside a chain, whose last section holds a choice's number, the answer is that number.
        truth = option_of_number(record.answer, record.choices, number_first=bool(record.chain))
    origin = {"question_id": record.question_id, "clean": record.clean}
    told = {"chain": record.chain, **origin, "annotator": record.annotator, **_texts(unknown)}
    return PublishedItem(
        benchmark=header.benchmark,
        id=_id(unknown, place),
        question=record.question,
        pictures=files_of([record.image], folder, place.at("image")),
        choices=record.choices,
        truths=(truth,) if truth else (),
        task=record.kind or ("mcq" if record.choices else "vqa"),
        category=record.topic,
        split=record.split,
        language=header.language,
        damage=Damage(plan=record.plan) if record.plan.steps else header.damage,
        written=record.question,
        place=place,
        extra=tuple((key, text) for key, text in told.items() if key != ID and text),
    )


def _conversation(value: Any, place: Place, header: Header, folder: Path) -> PublishedItem:
    sample, unknown = sample_of(value, place)
    if not sample.images:
        raise place.at("image").fault("a line without a picture", "name one")
    question, choices = split_question(sample.question)
    reply = next(turn.text for turn in sample.turns if turn.speaker == "gpt")
    chain = parse(reply).chain
    # A reply without sections is the bare answer.
    answer = chain.answer.strip() or ("" if "<" in reply else reply.strip())
    truth = option_of_number(answer, choices, number_first=True) if choices else answer
    if choices and answer and truth is None:
        wrong = f"the answer {answer!r} is none of the options"
        raise place.at("conversations").fault(wrong, "give an option's number or text")
    damage = ", ".join(f"{found.name}({found.intensity:.2f})" for found in chain.findings)
    return PublishedItem(
        benchmark=header.benchmark,
        id=_id(unknown, place),
        question=question,
        pictures=files_of(list(sample.images), folder, place.at("image")),
        choices=choices,
        truths=(truth,) if truth else (),
        task="mcq" if choices else "vqa",
        language=header.language,
        damage=Damage(kind=damage) if damage else header.damage,
        written=sample.question,
        place=place,
        extra=tuple(
            (key, text)
            for key, text in {"reply": reply, **_texts(unknown)}.items()
            if key != ID and text
        ),
    )


def _id(unknown: dict[str, Any], place: Place) -> str:
    """Return the line's own id, else its number."""
    return str(unknown.get(ID, place.line))


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in values.items()
    }
