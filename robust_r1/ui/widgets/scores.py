"""The score line: every figure with, in its tooltip, how it was computed."""

from collections.abc import Sequence

from robust_r1.ask.case import Reply
from robust_r1.ask.pipeline import Outcome
from robust_r1.markup import escape
from robust_r1.metrics import Matching, Scorecard

# The names of a scorecard's four rewards, as fields and as keys of its explanations.
REWARDS = ("degradation", "length", "format", "accuracy")
_DASH = "\u2013"
_EMPTY = "Precision, recall, intensity error and the four rewards appear here."


def score_line(outcome: Outcome | None) -> str:
    """Draw the scores of a finished reply; before that, one sentence."""
    if outcome is None or outcome.reply is None or outcome.score is None:
        return f'<div class="rr-scores rr-empty"><p>{_EMPTY}</p></div>'
    groups = (
        (_perceiver(outcome.reply), _perception(outcome.score.matching)),
        ("Rewards", _rewards(outcome.score)),
        ("Cost", _cost(outcome.reply)),
    )
    drawn = "".join(
        f'<div class="rr-group"><h4>{escape(name)}</h4><dl>{"".join(cells)}</dl></div>'
        for name, cells in groups
    )
    return f'<div class="rr-scores" role="group" aria-label="Scores">{drawn}</div>'


def _perceiver(reply: Reply) -> str:
    """Name the figures of what was perceived, and by whom, if not by the model that answered."""
    eyes = reply.answer.eyes if reply.answer else ""
    return f"Perception of {eyes}" if eyes else "Perception"


def _perception(matching: Matching | None) -> list[str]:
    precision = recall = error = None
    why = "Not scored: what was done to the picture is not known."
    said = missed = close = why
    if matching is not None:
        precision, recall, error = matching.precision, matching.recall, matching.mae
        found, alarms = len(matching.matched), len(matching.false_alarms)
        misses = len(matching.misses)
        said = f"{found} of {found + alarms} perceived degradations were applied."
        missed = f"{found} of {found + misses} applied degradations were perceived."
        close = (
            f"Mean of |perceived - applied| over {found} matched degradations."
            if found
            else "Not scored: no degradation was matched."
        )
    return [
        _cell("Precision", number(precision), said),
        _cell("Recall", number(recall), missed),
        _cell("Intensity error", number(error), close),
    ]


def rewards_list(score: Scorecard) -> str:
    """Draw the four rewards, each with how it was computed in plain sight, and their sums."""
    rows = "".join(_row(name, getattr(score, name), score.explain[name]) for name in REWARDS)
    sums = "".join(_row(*one) for one in reward_sums(score))
    return (
        f'<ul class="rr-rewards" aria-label="Rewards">{rows}</ul>'
        f'<ul class="rr-sums" aria-label="Sums of rewards">{sums}</ul>'
    )


def reward_sums(score: Scorecard) -> tuple[tuple[str, float | None, str], ...]:
    """Return (name, value, explanation) of the paper's reward and of the sum of all four.

    A sum of which a part is not scored is None.
    """
    parts = [getattr(score, name) for name in REWARDS]
    return (
        ("r_deg + r_len", _sum(parts[:2]), "Degradation and length: the reward of the paper."),
        ("all four", _sum(parts), "With format and accuracy, as the released code adds them."),
    )


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _row(name: str, value: float | None, explanation: str) -> str:
    return (
        f'<li><b>{_title(name)}</b><strong class="rr-{_sign(value)}">{number(value)}</strong>'
        f"<span>{escape(explanation, 300)}</span></li>"
    )


def _title(name: str) -> str:
    return name[:1].upper() + name[1:] if not name.startswith("r_") else name


def _sign(value: float | None) -> str:
    return "unscored" if value is None else "right" if value > 0 else "wrong"


def _rewards(score: Scorecard) -> list[str]:
    return [
        _cell(name.capitalize(), number(getattr(score, name)), score.explain[name])
        for name in REWARDS
    ]


def _cost(reply: Reply) -> list[str]:
    answer = reply.answer
    if answer is None:
        return []
    first = answer.first_text_seconds
    why = "From pressing Ask to the last token." if first is None else (
        f"The first text came after {first:.2f} s."
    )
    rate = f"{answer.tokens / answer.seconds:.0f} tokens a second." if answer.seconds else ""
    return [
        _cell("Tokens", str(answer.tokens), f"Tokens that the model wrote; {rate}"),
        _cell("Seconds", f"{answer.seconds:.1f}", why),
    ]


def number(value: float | None) -> str:
    """Write a figure with two decimals; a dash where it is not scored."""
    return _DASH if value is None else f"{value:.2f}"


def _cell(name: str, value: str, explanation: str) -> str:
    # The explanation is text beside the figure, shown on hover and on focus, so a keyboard and a
    # screen reader reach it as well as a mouse does.
    return (
        f'<div class="rr-cell" tabindex="0"><dt>{name}</dt><dd>{escape(value)}</dd>'
        f'<span class="rr-tip" role="tooltip">{escape(explanation, 300)}</span></div>'
    )
