"""What an engine is: the models that one can load, what it is asked, and what it answers."""

import math
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from robust_r1 import images
from robust_r1.chain import Parsed, parse
from robust_r1.engine.needs import Needs
from robust_r1.errors import InputError

Finish = Literal["stop", "length", "stopped", "cut"]
PRECISIONS = ("4bit", "8bit", "bf16", "fp16", "fp32")

# The longest completions of the published training run, in tokens (Tang et al., Section 4); twice
# that leaves room and still ends a model that never stops.
CHAIN_TOKENS = 2048
MAX_NEW_TOKENS = 2 * CHAIN_TOKENS

# Pictures of one question at most. Four at the full pixel budget are 5,120 tokens, a sixth of what
# Qwen2.5-VL was trained on; more would crowd out a long conversation.
MAX_PICTURES = 4


@dataclass(frozen=True)
class GenerationSettings:
    """Say how an answer is generated; the same settings and input give the same text.

    How a model is asked by itself is in `ModelInfo.defaults`; to change one thing of that, write
    `dataclasses.replace(info.defaults, temperature=0.7)`.

    Attributes:
        max_new_tokens: largest number of tokens, 1 to MAX_NEW_TOKENS.
        temperature: 0 takes the likeliest token each time (greedy), up to 2 makes it random.
        top_p: share of the probability that tokens are drawn from, in (0, 1].
        seed: of the drawing; 0 or more. Without effect where the temperature is 0.

    Raises:
        InputError: a value outside these ranges.
    """

    max_new_tokens: int = CHAIN_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        self._check_whole("max_new_tokens", 1, MAX_NEW_TOKENS)
        self._check_whole("seed", 0, 2**63 - 1)
        if not (math.isfinite(self.temperature) and 0 <= self.temperature <= 2):
            raise InputError(f"temperature is {self.temperature}; give a number from 0 to 2.")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p is {self.top_p}; give a number above 0 and up to 1.")

    def _check_whole(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InputError(f"{name} is {value}; give a whole number from {low} to {high}.")


@dataclass(frozen=True)
class Turn:
    """Repeat an earlier turn about the same pictures: the question as asked, the whole answer."""

    question: str
    answer: str


@dataclass(frozen=True, eq=False)
class Request:
    """Describe what a model is asked: pictures, a question, and what goes with it.

    Attributes:
        images: uint8, (height, width, 3) each, in the order in which they are shown; an engine fits
            those that are not yet. `info.pictures` at most.
        question: with its options, see `chain.format_question`.
        history: the earlier turns about the same pictures, oldest first, MAX_TURNS at most.
        template: another prompt than the model's own, with {question} in it; empty for its own.
        until: a text at which the answer is over: it and what would follow are not in the answer,
            whose `finish` is "stop"; empty for an answer to its own end.
    """

    images: tuple[np.ndarray, ...]
    question: str
    history: tuple[Turn, ...] = ()
    template: str = ""
    until: str = ""

    @classmethod
    def of(cls, image: np.ndarray, question: str, **more: Any) -> "Request":
        """Ask about one picture; `more` are `history`, `template` and `until`."""
        return cls((image,), question, **more)


@dataclass(frozen=True)
class TextDelta:
    """Bring the next piece of an answer's text, never empty and never half a character."""

    text: str


@dataclass(frozen=True)
class ListedToken:
    """Tell a token of an answer and, by its text, the likeliest ones in its place.

    `logprobs` are natural logarithms of probabilities, of the token itself among others.
    """

    text: str
    logprobs: Mapping[str, float] = field(hash=False)


@dataclass(frozen=True)
class Sight:
    """Tell who looked before a model answered, and what became of what that one said.

    Attributes:
        eyes: name of the model that looked: the findings are its own.
        said: all that the answering model wrote; what the answer's text has of it is the rest of
            the chain.
        remark: what is not as it was asked for, in sentences; empty otherwise.
        free: whether it wrote no sections, so that all of its words stand as the answer.
    """

    eyes: str
    said: str
    remark: str = ""
    free: bool = False


def credit(eyes: str, model: str) -> str:
    """Say whose work a chain is that two models wrote."""
    return f"perceived by {eyes}, answered by {model}"


@dataclass(frozen=True)
class Answer:
    """Give what a model said, and how that went.

    Attributes:
        text: everything the model wrote, section tags included, without end and padding tokens;
            with eyes, the chain of both models. A thought that an endpoint keeps apart stands
            before it, between the marks of `thoughts`.
        parsed: the chain in the text and its problems.
        tokens: number of generated tokens, without the end token.
        seconds: from the start of the work to the last token; of a batch, an equal share.
        first_text_seconds: from the start of the work to the first text; None in a batch.
        finish: "stop" at the model's end token or at `Request.until`, "length" at max_new_tokens,
            "stopped" by the user, "cut" where the connection to the model broke or the model would
            not answer: the text is then only what had come.
        model: name of the model.
        settings: what it was generated with.
        fault: why it was cut, one sentence; empty otherwise.
        listed: what a server told of each token, where it was asked to.
        sight: who looked before it answered; None where it looked itself.
    """

    text: str
    parsed: Parsed
    tokens: int
    seconds: float
    first_text_seconds: float | None
    finish: Finish
    model: str
    settings: GenerationSettings
    fault: str = ""
    listed: tuple[ListedToken, ...] = ()
    sight: Sight | None = None

    @property
    def reply(self) -> str:
        """Return the text that its answer is looked for in: free words are read as such."""
        return self.sight.said if self.sight and self.sight.free else self.text

    @property
    def eyes(self) -> str:
        """Return the name of the model that looked before; empty without one."""
        return self.sight.eyes if self.sight else ""

    @staticmethod
    def stopped(
        text: str, tokens: int, model: str, settings: GenerationSettings, seconds: float = 0.0
    ) -> "Answer":
        """Return what had come of an answer when somebody stopped it."""
        return Answer(text, parse(text), tokens, seconds, None, "stopped", model, settings)


@dataclass(frozen=True)
class ModelInfo:
    """Describe a model without loading it.

    Attributes:
        name: what `--model` takes.
        label: what people see.
        source: a folder, a hub id, or an endpoint's address.
        bundled: whether it came with the project.
        parameters: their number.
        memory: bytes needed to load and run it, by precision (estimates, see `memory`).
        licence: SPDX name, or "unknown".
        about: what it can and cannot do, one sentence.
        min_pixels, max_pixels: the area that pictures are fitted to, in pixels.
        multiple: both sides of a fitted picture are multiples of this, in pixels.
        side: the longer side that every picture is given, in pixels; 0 where the area decides.
        knows_photographs: whether it knows the content of photographs, not only their damage.
        reasons: whether it was trained to write the chain; else it is asked for the answer only.
        converses: whether it can be asked on about a picture; else each question stands for itself.
        pictures: how many pictures one question may show it, 1 to MAX_PICTURES.
        defaults: how it is asked unless somebody says otherwise.
        at_once: how many questions it answers at the same time; others wait for their turn.
        eyes: the model that looks before this one answers; None where it looks itself.
        tiny: whether it is of the project's own making from the first weight on, bundled or not:
            there at once, in full precision, on one thread of a processor.
        needs: what it asks of a machine.
    """

    name: str
    label: str
    source: str
    bundled: bool
    parameters: int
    memory: Mapping[str, int] = field(hash=False)
    licence: str
    about: str
    min_pixels: int
    max_pixels: int
    multiple: int
    knows_photographs: bool
    reasons: bool = True
    converses: bool = True
    pictures: int = MAX_PICTURES
    defaults: GenerationSettings = GenerationSettings()
    at_once: int = 1
    eyes: "ModelInfo | None" = None
    tiny: bool = False
    side: int = 0
    needs: Needs = Needs()

    @property
    def credit(self) -> str:
        """Say whose work its chains are, where two models write them; else nothing."""
        return credit(self.eyes.name, self.name) if self.eyes else ""

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture (uint8, (height, width, 3)) to what the model sees; idempotent."""
        if self.side:
            return images.fit_side(image, self.side)
        return images.fit(image, self.max_pixels, self.min_pixels, self.multiple)


class Engine(Protocol):
    """Answer questions about pictures with one loaded model. Safe to use from several threads."""

    def __hash__(self) -> int:
        """Tell engines apart by identity, so that what they see can be kept by engine."""
        ...

    @property
    def info(self) -> ModelInfo:
        """Describe the model."""
        ...

    @property
    def precision(self) -> str:
        """Name the precision of the weights, one of PRECISIONS; behind an endpoint "remote"."""
        ...

    @property
    def device(self) -> str:
        """Say where the model runs."""
        ...

    @property
    def note(self) -> str:
        """Say why this model answers and not the one that was wanted; empty where it is that one.
        """
        ...

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture (uint8, (height, width, 3)) to what the model sees; idempotent."""
        ...

    def count_tokens(self, text: str) -> int | None:
        """Return how many tokens a text has for this model, to compare lengths in.

        None where only a server knows the model's tokens.
        """
        ...

    def stream(
        self,
        request: Request,
        settings: GenerationSettings | None = None,
        stop: threading.Event | None = None,
    ) -> Generator[TextDelta | Answer, None, None]:
        """Yield the answer's text piece by piece, then one Answer.

        Without settings the model is asked as `info.defaults` says. Setting `stop`, or closing the
        iterator, ends the generation within one token. Raises InputError for an empty question, for
        a history where `info.converses` is false, and for more pictures than the model takes;
        ModelError where the model fails.
        """
        ...

    def generate(
        self,
        requests: Iterable[Request],
        settings: GenerationSettings | None = None,
        batch_size: int = 8,
        stop: threading.Event | None = None,
    ) -> Sequence[Answer]:
        """Answer many requests in batches, in their order; each stands for itself."""
        ...

    def option_logprobs(
        self,
        requests: Sequence[Request],
        answers: Sequence[Answer],
        labels: Sequence[Sequence[str]],
        batch_size: int = 8,
    ) -> list[tuple[float, ...]]:
        """Return how likely each option's label was where an answer begins.

        Args:
            requests: what was asked; an endpoint needs none of it.
            answers: what came of each.
            labels: the labels of each one's options, as it was shown them; none of an open
                question.

        Returns:
            The natural logarithms of the labels' probabilities, in their order, 0 at most, for
            drawing at temperature 1: that the text goes on with this label and with no longer one
            ("1" is not the beginning of "10"). The place is `metrics.answer_start`. Empty without
            labels, where the answer has no such place, and where they cannot be known.
        """
        ...

    def close(self) -> None:
        """Free the model's memory; the engine cannot be used afterwards."""
        ...
