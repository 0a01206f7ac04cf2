"""The project's own data: one question about one picture on each line of a JSON Lines file."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from robust_r1.chain import format_question, parse
from robust_r1.degradations import DegradationPlan
from robust_r1.errors import InputError
from robust_r1.records.lines import Fields, Place, fields_of, json_line, json_lines, write_whole
from robust_r1.records.options import option_of_number

KINDS = ("mcq", "vqa", "cap")
_REQUIRED = ("image", "question")
_OPTIONAL = ("choices", "answer", "chain", "plan", "seed", "split", "kind", "topic")
# Where a record comes from, which not every record tells: written only where it does.
_ORIGIN = ("question_id", "clean", "rationales", "annotator")


@dataclass(frozen=True)
class Record:
    """Describe one question about one picture.

    Attributes:
        image: the degraded picture's file, relative to the folder of the data file, or absolute.
        question: the question in words, without the choices.
        choices: the options of a multiple-choice question, numbered from 0, else empty.
        answer: the true answer (of choices, the text of one, or its number, which beside a chain
            comes first where it could be either); empty if not known.
        chain: the reference chain as text, well formed; empty where there is none.
        plan: what was done to the picture; empty for a clean one.
        seed: what the sample was drawn from.
        split: "train", "validation", "test" or a name of the user's.
        kind: a member of KINDS, or empty.
        topic: what is asked about, in a word, or empty.
        question_id: the question's name in the data set that it comes from, or empty.
        clean: the undamaged picture's file, as the data set that it comes from names it, or empty.
        rationales: what that data set's people gave as reasons, or nothing.
        annotator: what wrote the chain, "rules" or "llm:" and the model's name, or empty.
    """

    image: str
    question: str
    choices: tuple[str, ...] = ()
    answer: str = ""
    chain: str = ""
    plan: DegradationPlan = field(default_factory=DegradationPlan)
    seed: int = 0
    split: str = ""
    kind: str = ""
    topic: str = ""
    question_id: str = ""
    clean: str = ""
    rationales: tuple[str, ...] = ()
    annotator: str = ""

    @property
    def prompt(self) -> str:
        """Return the question as a model reads it, choices numbered from 0."""
        return format_question(self.question, self.choices)

    def picture(self, folder: str | Path) -> Path:
        """Return the picture's path, given the folder of the data file."""
        return Path(folder) / self.image


def read_records(path: str | Path) -> list[Record]:
    """Read a file of records; `image` and `question` are required, the rest may be left out.

    Raises:
        DataError: a file that cannot be read; a line that is not JSON, has unknown, missing or
            ill-typed keys, a malformed chain or plan, or an answer that is none of the choices.
    """
    return [strict_record(value, place) for place, value in json_lines(path)]


def strict_record(value: Any, place: Place) -> Record:
    """Return a record from the JSON object of its line.

    Raises:
        RecordError: what `read_records` refuses.
    """
    return _record(value, place, strict=True)


def record_of_json(value: Any, place: Place) -> tuple[Record, dict[str, Any]]:
    """Return a record from the JSON object of its line, and the keys that are none of a record's.

    Raises:
        RecordError: what `read_records` refuses but for unknown keys.
    """
    record = _record(value, place, strict=False)
    known = _REQUIRED + _OPTIONAL + _ORIGIN
    return record, {key: one for key, one in value.items() if key not in known}


def write_records(path: str | Path, records: Iterable[Record]) -> None:
    """Write records to a file, whole or not at all; `read_records` gives them back.

    Raises:
        DataError: the file cannot be written.
    """
    write_whole(path, (json_line(record_to_json(record)) for record in records))


def record_to_json(record: Record) -> dict[str, Any]:
    """Return a record as the JSON object of its line, keys in a fixed order."""
    told = {key: one for key, one in asdict(record).items() if one or key not in _ORIGIN}
    return told | {
        "choices": list(record.choices),
        "plan": json.loads(record.plan.to_json()),
    }


def _record(value: Any, place: Place, strict: bool) -> Record:
    fields = fields_of(value, place, _REQUIRED, _OPTIONAL + _ORIGIN, strict)
    record = Record(
        image=fields.text("image"),
        question=fields.text("question"),
        choices=fields.texts("choices", ()),
        answer=fields.text("answer", ""),
        chain=fields.text("chain", ""),
        plan=_plan(fields),
        seed=fields.whole("seed", 0),
        split=fields.text("split", ""),
        kind=fields.text("kind", ""),
        topic=fields.text("topic", ""),
        question_id=fields.text("question_id", ""),
        clean=fields.text("clean", ""),
        rationales=fields.texts("rationales", ()),
        annotator=fields.text("annotator", ""),
    )
    check_record(record, place)
    return record


def _plan(fields: Fields) -> DegradationPlan:
    try:
        value = fields.values.get("plan")
        return DegradationPlan() if value is None else DegradationPlan.from_values(value)
    except InputError as error:
        raise fields.place.fault(str(error), "write it as DegradationPlan.to_json does") from error


def check_record(record: Record, place: Place) -> None:
    """Raise RecordError where a record's parts do not fit one another."""
    if record.kind and record.kind not in KINDS:
        raise place.fault(f"unknown kind {record.kind!r}", f"use one of {', '.join(KINDS)}")
    if record.kind == "mcq" and not record.choices:
        raise place.fault("an mcq without choices", "list them, or make it a vqa")
    choices = record.choices
    if record.answer and choices and option_of_number(record.answer, choices) is None:
        last = len(choices) - 1
        raise place.fault(
            f"the answer {record.answer!r} is none of the choices",
            f"give a number from 0 to {last} or a choice's text",
        )
    if record.chain and (problems := parse(record.chain).problems):
        raise place.fault(f"the chain has a {problems[0]}", "write it as chain.render does")
