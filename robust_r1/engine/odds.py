"""How likely each option's label was where an answer begins: from tokens to probabilities."""

import math
from collections.abc import Mapping, Sequence

from robust_r1.engine.types import ListedToken
from robust_r1.metrics import answer_start

_LEAST = 1e-38  # a probability below which nothing is told apart; its logarithm is a number
_DIGITS = 4  # of a logarithm: beyond, the same model on another machine says something else

Tokens = tuple[int, ...]


def label_tokens(
    tokens: Sequence[Sequence[int]], before: Sequence[int]
) -> tuple[int, list[Tokens]]:
    """Cut the tokens of texts that differ by a label at their ends.

    Args:
        tokens: of what stands before, with each label after it: written together, since a label can
            become one token with the sign before it.
        before: of what stands before alone.

    Returns:
        How many of `before` stay as they are with every label, and what follows them for each.
    """
    shared = 0
    while all(shared < len(one) for one in (before, *tokens)) and all(
        one[shared] == before[shared] for one in tokens
    ):
        shared += 1
    return shared, [tuple(one[shared:]) for one in tokens]


def contexts_of(labels: Sequence[Tokens]) -> list[Tokens]:
    """Return after which tokens the next one's probabilities are needed, the shortest first."""
    needed = {label[:cut] for label in labels for cut in range(len(label))}
    return sorted(needed, key=lambda one: (len(one), one))


def label_logprobs(
    labels: Sequence[Tokens], logprobs: Mapping[Tokens, Mapping[int, float]]
) -> tuple[float, ...]:
    """Return the logarithm of each label's probability, not as the beginning of a longer label.

    Args:
        labels: their tokens.
        logprobs: by context of `contexts_of`, the logarithm of each token's probability after it.
    """
    reached = {
        label: math.exp(sum(logprobs[label[:at]][token] for at, token in enumerate(label)))
        for label in labels
    }
    alone: dict[Tokens, float] = {}
    for label in sorted(reached, key=len, reverse=True):
        longer = sum(
            share
            for other, share in alone.items()
            if len(other) > len(label) and other[: len(label)] == label
        )
        alone[label] = reached[label] - longer
    return tuple(_logarithm(alone[label]) for label in labels)


def listed_logprobs(
    text: str, listed: Sequence[ListedToken], labels: Sequence[str]
) -> tuple[float, ...]:
    """Return the same from what a server listed of an answer's tokens; empty where that lacks one.

    A label has to be a single token, with what may stand before it in its token ("> B" is none of
    "B" where the answer begins at "B", ">B" is).
    """
    start = answer_start(text)
    if start is None or not labels or any(_begins_longer(label, labels) for label in labels):
        return ()
    offset = 0
    for token in listed:
        if offset <= start < offset + len(token.text):
            before = token.text[: start - offset]
            found = [token.logprobs.get(before + label) for label in labels]
            told = [one for one in found if one is not None]
            whole = len(told) == len(found)
            return tuple(_logarithm(math.exp(one)) for one in told) if whole else ()
        offset += len(token.text)
    return ()


def _begins_longer(label: str, labels: Sequence[str]) -> bool:
    return any(other != label and other.startswith(label) for other in labels)


def _logarithm(probability: float) -> float:
    return round(math.log(min(1.0, max(_LEAST, probability))), _DIGITS)
