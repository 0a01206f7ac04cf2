"""Fit, degrade, ask, parse, score: the one way from a case to what a model makes of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from robust_r1 import images
from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.case import Case, Reply
from robust_r1.ask.examples import scene_question
from robust_r1.ask.picture import Picture, example_of, fitted, seen
from robust_r1.chain import Chain, Finding, Parsed, StreamParser, findings_of, render
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, Engine, ModelInfo, Request, TextDelta
from robust_r1.metrics import Scorecard, same_answer, score_answer
from robust_r1.scenes import chain_for, make_scene
from robust_r1.scenes.captions import caption_score

# What the bundled models see is kept whole; of a megapixel a small copy, which shows the damage.
THUMBNAIL_PIXELS = 192 * 192


@dataclass(frozen=True)
class Outcome:
    """Show the state of one case while it is answered, and the scores at its end.

    Attributes:
        case: what is asked.
        reasons: whether the model was trained to write a chain at all.
        credit: whose work the chain is, where one model perceives and another answers; else empty.
        reply, score: the answer about the damaged picture; the score is None until it is complete.
        clean, clean_score: the same of the undamaged picture, where that is asked as well.
        thumbnail: what the model saw, uint8, H x W x 3, at most `THUMBNAIL_PIXELS`.
        cached: whether the answer was known from before.
        knows: whether the model can know what the picture shows, not only its damage.
    """

    case: Case
    reasons: bool = True
    reply: Reply | None = None
    score: Scorecard | None = None
    clean: Reply | None = None
    clean_score: Scorecard | None = None
    thumbnail: np.ndarray | None = field(default=None, repr=False, compare=False)
    cached: bool = False
    credit: str = ""
    knows: bool = True

    @property
    def applied(self) -> tuple[Finding, ...]:
        """Return the true degradations."""
        return self.case.applied

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the perceived degradations, as far as they have come."""
        return self.reply.parsed.chain.findings if self.reply else ()

    @property
    def said(self) -> str:
        """Return the answer section's text."""
        return self.reply.parsed.chain.answer.strip() if self.reply else ""

    @property
    def tokens(self) -> int:
        """Return the tokens of the finished answer; 0 before its end."""
        return self.reply.answer.tokens if self.reply and self.reply.answer else 0

    @property
    def flipped(self) -> bool | None:
        """Tell whether the clean picture gets another answer; None where that is not known."""
        if self.clean is None or self.clean.answer is None or self.reply is None:
            return None
        return _differ(self.said, self.clean.parsed.chain.answer.strip(), self.case.choices)


def knows(info: ModelInfo, picture: Picture | None) -> bool:
    """Tell whether a model can know anything about what a picture shows."""
    example = example_of(picture)
    return info.knows_photographs or bool(example and example.is_scene)


def flipped(outcome: Outcome, reference: Outcome) -> bool | None:
    """Tell whether one question got two different answers; None where neither has any."""
    return _differ(outcome.said, reference.said, outcome.case.choices)


def finished(outcome: Outcome) -> tuple[Answer, Scorecard]:
    """Return the whole answer about the damaged picture and its scores.

    Only for outcomes that are known to be finished, such as those of `ask_through`.
    """
    assert outcome.reply is not None and outcome.reply.answer is not None
    assert outcome.score is not None
    return outcome.reply.answer, outcome.score


def ask(
    engine: Engine,
    case: Case,
    stop: threading.Event | None = None,
    cache: AnswerCache | None = None,
) -> Iterator[Outcome]:
    """Answer a case: yield its outcome after every piece of text, the scored one last.

    Setting `stop`, or closing this generator, ends the model's work within a token. An answer that
    `cache` knows comes at once. Raises RobustR1Error where picture, question or model fail.
    """
    case.check()
    request = request_of(engine, case)
    thumbnail = images.fit(request.images[0], THUMBNAIL_PIXELS)
    info = engine.info
    outcome = Outcome(
        case,
        info.reasons,
        thumbnail=thumbnail,
        credit=info.credit,
        knows=knows(info, case.picture),
    )
    for reply, known in _replies(engine, request, case, stop, cache):
        outcome = replace(outcome, reply=reply, cached=known)
        if reply.answer is not None:
            outcome = replace(outcome, score=score(engine, case, reply))
        yield outcome
    if not case.also_clean or (stop is not None and stop.is_set()):
        return
    request = request_of(engine, case, clean=True)
    for reply, _ in _replies(engine, request, case, stop, cache):
        outcome = replace(outcome, clean=reply)
        if reply.answer is not None:
            outcome = replace(outcome, clean_score=score(engine, case, reply, clean=True))
        yield outcome


