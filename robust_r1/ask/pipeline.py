"""Ask a model about a degraded picture, and score what it says; no user interface in here."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from robust_r1.ask.examples import scene_question
from robust_r1.ask.pictures import Picture, example_of, fitted, seen
from robust_r1.chain import (
    Chain,
    Finding,
    Parsed,
    StreamParser,
    findings_of,
    format_question,
    render,
)
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, Engine, GenerationSettings, Request, TextDelta, Turn
from robust_r1.errors import InputError
from robust_r1.metrics import Scorecard, answer_matches, score_answer
from robust_r1.scenes import chain_for, make_scene

MAX_QUESTION = 4000


@dataclass(frozen=True)
class Reply:
    """Hold what a model has said so far; `answer` is there once it has finished."""

    text: str
    parsed: Parsed
    answer: Answer | None = None


@dataclass(frozen=True)
class Exchange:
    """Hold an earlier question about the same picture, as the model got it, and what it said.

    `clean` is what it said about the clean picture, where that was asked as well.
    """

    question: str
    reply: Reply
    clean: Reply | None = None

    def turn(self, clean: bool = False) -> Turn:
        """Return what the model is given again; asked about the clean picture, what it said there.

        Where the clean picture was not asked then, the answer about the degraded one stands in:
        a follow-up without what it follows would not be the same question.
        """
        reply = self.clean if clean and self.clean else self.reply
        return Turn(self.question, reply.text)


@dataclass(frozen=True)
class Case:
    """Hold one question about one picture under one plan.

    `choices` is empty for an open question, `truth` empty where nobody knows the answer, `earlier`
    empty where the question starts a conversation, `template` empty for the model's own prompt.
    `further` holds pictures that are shown after the first, always as they are.
    """

    picture: Picture
    plan: DegradationPlan
    question: str
    choices: tuple[str, ...] = ()
    truth: str = ""
    settings: GenerationSettings = GenerationSettings()
    also_clean: bool = False
    earlier: tuple[Exchange, ...] = ()
    template: str = ""
    further: tuple[Picture, ...] = ()

    @property
    def prompt(self) -> str:
        """Return the question as a model gets it, with its numbered choices."""
        return format_question(self.question, self.choices)


@dataclass(frozen=True)
class Outcome:
    """Hold the state of one case while it is answered, and the scores at its end.

    `applied` are the true findings, `score` is None until the reply is complete, `reasons` tells
    whether the model was trained to write a chain at all.
    """

    applied: tuple[Finding, ...]
    choices: tuple[str, ...] = ()
    reasons: bool = True
    reply: Reply | None = None
    score: Scorecard | None = None
    clean: Reply | None = None
    clean_score: Scorecard | None = None

    @property
    def flipped(self) -> bool | None:
        """Tell whether the clean picture gets another answer; None where that is not known."""
        if self.clean is None or self.clean.answer is None or self.reply is None:
            return None
        with_damage, without = self.reply.parsed.chain.answer, self.clean.parsed.chain.answer
        if not with_damage.strip() and not without.strip():
            return None
        return not answer_matches(with_damage, without, self.choices)


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


def ask(engine: Engine, case: Case, stop: threading.Event) -> Iterator[Outcome]:
    """Answer a case: yield its outcome after every piece of text, the scored one last.

    Setting `stop`, or closing this generator, ends the model's work within a token. Raises
    RobustR1Error where picture, question or model fail.
    """
    outcome = Outcome(findings_of(case.plan), case.choices, engine.info.reasons)
    turns = tuple(exchange.turn() for exchange in case.earlier)
    for reply in _replies(engine, seen(case.picture, engine, case.plan), case, turns, stop):
        outcome = replace(outcome, reply=reply)
        if reply.answer is not None:
            outcome = replace(outcome, score=score(engine, case, reply, case.plan))
        yield outcome
    if not case.also_clean or stop.is_set():
        return
    turns = tuple(exchange.turn(clean=True) for exchange in case.earlier)
    for reply in _replies(engine, fitted(case.picture, engine), case, turns, stop):
        outcome = replace(outcome, clean=reply)
        if reply.answer is not None:
            outcome = replace(
                outcome, clean_score=score(engine, case, reply, DegradationPlan())
            )
        yield outcome


def ask_through(engine: Engine, case: Case, stop: threading.Event) -> Outcome | None:
    """Answer a case and return its scored outcome; None where it was stopped. See `ask`."""
    outcome = None
    for step in ask(engine, case, stop):
        outcome = step
    return None if stop.is_set() else outcome


def score(engine: Engine, case: Case, reply: Reply, plan: DegradationPlan) -> Scorecard:
    """Score a reply against the plan that was applied, with whatever else is known."""
    tokens = reply.answer.tokens if reply.answer else None
    return score_answer(
        reply.parsed,
        findings_of(plan),
        case.truth.strip() or None,
        case.choices,
        tokens=tokens,
        true_tokens=_reference_tokens(engine, case, plan),
    )


def _replies(
    engine: Engine,
    image: np.ndarray,
    case: Case,
    turns: tuple[Turn, ...],
    stop: threading.Event,
) -> Iterator[Reply]:
    parser = StreamParser()
    further = (fitted(picture, engine) for picture in case.further)
    request = Request((image, *further), case.prompt, turns, case.template)
    with closing(engine.stream(request, case.settings, stop)) as events:
        for event in events:
            if isinstance(event, TextDelta):
                parsed = parser.feed(event.text)
                yield Reply(parser.text, parsed)
            else:
                yield Reply(event.text, event.parsed, event)


def reference_chain(case: Case, plan: DegradationPlan) -> Chain | None:
    """Return the true chain under a plan; only a synthetic scene's own questions have one."""
    example = example_of(case.picture)
    if example is None or example.scene_seed is None:
        return None
    question = scene_question(example.scene_seed, case.question, case.choices)
    if question is None:
        return None
    return chain_for(make_scene(example.scene_seed), question, plan)


def _reference_tokens(engine: Engine, case: Case, plan: DegradationPlan) -> int | None:
    reference = reference_chain(case, plan)
    return None if reference is None else engine.count_tokens(render(reference))
