"""What is marked on an answer wherever one is shown: flipped or the same, right or wrong."""

from collections.abc import Sequence

from robust_r1.ask.pipeline import Outcome
from robust_r1.markup import escape
from robust_r1.metrics import answer_words, normalize_answer
from robust_r1.scenes.questions import UNKNOWN

# The classes that the style sheet knows.
_FLIPPED, _SAME, _WORTHLESS = "rr-flipped", "rr-same", "rr-worthless"


def flip_badge(
    flipped: bool | None, words: tuple[str, str] = ("flipped", "same"), tag: str = "span"
) -> str:
    """Mark whether an answer differs from the one that it is held against; None draws nothing.

    `words` say that it does, and that it does not.
    """
    if flipped is None:
        return ""
    name, word = (_FLIPPED, words[0]) if flipped else (_SAME, words[1])
    return _badge(name, word, tag)


def agreement_badge(
    flipped: bool | None,
    answers: Sequence[tuple[str, float | None]],
    words: tuple[str, str] = ("flipped", "same"),
    tag: str = "span",
) -> str:
    """Mark whether answers differ; that they agree in knowing nothing, or in error, is no merit.

    Args:
        flipped: whether they differ; None draws nothing.
        answers: what is said in each, and how right that is, in [0, 1] or None.
        words: say that they differ, and that they do not.
        tag: the element.
    """
    if flipped is not False or any(right for _, right in answers):
        return flip_badge(flipped, words, tag)
    who = "both" if len(answers) == 2 else "all"
    if all(normalize_answer(said) == UNKNOWN for said, _ in answers):
        return _badge(_WORTHLESS, f"{who} unknown", tag)
    if all(right == 0 for _, right in answers):
        return _badge(_WORTHLESS, f"{who} wrong", tag)
    return flip_badge(flipped, words, tag)


def _badge(name: str, word: str, tag: str) -> str:
    return f'<{tag} class="rr-flip {name}">{escape(word)}</{tag}>'


def verdict_badge(accuracy: float | None) -> str:
    """Mark whether an answer is right; None, where the truth is not known, draws nothing."""
    if accuracy is None:
        return ""
    word = "right" if accuracy else "wrong"
    return f'<span class="rr-verdict rr-{word}">{word}</span>'


def said_words(outcome: Outcome) -> str:
    """Return what a model answered; of an option's number its text first."""
    return answer_words(outcome.said, outcome.case.choices)
