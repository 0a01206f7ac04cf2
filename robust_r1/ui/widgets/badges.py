"""What is marked on an answer wherever one is shown: flipped or the same, right or wrong."""

from robust_r1.ask.pipeline import Outcome
from robust_r1.markup import escape

# The classes that the style sheet knows.
_FLIPPED, _SAME = "rr-flipped", "rr-same"


def flip_badge(
    flipped: bool | None, words: tuple[str, str] = ("flipped", "same"), tag: str = "span"
) -> str:
    """Mark whether an answer differs from the one that it is held against; None draws nothing.

    `words` say that it does, and that it does not.
    """
    if flipped is None:
        return ""
    name, word = (_FLIPPED, words[0]) if flipped else (_SAME, words[1])
    return f'<{tag} class="rr-flip {name}">{escape(word)}</{tag}>'


def verdict_badge(accuracy: float | None) -> str:
    """Mark whether an answer is right; None, where the truth is not known, draws nothing."""
    if accuracy is None:
        return ""
    word = "right" if accuracy else "wrong"
    return f'<span class="rr-verdict rr-{word}">{word}</span>'


def said_words(outcome: Outcome) -> str:
    """Return what a model answered; of an option's bare number, its text as well."""
    said, choices = outcome.said, outcome.case.choices
    if said.isascii() and said.isdecimal() and len(said) < 4 and int(said) < len(choices):
        return f"{said}. {choices[int(said)]}"
    return said
