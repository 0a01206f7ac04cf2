"""Questions: those that fit a picture, and questions as lines of text.

A line has the options and the true answer of its question, where it has them:

    How many objects are there? => three
    Which shape is red? | star | circle => star
"""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import gradio as gr

from robust_r1.ask.case import MAX_CHOICES, Case, check_question
from robust_r1.ask.examples import Suggestion
from robust_r1.ask.picture import Picture, example_of
from robust_r1.engine import Engine, ModelInfo
from robust_r1.engine.conversation import check_template, own_template
from robust_r1.errors import InputError
from robust_r1.markup import escape

CHOICE, TRUTH = "|", "=>"


def read_lines(text: str | None, most: int) -> tuple[Case, ...]:
    """Read questions, one a line; raise InputError for none, more than `most`, or a broken one."""
    lines = [line for line in (text or "").splitlines() if line.strip()]
    if not lines:
        check_question("")
    if len(lines) > most:
        raise InputError(
            f"There are {len(lines)} questions, one a line: ask at most {most} at a time."
        )
    return tuple(_read(line) for line in lines)


def write_line(text: str, choices: Sequence[str] = (), truth: str = "") -> str:
    """Return the line of a question; `read_lines` reads it back, unless it holds the signs."""
    line = f" {CHOICE} ".join([" ".join(text.split()), *choices])
    return f"{line} {TRUTH} {truth}" if truth else line


def _read(line: str) -> Case:
    asked, _, truth = line.partition(TRUTH)
    text, *choices = (part.strip() for part in asked.split(CHOICE))
    options = _checked(choice for choice in choices if choice)
    return Case(question=check_question(text), choices=options, truth=truth.strip())


def parse_choices(text: str | None) -> tuple[str, ...]:
    """Read answer choices, one a line; raise InputError for a single one or too many."""
    return _checked(line.strip() for line in (text or "").splitlines() if line.strip())


def _checked(options: Iterable[str]) -> tuple[str, ...]:
    choices = tuple(options)
    if len(choices) == 1:
        raise InputError("There is only one answer choice: give at least two, or none.")
    if len(choices) > MAX_CHOICES:
        raise InputError(f"There are {len(choices)} answer choices: give at most {MAX_CHOICES}.")
    return choices


def parse_template(text: str | None, engine: Engine) -> str:
    """Read the prompt; the model's own, or none, is empty. Raises InputError for an unfit one."""
    template = (text or "").strip()
    return "" if template == own_template(engine.info) else check_template(template)


def suggestions_for(picture: Picture | None) -> tuple[Suggestion, ...]:
    """Return questions that fit a picture; for a person's own, general ones."""
    example = example_of(picture) if picture else None
    if example is not None:
        return example.questions
    return (
        Suggestion("What is the main object in the picture?"),
        Suggestion("Describe the picture."),
    )


def question_labels(suggestions: Sequence[Suggestion]) -> list[list[str]]:
    """Return the samples of a `gr.Dataset` that offers these questions."""
    return [
        [suggestion.text + (" (choices)" if suggestion.choices else "")]
        for suggestion in suggestions
    ]


def dataset(suggestions: Sequence[Suggestion]) -> gr.Dataset:
    """Return the update that shows these questions."""
    return gr.Dataset(samples=question_labels(suggestions), visible=bool(suggestions))


def notice(picture: Picture | None, engine: Engine) -> str:
    """Say plainly what a bundled model cannot do, whenever the picture is no synthetic scene."""
    example = example_of(picture) if picture else None
    if picture is None or engine.info.knows_photographs or (example and example.is_scene):
        return ""
    return (
        '<p class="rr-notice" role="note">'
        f"<b>{escape(engine.info.label)}</b>{_record(engine.info)} perceives degradations on any "
        "picture, but it was taught answers about synthetic scenes alone and knows nothing about "
        "what a photograph shows. Read its findings; do not believe its answer.</p>"
    )


def _record(info: ModelInfo) -> str:
    """Tell how often a bundled model that names damage was measured to name it of clean ones."""
    share = _false_alarms(info.source) if info.bundled and info.reasons else None
    if share is None:
        return ""
    return f" (of 100 clean photographs it calls {100 * share:.0f} damaged)"


@lru_cache
def _false_alarms(folder: str) -> float | None:
    """Return what stands beside a model about PhotoBench 2; None where nothing does."""
    try:
        results = json.loads((Path(folder) / "results.json").read_text("utf-8"))
        return results["benchmarks"]["photobench2"]["figures"]["false alarm on clean"]["value"]
    except (OSError, ValueError, KeyError):
        return None
