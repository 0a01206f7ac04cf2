"""What an endpoint's replies took: how many, how often asked, tokens, seconds, money."""

from collections import defaultdict
from typing import Any

from train.common.journal import Journal

_COUNTED = ("tries", "seconds", "prompt_tokens", "completion_tokens")


def report_of(replies: Journal, prices: tuple[float, float] | None) -> dict[str, Any]:
    """Add up all replies of a file, by step and in all.

    Args:
        prices: of a million tokens that are sent, and of a million that come.

    Returns:
        For each step and for "all": replies, tries, seconds, tokens (None where the endpoint does
        not count them) and, with prices, the cost in their currency.
    """
    sums: dict[str, dict[str, Any]] = defaultdict(lambda: {"replies": 0, "uncounted": 0})
    for name in replies:
        reply = replies.get(name) or {}
        for step in (reply["step"], "all"):
            one = sums[step]
            one["replies"] += 1
            one["uncounted"] += reply["prompt_tokens"] is None
            for key in _COUNTED:
                one[key] = round(one.get(key, 0) + (reply[key] or 0), 2)
    for one in sums.values():
        if prices:
            spent = (one["prompt_tokens"], one["completion_tokens"])
            cost = sum(price * tokens for price, tokens in zip(prices, spent, strict=True))
            one["cost"] = round(cost / 1e6, 4)
    return dict(sums)


def words_of(report: dict[str, Any]) -> str:
    """Say in a line what all replies took."""
    if not (all_of := report.get("all")):
        return "no replies"
    told = (
        f"{all_of['replies']} replies in {all_of['tries']} tries, {all_of['prompt_tokens']:,} "
        f"tokens sent and {all_of['completion_tokens']:,} come"
    )
    if all_of["uncounted"]:
        told += f" (the endpoint did not count those of {all_of['uncounted']})"
    return told + (f", cost {all_of['cost']:.2f}" if "cost" in all_of else "")
