"""What a model thinks before it answers: how it marks that off, and how to part it from the answer.

A thought stands before the answer, between two marks. Chat templates that open it themselves leave
only the closing mark to the model.
"""

import re

OPEN, CLOSE = "<think>", "</think>"  # as an endpoint's reasoning field is written into a text
_NAMES = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think")
STARTS = (*(f"<{name}>" for name in _NAMES), "<|begin_of_thought|>", "◁think▷", "[THINK]")
ENDS = (*(f"</{name}>" for name in _NAMES), "<|end_of_thought|>", "◁/think▷", "[/THINK]")

# <REASONING> in capitals is a section of a chain.
THOUGHT = re.compile(
    r"<(think|thinking|thought|thoughts|(?-i:reasoning)|seed:think|\|begin_of_thought\|)>"
    r".*?(?:</\1>|<\|end_of_thought\|>|\Z)"
    r"|◁think▷.*?(?:◁/think▷|\Z)|\[THINK\].*?(?:\[/THINK\]|\Z)",
    re.DOTALL | re.IGNORECASE,
)
THOUGHT_END = re.compile("|".join(map(re.escape, ENDS)), re.IGNORECASE)
_START = re.compile(r"\s*(?:" + "|".join(map(re.escape, STARTS)) + ")")


def thought_in(text: str) -> str:
    """Return what a text thinks before its answer, without marks; empty where it does not think.

    Of a thought that has no end yet it is all that there is.

    >>> thought_in("<think>Is it a cat?</think>A cat.")
    'Is it a cat?'
    """
    begun = _START.match(text)
    ends = list(THOUGHT_END.finditer(text))
    if not (begun or ends):
        return ""
    return text[begun.end() if begun else 0 : ends[-1].start() if ends else len(text)].strip()


def without_thought(text: str) -> str:
    """Return what follows a thought; the text itself where nothing does.

    >>> without_thought("<think>Is it a cat?</think>A cat.")
    'A cat.'
    """
    after = THOUGHT_END.split(text)[-1]
    return after if after.strip() else text
