"""When an answer is the true one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1.metrics.options import NUMBERED
from robust_r1.metrics.replies import FoundAnswer, find_answer
from robust_r1.metrics.spelling import fold

_LETTER = re.compile(r"\(?([A-Z])\)?\.?")


@dataclass(frozen=True)
class Verdict:
    """Say what a reply answers, and whether that is true.

    Attributes:
        found: the answer that was found in the reply.
        accuracy: 1.0 for the true answer, 0.0 for another or none, None where nobody knows it.
    """

    found: FoundAnswer
    accuracy: float | None

    @property
    def unparsed(self) -> bool:
        """Tell whether the reply is wrong because no answer was found in it."""
        return self.accuracy is not None and not self.accuracy and self.found.unparsed


def normalize_answer(text: str) -> str:
    """Reduce an answer to what is compared.

    Case, outer and repeated spaces, one full stop of any script, marks that nobody sees, the width
    of letters and how accents are composed go; digits become ASCII ones.

    >>> normalize_answer("  A red  Kite. ")
    'a red kite'
    """
    return fold(text).removesuffix(".").rstrip()


def judge_answer(
    reply: str, truth: str | None, choices: Sequence[str] = (), numbered: bool = True
) -> Verdict:
    """Find the answer in a reply and hold it against the true one.

    Args:
        reply: all that the model wrote, or its ANSWER section alone.
        truth: the true answer, as `option_of` reads it where there are choices; None or without a
            word where nobody knows it.
        choices: the options; none of an open question.
        numbered: see `find_answer`.
    """
    found = find_answer(reply, choices, numbered)
    true = normalize_answer(truth or "")
    if not true:
        return Verdict(found, None)
    same = normalize_answer(reply) == true
    target = option_of(truth or "", choices)
    if target is not None:
        options = [normalize_answer(choice) for choice in choices]
        same = found.option is not None and options[found.option] == options[target]
    elif not choices:
        said = normalize_answer(found.text)
        match = NUMBERED.fullmatch(said) if true.isdecimal() else None
        same = same or (match[1] == true if match else said == true)
    return Verdict(found, float(same))


def answer_matches(predicted: str, truth: str, choices: Sequence[str] = ()) -> bool:
    """Tell whether an answer is the true one; an empty truth matches nothing.

    The prediction is read as a model's reply (`find_answer`): a number among `choices` is the
    option's, counted from 0, where there is such an option. The truth is read as `option_of` does.
    Without choices the normalized texts are compared, and a numbered answer fits a true number.

    >>> answer_matches("2. 4", "2", ("2", "3", "4")), answer_matches("0. 2", "2", ("2", "3", "4"))
    (False, True)
    """
    return judge_answer(predicted, truth, choices).accuracy == 1


def option_of(truth: str, choices: Sequence[str]) -> int | None:
    """Return the option, from 0, that a true answer means; None where it means none.

    A truth that literally is an option's text means that option; else it may be an option's number
    ("2", "option 2"), number and text together ("2. kite"), or its letter ("C").

    >>> option_of("2", ("2", "3", "4")), option_of("2", ("two", "three", "four"))
    (0, 2)
    """
    options, true = [normalize_answer(choice) for choice in choices], normalize_answer(truth)
    if true in options:
        return options.index(true)
    match = NUMBERED.fullmatch(true)
    if match:
        number, text = int(match[1]), normalize_answer(match[2] or "")
        return number if number < len(options) and text in ("", options[number]) else None
    letter = _LETTER.fullmatch(truth.strip())
    place = ord(letter[1]) - ord("A") if letter else len(options)
    return place if place < len(options) else None


def same_answer(reply: str, other: str, choices: Sequence[str] = (), numbered: bool = True) -> bool:
    """Tell whether two replies to one question answer the same, both read as replies.

    Replies in which no answer is found are the same where their texts are. `numbered` says whether
    the options had numbers, see `find_answer`.
    """
    one, two = (find_answer(text, choices, numbered) for text in (reply, other))
    if one.option is None or two.option is None:
        same_option = one.option == two.option
        return same_option and answer_matches(reply, other)
    return normalize_answer(choices[one.option]) == normalize_answer(choices[two.option])


def truth_in_words(answer: str, choices: Sequence[str] = ()) -> str:
    """Return the true answer of a chain as `option_of` reads it: of an option's number its text.

    Chains name options by number, and where options are numbers themselves a truth in digits means
    a text. What names no option stays as it is.

    >>> truth_in_words("2", ("2", "3", "4"))
    '4'
    """
    found = find_answer(answer, choices) if choices else None
    return answer if found is None or found.option is None else choices[found.option]


def answer_words(answer: str, choices: Sequence[str] = ()) -> str:
    """Return a model's answer as people read it: of an option's number, its text, then the number.

    An answer that names no option by its number in ASCII digits stays as it is.

    >>> answer_words("1", ("one", "zero")), answer_words("zero", ("one", "zero"))
    ('zero (1)', 'zero')
    """
    match = NUMBERED.fullmatch(" ".join(answer.casefold().split()).removesuffix("."))
    option = find_answer(answer, choices).option if match and choices else None
    if match is None or option is None or int(match[1]) != option:
        return answer
    return f"{choices[option]} ({option})"


def truth_words(truth: str, choices: Sequence[str] = ()) -> str:
    """Return a true answer as people read it: as `answer_words` where it is an option's number.

    >>> truth_words("1", ("one", "zero")), truth_words("2", ("2", "3", "4"))
    ('zero (1)', '2')
    """
    literal = normalize_answer(truth) in map(normalize_answer, choices)
    return truth if literal else answer_words(truth, choices)


def accuracy_score(predicted: str, truth: str | None, choices: Sequence[str] = ()) -> float | None:
    """Return 1.0 for the true answer, 0.0 for another, None where the truth has no answer."""
    return judge_answer(predicted, truth, choices).accuracy
