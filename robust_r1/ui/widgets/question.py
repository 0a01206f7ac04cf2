"""Questions as lines of text: each with its options and its true answer, where it has them.

    How many objects are there? => three
    Which shape is red? | star | circle => star
"""

from collections.abc import Sequence

from robust_r1.analysis import Query
from robust_r1.ask.links import MAX_CHOICES
from robust_r1.ask.pipeline import check_question
from robust_r1.errors import InputError

CHOICE, TRUTH = "|", "=>"


def read_lines(text: str | None, most: int) -> tuple[Query, ...]:
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


def _read(line: str) -> Query:
    asked, _, truth = line.partition(TRUTH)
    text, *choices = (part.strip() for part in asked.split(CHOICE))
    options = tuple(choice for choice in choices if choice)
    if len(options) > MAX_CHOICES:
        raise InputError(f"There are {len(options)} answer choices: give at most {MAX_CHOICES}.")
    return Query(check_question(text), options, truth.strip())
