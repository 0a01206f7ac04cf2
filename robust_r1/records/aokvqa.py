"""A-OKVQA: multiple-choice questions about COCO 2017 pictures, `aokvqa_v1p0_{split}.json`.

The test split has neither answers nor rationales.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robust_r1.records.lines import Place, fields_of, json_entries, json_line, write_whole
from robust_r1.records.project import Record

_REQUIRED = ("split", "image_id", "question_id", "question", "choices")
_HIDDEN = ("correct_choice_idx", "direct_answers", "rationales")  # in the test split
_OPTIONAL = (*_HIDDEN, "difficult_direct_answer")
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class AokvqaItem:
    """Describe one question of A-OKVQA; `correct_choice` is None in the test split."""

    split: str
    image_id: int
    question_id: str
    question: str
    choices: tuple[str, ...]
    correct_choice: int | None = None
    direct_answers: tuple[str, ...] = ()
    difficult_direct_answer: bool | None = None
    rationales: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        """Return the picture's path within COCO 2017: "train2017/000000299207.jpg"."""
        return f"{self.split}2017/{self.image_id:012d}.jpg"

    def record(self) -> Record:
        """Return the question as a record about the clean picture, without a chain.

        Its answer is the right choice's text: a number could be taken for another choice's text.
        """
        answer = "" if self.correct_choice is None else self.choices[self.correct_choice]
        return Record(self.image, self.question, self.choices, answer, split=self.split, kind="mcq")


def read_aokvqa(path: str | Path) -> list[AokvqaItem]:
    """Read a file of A-OKVQA.

    Raises:
        DataError: a file that is no JSON list, or a record with unknown, missing or ill-typed keys.
    """
    return [_item(value, place) for place, value in json_entries(path)]


def write_aokvqa(path: str | Path, items: Iterable[AokvqaItem]) -> None:
    """Write questions as A-OKVQA does, whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    lines = [json_line(_json(item)).rstrip("\n") for item in items]
    write_whole(path, ["[\n" + ",\n".join(lines) + "\n]\n"])


def _item(value: Any, place: Place) -> AokvqaItem:
    fields = fields_of(value, place, _REQUIRED, _OPTIONAL)
    split, choices = fields.text("split"), fields.texts("choices")
    if split not in _SPLITS:
        raise place.fault(f"unknown split {split!r}", f"use one of {', '.join(_SPLITS)}")
    correct = None
    if split != "test" or "correct_choice_idx" in value:
        correct = fields.whole("correct_choice_idx")
        if correct >= len(choices):
            wrong = f"correct_choice_idx is {correct} of {len(choices)} choices"
            raise place.fault(wrong, "count them from 0")
    difficult = value.get("difficult_direct_answer")
    if not isinstance(difficult, bool | None):
        raise place.fault("difficult_direct_answer is no truth value", "write true or false")
    return AokvqaItem(
        split=split,
        image_id=fields.whole("image_id"),
        question_id=fields.text("question_id"),
        question=fields.text("question"),
        choices=choices,
        correct_choice=correct,
        direct_answers=fields.texts("direct_answers", ()),
        difficult_direct_answer=difficult,
        rationales=fields.texts("rationales", ()),
    )


def _json(item: AokvqaItem) -> dict[str, Any]:
    value = {
        "split": item.split,
        "image_id": item.image_id,
        "question_id": item.question_id,
        "question": item.question,
        "choices": list(item.choices),
        "correct_choice_idx": item.correct_choice,
        "direct_answers": list(item.direct_answers),
        "difficult_direct_answer": item.difficult_direct_answer,
        "rationales": list(item.rationales),
    }
    return {key: there for key, there in value.items() if there not in (None, [])}
