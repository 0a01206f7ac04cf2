"""The four rewards, in the signature that TRL's GRPO trainer calls.

Each takes `completions` (texts, or conversations whose last message is the completion) and the
columns of the data set, where `solution` holds the true chains as text, and returns a reward per
completion, None where there is nothing to score. They only read texts and call `metrics`: what
training rewards is what evaluation reports and the page shows.

    >>> truth = ["<TYPE>lens blur(0.69)<TYPE_END>"]
    >>> [round(reward, 2) for reward in degradation_reward(["<TYPE>blur(0.45)<TYPE_END>"], truth)]
    [0.76]
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from robust_r1.chain import parse
from robust_r1.metrics import (
    accuracy_score,
    format_score,
    length_score,
    perception_score,
    truth_in_words,
)

Completion = str | Sequence[dict[str, Any]]
Rewards = list[float | None]

_WORD = re.compile(r"\w+|[^\w\s]")


def degradation_reward(
    completions: Sequence[Completion], solution: Sequence[str], **columns: Any
) -> Rewards:
    """Reward perceived degradations (paper Eq. 6): sum of matches, minus false alarms and misses.

    Unlike the authors' release a repeated name costs 1 instead of paying again, and a picture
    without degradation pays only where the chain says `none`.
    """
    return [
        perception_score(parse(text_of(completion)), parse(truth).chain.findings)
        for completion, truth in zip(completions, solution, strict=True)
    ]


def length_reward(
    completions: Sequence[Completion], solution: Sequence[str], **columns: Any
) -> Rewards:
    """Reward a length near the true chain's (paper Eq. 8), in [-1, 1].

    Counts words and punctuation marks on both sides, for use without a tokenizer; training uses
    `make_length_reward`, which counts the policy's tokens.
    """
    return [
        length_score(count_words(text_of(completion)), count_words(truth))
        for completion, truth in zip(completions, solution, strict=True)
    ]


def make_length_reward(tokenizer: Any) -> Callable[..., Rewards]:
    """Return the length reward in tokens of `tokenizer` (a transformers tokenizer or its like).

    Completions are counted by the column `completion_ids` where the trainer gives it, so that
    tokens which decode to nothing count too; a closing end-of-sequence token does not. The returned
    function is named `length_reward`, the name under which a trainer logs it.
    """

    def length_reward(
        completions: Sequence[Completion], solution: Sequence[str], **columns: Any
    ) -> Rewards:
        ids = columns.get("completion_ids")
        if ids is None:
            ids = _tokenize(tokenizer, [text_of(completion) for completion in completions])
        true_ids = _tokenize(tokenizer, list(solution))
        end = getattr(tokenizer, "eos_token_id", None)
        return [
            length_score(len(said) - (len(said) > 0 and said[-1] == end), len(true))
            for said, true in zip(ids, true_ids, strict=True)
        ]

    return length_reward


def format_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """Reward 1 for a well-formed chain, 0 for anything else, junk around a chain included."""
    return [format_score(parse(text_of(completion))) for completion in completions]


def accuracy_reward(
    completions: Sequence[Completion], solution: Sequence[str], **columns: Any
) -> Rewards:
    """Reward 1 for the true answer, 0 for another; None where the true chain has no answer.

    A column `choices` (a list of options per item, or None) lets an answer be given as an option's
    number or as its text; a number in the true chain is an option's, as in every chain. Read is
    the ANSWER section alone: an answer elsewhere is found by evaluation, but teaches no form.
    """
    choices = columns.get("choices") or [()] * len(solution)
    return [
        accuracy_score(
            parse(text_of(completion)).chain.answer,
            truth_in_words(parse(truth).chain.answer, options or ()),
            options or (),
        )
        for completion, truth, options in zip(completions, solution, choices, strict=True)
    ]


def count_words(text: str) -> int:
    """Count a text's words and punctuation marks."""
    return len(_WORD.findall(text))


def text_of(completion: Completion) -> str:
    """Return a completion's text, given as text or as a conversation that ends with it."""
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"] if completion else ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _tokenize(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, add_special_tokens=False)["input_ids"]
