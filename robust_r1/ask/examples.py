"""The pictures that the page brings along: photographs with provenance, and synthetic scenes."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from robust_r1 import images
from robust_r1.errors import InputError
from robust_r1.paths import EXAMPLES
from robust_r1.scenes import Question, example_items, make_scene, questions_for

SCENES_SHOWN = 5
_SCENE_PREFIX = "scene-"
_SCENE_QUESTIONS = 4


@dataclass(frozen=True)
class Suggestion:
    """Suggest a question that fits a picture, its options if it has any, and its true answer."""

    text: str
    choices: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True)
class Example:
    """Describe one example picture.

    Attributes:
        id: the name that links use.
        title: what the page calls it.
        credit: author and licence, in one line.
        file: the photograph's file, or None for a scene.
        scene_seed: the scene's seed, or None for a photograph.
        questions: questions that fit it.
    """

    id: str
    title: str
    credit: str
    file: Path | None
    scene_seed: int | None
    questions: tuple[Suggestion, ...]

    def image(self) -> np.ndarray:
        """Return the picture, uint8, H x W x 3."""
        if self.scene_seed is not None:
            return make_scene(self.scene_seed).image()
        assert self.file is not None  # an example is a scene or a photograph
        return images.load(self.file)

    @property
    def is_scene(self) -> bool:
        """Tell whether this is a synthetic scene, whose content is known exactly."""
        return self.scene_seed is not None


@cache
def photographs() -> tuple[Example, ...]:
    """Return the bundled photographs, in the order of `assets/examples/examples.json`."""
    records = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    return tuple(_photograph(record) for record in records)


@cache
def scenes() -> tuple[Example, ...]:
    """Return a few synthetic scenes for the gallery."""
    return tuple(_scene(item.scene.seed) for item in example_items(SCENES_SHOWN))


def gallery() -> tuple[Example, ...]:
    """Return every example that the page shows, scenes first: the bundled models know those."""
    return (*scenes(), *photographs())


def find_example(id: str) -> Example:
    """Return the example with this id; `scene-N` names the scene of seed N, shown or not.

    Raises:
        InputError: nothing is called that.
    """
    for example in photographs():
        if example.id == id:
            return example
    seed = id.removeprefix(_SCENE_PREFIX)
    if id.startswith(_SCENE_PREFIX) and seed.isascii() and seed.isdigit() and len(seed) < 12:
        return _scene(int(seed))
    raise InputError(f"there is no example picture {id[:40]!r}; choose one from the gallery")


def scene_id(seed: int) -> str:
    """Return the id of the example that the scene of a seed is."""
    return f"{_SCENE_PREFIX}{seed}"


def scene_question(seed: int, text: str, choices: tuple[str, ...]) -> Question | None:
    """Return the scene's own question that reads like this one, or None if it has none."""
    for question in questions_for(make_scene(seed)):
        if (question.text, question.choices) == (text.strip(), choices):
            return question
    return None


def _photograph(record: dict) -> Example:
    questions = tuple(
        Suggestion(entry["text"], tuple(entry["choices"]), entry["answer"])
        for entry in record["questions"]
    )
    credit, file = f"{record['author']}, {record['licence']}", EXAMPLES / record["file"]
    return Example(record["id"], record["title"], credit, file, None, questions)


def _scene(seed: int) -> Example:
    questions = questions_for(make_scene(seed))
    # One of each topic reads better than three counts; open and multiple choice take turns.
    picked: dict[str, Question] = {}
    for question in questions:
        wanted = "mcq" if len(picked) % 2 else "vqa"
        if question.topic not in picked and question.kind in (wanted, "cap"):
            picked[question.topic] = question
    suggestions = tuple(
        Suggestion(question.text, question.choices, question.answer_text)
        for question in list(picked.values())[:_SCENE_QUESTIONS]
    )
    title, credit = f"Synthetic scene {seed % 1000}", "drawn by this project"
    return Example(scene_id(seed), title, credit, None, seed, suggestions)
