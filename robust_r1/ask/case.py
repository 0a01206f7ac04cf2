"""The one description of a question about a picture under a plan."""

from dataclasses import dataclass
from functools import cached_property

from robust_r1.ask.picture import Picture
from robust_r1.chain import (
    Finding,
    Parsed,
    findings_of,
    format_question,
    option_labels,
    parse,
)
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, GenerationSettings, Turn
from robust_r1.engine.conversation import MAX_QUESTION
from robust_r1.engine.types import Finish
from robust_r1.errors import InputError

MAX_CHOICES = 26  # options that letters can name
MAX_SEED = 2**32 - 1  # the seeds of MiniBench lie beyond 31 bits


@dataclass(frozen=True)
class Reply:
    """Show what a model has said so far; `answer` is there once it has finished."""

    text: str
    parsed: Parsed
    answer: Answer | None = None


@dataclass(frozen=True)
class Exchange:
    """Keep an earlier question about the same picture, as the model got it, and what it said.

    Attributes:
        question: with its numbered choices.
        text: the whole answer.
        clean_text: what it said about the clean picture; None where that was not asked.
        finish: how the answer ended.
        choices: the options, where they are known apart from the question.
    """

    question: str
    text: str
    clean_text: str | None = None
    finish: Finish = "stop"
    choices: tuple[str, ...] = ()

    @cached_property
    def parsed(self) -> Parsed:
        """Return the chain in the answer."""
        return parse(self.text)

    @property
    def reply(self) -> Reply:
        """Return the whole answer as a reply; what it cost is not kept."""
        told = (0, 0.0, None, self.finish, "", GenerationSettings())
        return Reply(self.text, self.parsed, Answer(self.text, self.parsed, *told))

    def turn(self, clean: bool = False) -> Turn:
        """Return what the model is given again; asked about the clean picture, what it said there.

        Where the clean picture was not asked then, the answer about the degraded one stands in:
        a follow-up without what it follows would not be the same question.
        """
        text = self.clean_text if clean and self.clean_text is not None else self.text
        return Turn(self.question, text)


@dataclass(frozen=True)
class Case:
    """Describe one question about one picture under one plan.

    Attributes:
        picture: what is asked about; None where only the question is known yet.
        plan: the damage.
        question: without its choices.
        choices: the options, numbered from 0 or lettered; empty for an open question.
        truth: the true answer; empty where nobody knows it.
        settings: how the answer is generated; None for the model's own.
        also_clean: whether the undamaged picture is asked about as well.
        earlier: the questions before this one, oldest first; empty where it starts a conversation.
        template: the prompt, with {question} in it; empty for the model's own.
        further: pictures shown after the first, always as they are.
        seed: what the seeds of the plan's steps are derived from.
        model: name of the model that is asked; empty where that is left open.
        lettered: whether the options get letters instead of numbers.
        eyes: name of the model that looks before that one answers; empty where it looks itself.
    """

    picture: Picture | None = None
    plan: DegradationPlan = DegradationPlan()
    question: str = ""
    choices: tuple[str, ...] = ()
    truth: str = ""
    settings: GenerationSettings | None = None
    also_clean: bool = False
    earlier: tuple[Exchange, ...] = ()
    template: str = ""
    further: tuple[Picture, ...] = ()
    seed: int = 0
    model: str = ""
    lettered: bool = False
    eyes: str = ""

    @property
    def prompt(self) -> str:
        """Return the question as a model gets it, with its numbered or lettered choices."""
        return format_question(self.question, self.choices, self.lettered)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return what the choices are numbered or lettered with, as the model sees it."""
        return option_labels(len(self.choices), self.lettered)

    @property
    def applied(self) -> tuple[Finding, ...]:
        """Return the true findings."""
        return findings_of(self.plan)

    def turns(self, clean: bool = False) -> tuple[Turn, ...]:
        """Return the earlier questions as a model is given them again."""
        return tuple(exchange.turn(clean) for exchange in self.earlier)

    def check(self) -> None:
        """Raise InputError for a question or choices that cannot be asked."""
        check_question(self.question)
        if len(self.choices) == 1:
            raise InputError("There is only one answer choice: give at least two, or none.")


def check_question(question: str) -> str:
    """Return the question without surrounding space; raise InputError if empty or too long."""
    question = question.strip()
    if not question:
        raise InputError("There is no question yet: write one, or choose one below.")
    if len(question) > MAX_QUESTION:
        raise InputError(
            f"The question has {len(question)} characters; shorten it to {MAX_QUESTION}."
        )
    return question
