"""What a conversation is about, and which of its questions a model is given again; no interface."""

from dataclasses import dataclass, replace

from robust_r1.ask.case import Exchange
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import Outcome
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import MAX_TURNS


@dataclass(frozen=True)
class Subject:
    """Name what all questions of one conversation share."""

    picture: Picture | None
    plan: DegradationPlan
    model: str
    further: tuple[Picture, ...] = ()

    def difference(self, other: "Subject") -> str:
        """Name what another subject differs in, in words for "... changed"; empty if in nothing."""
        if self.picture != other.picture:
            return "picture"
        if self.further != other.further:
            return "list of further pictures"
        if self.plan != other.plan:
            return "damage"
        return "model" if self.model != other.model else ""


@dataclass(frozen=True)
class Conversation:
    """Keep one visitor's questions about one subject, oldest first, MAX_TURNS at most.

    `dropped` counts the older ones, which the model is no longer given; `begun_by` names what had
    changed when it began, until it goes on.
    """

    subject: Subject
    exchanges: tuple[Exchange, ...] = ()
    dropped: int = 0
    begun_by: str = ""

    def add(self, outcome: Outcome) -> "Conversation":
        """Return the conversation with one more question; one that got no word back is left out.

        An answer that was stopped counts with what was written: it is what the visitor has read.
        """
        reply, clean = outcome.reply, outcome.clean
        if reply is None or not reply.text.strip():
            return self
        exchange = Exchange(
            outcome.case.prompt,
            reply.text,
            clean.text if clean and clean.text.strip() else None,
            reply.answer.finish if reply.answer else "stop",
            outcome.case.choices,
        )
        exchanges = (*self.exchanges, exchange)
        over = max(0, len(exchanges) - MAX_TURNS)
        return replace(self, exchanges=exchanges[over:], dropped=self.dropped + over)


def resume(previous: Conversation | None, subject: Subject) -> Conversation:
    """Return the conversation that a question goes on with; on another subject, a new one."""
    if previous is None:
        return Conversation(subject)
    if changed := previous.subject.difference(subject):
        return Conversation(subject, begun_by=changed)
    return replace(previous, begun_by="")
