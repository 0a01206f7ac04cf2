"""Options of a question, and the one that an answer names: places are turned into texts here.

An option's text is what everything after the reader compares. A letter or a number only means
something in the file that wrote it.
"""

import ast
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robust_r1.metrics import normalize_answer

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTER = re.compile(r"\(?([A-Za-z])[.):]?\)?")
_NUMBER = re.compile(
    r"(?:option\s+)?\(?([0-9]{1,4})\)?[.:)]?(?:\s+(.*))?", re.DOTALL | re.IGNORECASE
)
# "(A) kite", and "A. kite", "A: kite", "A) kite" after a space or a comma.
_MARKS = (
    re.compile(r"\(([A-Z])\)\s*"),
    re.compile(
        r"(?:(?<=[\s,;:\uff0c\uff1b\uff1a])|^)([A-Z])\s?[.:)\u3001\uff0e\uff1a]\s*", re.MULTILINE
    ),
)
_BETWEEN = " \t\r\n,;\uff0c\uff1b"
_HEADING = re.compile(
    r"\s*\(?(?:options|choices|opciones|opções|选项|варианты|seçenekler|الخيارات)\s*[:\uff1a]?\s*$",
    re.IGNORECASE,
)
_ASKS_FOR_LETTER = re.compile(r"\bletter\b", re.IGNORECASE)


def letter_of(answer: str) -> str | None:
    """Return the letter that an answer consists of: "B", "b", "(B)", "B."; None for any other.

    Full-width forms are the same.

    >>> letter_of("(b)"), letter_of("A kite")
    ('B', None)
    """
    match = _LETTER.fullmatch(unicodedata.normalize("NFKC", answer.strip()))
    return match[1].upper() if match else None


def option_of_letter(answer: str, options: Mapping[str, str]) -> str | None:
    """Return the text of the option that an answer names by letter or by its text, or None.

    >>> option_of_letter("B", {"A": "kite", "B": "bird"})
    'bird'
    """
    letter = letter_of(answer)
    if letter is not None and letter in options:
        return options[letter]
    return _literal(answer, list(options.values()))


def option_of_number(answer: str, choices: Sequence[str], number_first: bool = False) -> str | None:
    """Return the text of the choice that an answer is, or names by its number from 0, or None.

    What is literally a choice is that choice, also where it looks like another one's number; with
    `number_first`, for formats that write numbers, it is the other way round.

    >>> option_of_number("2", ("2", "3", "4")), option_of_number("1", ("kite", "bird"))
    ('2', 'bird')
    """
    literal, numbered = _literal(answer, choices), _numbered(answer, choices)
    first, second = (numbered, literal) if number_first else (literal, numbered)
    return second if first is None else first


def _numbered(answer: str, choices: Sequence[str]) -> str | None:
    match = _NUMBER.fullmatch(answer.strip())
    if match is None or int(match[1]) >= len(choices):
        return None
    choice = choices[int(match[1])]
    return choice if not match[2] or _same(match[2], choice) else None


def texts_of(answer: str) -> tuple[str, ...]:
    """Return the accepted texts of a cell: those of a list literal, else the cell itself.

    >>> texts_of("['two', '2']"), texts_of("[sic]"), texts_of("")
    (('two', '2'), ('[sic]',), ())
    """
    listed = list_literal(answer)
    return tuple(listed) if listed else tuple(filter(None, [answer.strip()]))


def list_literal(text: str) -> list[str] | None:
    """Return the texts of a Python or JSON list of texts and numbers, or None for anything else."""
    if not text.strip().startswith("["):
        return None
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(value, list) or not all(isinstance(one, str | int | float) for one in value):
        return None
    return [str(one) for one in value]


def options_in(question: str) -> tuple[str, dict[str, str]]:
    """Take a question and the lettered options that it was written with apart.

    The options are the longest run A, B, C, ... behind a heading, or else the longest, the last of
    several. Text behind them stays in the question, unless it asks for a letter.

    >>> options_in("What flies? Options: A: a kite, B: a bird.")
    ('What flies?', {'A': 'a kite', 'B': 'a bird.'})
    """
    runs = [
        _Run(
            headed=bool(_HEADING.search(question[: marks[0].start()])),
            count=len(marks),
            start=marks[0].start(),
            options=options,
            end=end,
        )
        for style in _MARKS
        for marks in _runs(list(style.finditer(question)))
        for options, end in [_split(question, marks)]
        if all(options.values())
    ]
    if not runs:
        return question, {}
    run = max(runs, key=lambda run: (run.headed, run.count, run.start))
    stem = _HEADING.sub("", question[: run.start]).strip()
    rest = question[run.end :].strip()
    kept = [stem, rest] if rest and not _ASKS_FOR_LETTER.search(rest) else [stem]
    return "\n".join(kept), run.options


@dataclass(frozen=True)
class _Run:
    """Describe a run of lettered options in a question: where it starts and ends."""

    headed: bool
    count: int
    start: int
    options: dict[str, str]
    end: int


def _split(question: str, marks: list[re.Match]) -> tuple[dict[str, str], int]:
    """Return the options that marks begin, and where the last one ends."""
    ends = [mark.start() for mark in marks[1:]]
    # Where each option has a line of its own, what follows the last one's is no part of it.
    in_lines = all("\n" in question[: mark.start()][-2:] for mark in marks[1:])
    line_end = question.find("\n", marks[-1].end()) if in_lines else -1
    ends.append(line_end if line_end >= 0 else len(question))
    options = {
        mark[1]: question[mark.end() : end].strip(_BETWEEN)
        for mark, end in zip(marks, ends, strict=True)
    }
    return options, ends[-1]


def _runs(marks: list[re.Match]) -> list[list[re.Match]]:
    """Return the runs of two and more marks that go A, B, C, ..."""
    runs: list[list[re.Match]] = []
    for mark in marks:
        if mark[1] == "A":
            runs.append([mark])
        elif runs and mark[1] == chr(ord("A") + len(runs[-1])):
            runs[-1].append(mark)
    return [run for run in runs if len(run) > 1]


def _literal(answer: str, choices: Sequence[str]) -> str | None:
    return next((choice for choice in choices if _same(answer, choice)), None)


def _same(one: str, other: str) -> bool:
    return normalize_answer(one) == normalize_answer(other)
