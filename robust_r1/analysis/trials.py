"""One trial: one model, one picture, one plan, one question, and what came of it."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from robust_r1 import images
from robust_r1.chain import Finding, findings_of, format_question
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, Engine, GenerationSettings, Request, TextDelta
from robust_r1.errors import InputError
from robust_r1.metrics import Scorecard, answer_matches, score_answer

# What the bundled models see is kept whole; of a megapixel a small copy, which shows the damage.
THUMBNAIL_PIXELS = 192 * 192
# Some hundred bytes to a few kilobytes an answer: 20 MB at most.
_CACHED_ANSWERS = 4096


@dataclass(frozen=True)
class Query:
    """Hold a question, its options (none: an open question) and its true answer (empty: unknown).

    Raises:
        InputError: an empty question, or a single option.
    """

    text: str
    choices: tuple[str, ...] = ()
    truth: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InputError("There is no question yet: write one.")
        if len(self.choices) == 1:
            raise InputError("There is only one answer choice: give at least two, or none.")

    @property
    def prompt(self) -> str:
        """Return the question as a model gets it, with its numbered options."""
        return format_question(self.text, self.choices)


@dataclass(frozen=True)
class Trial:
    """Hold one answer and its scores.

    Attributes:
        query: what was asked.
        plan: what was done to the picture.
        answer: all that the model said.
        score: what it is worth, against the plan and the true answer, if that is known.
        thumbnail: what the model saw, uint8, H x W x 3, at most `THUMBNAIL_PIXELS`.
        cached: whether the answer was known from before.
    """

    query: Query
    plan: DegradationPlan
    answer: Answer
    score: Scorecard
    thumbnail: np.ndarray = field(repr=False, compare=False)
    cached: bool = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the perceived degradations."""
        return self.answer.parsed.chain.findings

    @property
    def applied(self) -> tuple[Finding, ...]:
        """Return the true degradations."""
        return findings_of(self.plan)

    @property
    def said(self) -> str:
        """Return the answer section's text."""
        return self.answer.parsed.chain.answer.strip()


def flipped(trial: Trial, reference: Trial) -> bool | None:
    """Tell whether two trials of one question end in different answers; None if neither has one."""
    if not trial.said and not reference.said:
        return None
    return not answer_matches(trial.said, reference.said, trial.query.choices)


class AnswerCache:
    """Keep answers by model, pixels, prompt and settings, which together determine them.

    Bounded: the answers that were used longest ago go first. Safe to use from several threads.
    """

    def __init__(self, size: int = _CACHED_ANSWERS) -> None:
        self._size = size
        self._answers: OrderedDict[tuple, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: tuple) -> Answer | None:
        """Return the answer under a key, or None."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: tuple, answer: Answer) -> None:
        """Keep an answer; one that was stopped is no answer to the question and is not kept."""
        if answer.finish == "stopped":
            return
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)


def try_once(
    engine: Engine,
    picture: np.ndarray,
    query: Query,
    plan: DegradationPlan,
    settings: GenerationSettings,
    stop: threading.Event | None = None,
    cache: AnswerCache | None = None,
) -> Trial:
    """Fit and damage a picture (uint8, H x W x 3), ask about it, and score the answer.

    Setting `stop` ends the answer within a token; the trial then holds what was written. Raises
    RobustR1Error where question or model fail.
    """
    seen = plan.apply(engine.fit(picture))
    key = _key(engine, seen, query.prompt, settings)
    answer = cache.get(key) if cache is not None else None
    known = answer is not None
    if answer is None:
        answer = _ask(engine, seen, query.prompt, settings, stop)
        if cache is not None:
            cache.put(key, answer)
    score = score_answer(
        answer.parsed, findings_of(plan), query.truth.strip() or None, query.choices
    )
    return Trial(query, plan, answer, score, images.fit(seen, THUMBNAIL_PIXELS), known)


def _key(
    engine: Engine, seen: np.ndarray, prompt: str, settings: GenerationSettings
) -> tuple:
    pixels = hashlib.sha256(np.ascontiguousarray(seen)).hexdigest()
    model = (engine.info.name, engine.info.source, engine.precision)
    return (*model, seen.shape, pixels, prompt, settings)


def _ask(engine, seen, prompt, settings, stop) -> Answer:
    answer = None
    for event in engine.stream(Request.of(seen, prompt), settings, stop):
        if not isinstance(event, TextDelta):
            answer = event
    assert answer is not None  # a stream ends with its Answer or raises
    return answer
