"""Score captions by the facts of the scene, not by their wording."""

import re

from robust_r1.scenes.vocabulary import COLORS, NOUNS, PLACES

_PLACES = "|".join(sorted(PLACES, key=len, reverse=True))
_FACT = re.compile(
    rf"\b({'|'.join(COLORS)}) ({'|'.join(NOUNS)}) (?:at|in|on) the ({_PLACES})\b", re.IGNORECASE
)
_NOTHING = re.compile(r"\bno objects\b", re.IGNORECASE)


def facts_of(caption: str) -> list[tuple[str, str, str]]:
    """Return the (color, noun, place) triples that a caption states, in lower case."""
    return [tuple(part.lower() for part in match) for match in _FACT.findall(caption)]


def caption_score(caption: str, truth: str) -> float:
    """Score a caption against the true one: F1 over their facts, in [0, 1].

    A fact counts where color, noun and place all agree; a fact that is stated twice counts once.
    Where the truth is that there are no objects, saying so scores 1 and anything else 0.
    """
    stated, true = set(facts_of(caption)), set(facts_of(truth))
    if not true:
        return float(not stated and bool(_NOTHING.search(caption)))
    return 2 * len(stated & true) / (len(stated) + len(true))