def ask_through(
    engine: Engine,
    case: Case,
    stop: threading.Event | None = None,
    cache: AnswerCache | None = None,
) -> Outcome | None:
    """Answer a case and return its scored outcome; None where it was stopped. See `ask`."""
    outcome = None
    for step in ask(engine, case, stop, cache):
        outcome = step
    last = outcome and (outcome.clean if case.also_clean else outcome.reply)
    if not last or last.answer is None or last.answer.finish == "stopped":
        return None
    return outcome


def request_of(engine: Engine, case: Case, clean: bool = False) -> Request:
    """Fit and damage the pictures of a case, and return what the model is asked.

    With `clean` the picture stays as it is, and so do the earlier answers about it.
    """
    plan = DegradationPlan() if clean else case.plan
    shown = (seen(case.picture, engine, plan), *(fitted(one, engine) for one in case.further))
    return Request(shown, case.prompt, case.turns(clean), case.template)


def score(engine: Engine, case: Case, reply: Reply, clean: bool = False) -> Scorecard:
    """Score a reply against the plan that was applied, with whatever else is known."""
    tokens = reply.answer.tokens if reply.answer else None
    said = reply.answer.reply if reply.answer else reply.text
    return score_parsed(case, reply.parsed, tokens, engine.count_tokens, clean, said)


def score_parsed(
    case: Case,
    parsed: Parsed,
    tokens: int | None = None,
    count_tokens: Callable[[str], int | None] = lambda text: None,
    clean: bool = False,
    text: str | None = None,
) -> Scorecard:
    """Score a parsed answer to a case.

    Args:
        case: its plan and true answer are what is scored against.
        parsed: what the model said.
        tokens: how long that was.
        count_tokens: counts those of the reference chain, where the case has one.
        clean: score against the undamaged picture.
        text: all that the model wrote, in which the answer is looked for; None to read the ANSWER
            section alone.
    """
    plan = DegradationPlan() if clean else case.plan
    reference = reference_chain(case, plan) if tokens is not None else None
    return score_answer(
        parsed,
        findings_of(plan),
        case.truth.strip() or None,
        case.choices,
        tokens=tokens,
        true_tokens=None if reference is None else count_tokens(render(reference)),
        caption=_caption_score(case, parsed),
        reply=text,
        numbered=not case.lettered,
    )


def reference_chain(case: Case, plan: DegradationPlan) -> Chain | None:
    """Return the true chain under a plan; only a synthetic scene's own questions have one."""
    seed = _scene_of(case)
    question = None if seed is None else scene_question(seed, case.question, case.choices)
    if seed is None or question is None:
        return None
    return chain_for(make_scene(seed), question, plan)


def _replies(
    engine: Engine,
    request: Request,
    case: Case,
    stop: threading.Event | None,
    cache: AnswerCache | None,
) -> Iterator[tuple[Reply, bool]]:
    """Yield what has come so far, and whether it was known before."""
    key = cache.key(engine, request, case.settings) if cache is not None else ()
    known = cache.get(key) if cache is not None else None
    if known is not None:
        yield Reply(known.text, known.parsed, known), True
        return
    parser = StreamParser()
    with closing(engine.stream(request, case.settings, stop)) as events:
        for event in events:
            if isinstance(event, TextDelta):
                parsed = parser.feed(event.text)
                yield Reply(parser.text, parsed), False
                continue
            if cache is not None:
                cache.put(key, event)
            yield Reply(event.text, event.parsed, event), False


def _caption_score(case: Case, parsed: Parsed) -> float | None:
    """Score a scene's caption by its facts; None where the case asks for something else."""
    seed = _scene_of(case)
    if seed is None or not case.truth.strip():
        return None
    question = scene_question(seed, case.question, case.choices)
    if question is None or question.kind != "cap":
        return None
    return caption_score(parsed.chain.answer, case.truth)


def _scene_of(case: Case) -> int | None:
    example = example_of(case.picture)
    return None if example is None else example.scene_seed


def _differ(answer: str, other: str, choices: tuple[str, ...]) -> bool | None:
    if not answer and not other.strip():
        return None
    return not same_answer(answer, other, choices)
