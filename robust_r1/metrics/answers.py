"""When an answer is the true one."""

import re
from collections.abc import Sequence

# "2", "2.", "(2)", "option 2", "2. kite", "option 2: kite"; not "2 kites", which is a count.
_OPTION = re.compile(r"(?:option\s+)?\(?([0-9]{1,4})\)?(?:\s*[.:)](?:\s+(.*))?)?", re.DOTALL)


def normalize_answer(text: str) -> str:
    """Reduce an answer to what is compared: case, outer and repeated spaces and one full stop go.

    >>> normalize_answer("  A red  Kite. ")
    'a red kite'
    """
    return " ".join(text.casefold().split()).removesuffix(".").rstrip()


def answer_matches(predicted: str, truth: str, choices: Sequence[str] = ()) -> bool:
    """Tell whether an answer is the true one.

    Among `choices`, numbered from 0, both sides may be an option's number ("2", "2.", "option 2"),
    its text ("kite") or both ("2. kite"); number and text that contradict each other match nothing.
    A bare number is the option's number where there is such an option, else a text. Without choices
    the normalized texts are compared, and a numbered answer fits a true number. An empty truth
    matches nothing.
    """
    said, true = normalize_answer(predicted), normalize_answer(truth)
    if not true:
        return False
    options = [normalize_answer(choice) for choice in choices]
    if options:
        target = _chosen(true, options)
        if target is not None:
            chosen = _chosen(said, options)
            return chosen is not None and options[chosen] == options[target]
    elif true.isdecimal() and (match := _OPTION.fullmatch(said)):
        return match[1] == true
    return said == true


def answer_words(answer: str, choices: Sequence[str] = ()) -> str:
    """Return an answer as people read it: of an option's number, its text first, then the number.

    An answer that names no option by its number stays as it is.

    >>> answer_words("1", ("one", "zero")), answer_words("zero", ("one", "zero"))
    ('zero (1)', 'zero')
    """
    said = normalize_answer(answer)
    match = _OPTION.fullmatch(said)
    if match is None or int(match[1]) >= len(choices):
        return answer
    chosen = _chosen(said, [normalize_answer(choice) for choice in choices])
    return answer if chosen is None else f"{choices[chosen]} ({chosen})"


def _chosen(answer: str, options: Sequence[str]) -> int | None:
    match = _OPTION.fullmatch(answer)
    if match and int(match[1]) < len(options):
        number = int(match[1])
        text = normalize_answer(match[2] or "")
        return number if text in ("", options[number]) else None
    return options.index(answer) if answer in options else None


def accuracy_score(predicted: str, truth: str | None, choices: Sequence[str] = ()) -> float | None:
    """Return 1.0 for the true answer, 0.0 for another, None where the truth has no answer."""
    if truth is None or not normalize_answer(truth):
        return None
    return float(answer_matches(predicted, truth, choices))
