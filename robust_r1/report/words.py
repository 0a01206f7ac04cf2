"""Answered cases in words: what was said, what was done, how it was scored."""

from collections.abc import Sequence

from robust_r1.analysis.entries import Entry
from robust_r1.chain import Finding
from robust_r1.metrics import answer_words


def said_in(entry: Entry) -> str:
    """Return a model's answer in words; of one that writes no chain all that it wrote."""
    return answer_words(entry.row.answer or entry.row.text.strip(), entry.row.choices)


def verdict(entry: Entry) -> str:
    """Say in a few words how an answer was scored, and whether the damage turned it."""
    if entry.right is None:
        return "not scored"
    score = entry.row.accuracy or 0.0
    word = "right" if entry.right else f"{score:.2f} of the facts" if 0 < score < 1 else "wrong"
    return f"{word}, flipped {entry.flip}" if entry.flip else word


def applied(entry: Entry) -> str:
    """Say what was done to the picture of a case."""
    if not entry.row.known:
        return "The picture came damaged, its file does not tell how."
    return f"Applied: {findings_text(entry.row.true)}."


def findings_text(findings: Sequence[Finding]) -> str:
    """List findings as the chain does; "none" where there are none. Names are the table's own."""
    return ", ".join(f"{one.name} {one.intensity:.2f}" for one in findings) or "none"
