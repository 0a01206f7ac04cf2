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
_LONGEST = max(map(len, ENDS))
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


class AfterThought:
    """Pass on, piece by piece, what follows a thought; a text that begins with none, whole."""

    def __init__(self) -> None:
        self._held = ""
        self._thinking, self._over = False, False

    def feed(self, text: str) -> str:
        """Take the next piece and return what is certain to follow the thought."""
        if self._over:
            return self._unled(text)
        seen = max(len(self._held) - _LONGEST, 0)  # no mark of an end lies before
        self._held += text
        begun = self._held.lstrip()
        if not self._thinking:
            self._thinking = begun.startswith(STARTS)
            if not self._thinking and any(start.startswith(begun) for start in STARTS):
                return ""
        if self._thinking:
            end = THOUGHT_END.search(self._held, seen)
            if end is None:
                return ""
            self._held = self._held[end.end() :]
        self._over = True
        return self.close()

    def close(self) -> str:
        """Return what was held back, unless that is a thought without an end."""
        held, self._held = self._held, ""
        return "" if self._thinking and not self._over else self._unled(held)

    def _unled(self, text: str) -> str:
        """Return a piece without the space that parts a thought from what follows."""
        if self._thinking:
            text = text.lstrip()
            self._thinking = not text
        return text
