"""Questions: those that fit a picture, and questions as lines of text.

A line has the options and the true answer of its question, where it has them:

    How many objects are there? => three
    Which shape is red? | star | circle => star

A backslash before one of the signs makes it a part of the text: Is a \\| b the same as b \\| a?
"""

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import gradio as gr

from robust_r1.ask.case import MAX_CHOICES, Case, check_question
from robust_r1.ask.examples import Suggestion
from robust_r1.ask.picture import Picture, example_of
from robust_r1.ask.pipeline import knows
from robust_r1.engine import Engine, ModelInfo
from robust_r1.engine.conversation import check_template, own_template
from robust_r1.errors import InputError
from robust_r1.markup import escape

CHOICE, TRUTH = "|", "=>"
_SIGN = re.compile(r"(\\*)(\||=>)")


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
    """Return the line of a question; `read_lines` reads it back, also where it holds the signs."""
    line = f" {CHOICE} ".join(map(_escape, [" ".join(text.split()), *choices]))
    return f"{line} {TRUTH} {_escape(truth)}" if truth else line


def questions_alone(text: str | None) -> str:
    """Return lines of questions without their choices and true answers."""
    lines = (write_line(_split(line)[0][0]) for line in (text or "").splitlines())
    return "\n".join(filter(None, lines))


def _read(line: str) -> Case:
    parts, truth = _split(line)
    text, *choices = (part.strip() for part in parts)
    options = _checked(choice for choice in choices if choice)
    return Case(question=check_question(text), choices=options, truth=truth.strip())


def _split(line: str) -> tuple[list[str], str]:
    """Return question and choices, and the true answer, in which a sign needs no backslash."""
    parts, rest = [""], 0
    for found in _SIGN.finditer(line):
        slashes, sign = found.groups()
        parts[-1] += line[rest : found.start()] + slashes[: len(slashes) // 2]
        rest = found.end()
        if len(slashes) % 2:
            parts[-1] += sign
        elif sign == TRUTH:
            return parts, _unescape(line[rest:])
        else:
            parts.append("")
    parts[-1] += line[rest:]
    return parts, ""


def _escape(text: str) -> str:
    return _SIGN.sub(lambda found: f"{2 * found[1]}\\{found[2]}", text)


def _unescape(text: str) -> str:
    return _SIGN.sub(lambda found: found[1][: len(found[1]) // 2] + found[2], text)


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


def notice(picture: Picture | None, engine: Engine, able: Sequence[str] | None = None) -> str:
    """Say plainly what a bundled model cannot do, whenever the picture is no synthetic scene.

    `able` are the labels of the models that can, where the page is to name them.
    """
    if picture is None or knows(engine.info, picture):
        return ""
    instead = ""
    if able is not None:
        names = " or ".join(map(escape, able)) or "a full-size model, and this page has none now"
        instead = f" For an answer choose {names}."
    return (
        '<p class="rr-notice" role="note">'
        f"<b>{escape(engine.info.label)}</b>{_record(engine.info)} perceives degradations on any "
        "picture, but it was taught answers about synthetic scenes alone and knows nothing about "
        f"what a photograph shows. Read its findings; do not believe its answer.{instead}</p>"
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
