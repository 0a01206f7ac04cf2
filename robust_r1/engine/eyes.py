"""Eyes for any model: one that was trained to see damage looks first, another one answers.

The first one is heard as far as the end of its findings. They go into the other one's prompt, which
is asked for the rest of the chain, and one chain comes out; see `joining` for what becomes of
answers that are not as they were asked for.
"""

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from robust_r1.chain import SECTIONS, close_tag
from robust_r1.engine.control import takes_requests
from robust_r1.engine.conversation import own_template, with_findings, write_turns
from robust_r1.engine.joining import Joint, findings_section, findings_text
from robust_r1.engine.types import (
    CHAIN_TOKENS,
    Answer,
    Engine,
    GenerationSettings,
    ModelInfo,
    Request,
    TextDelta,
)
from robust_r1.errors import InputError, ModelError

if TYPE_CHECKING:
    from robust_r1.engine.remote import RemoteEngine

# The question of the perception benchmarks: it has to ask something, and asks for nothing special.
LOOK = "What is shown?"
_END = close_tag(SECTIONS[0])
# Bytes of a question that bundled models are asked: three times the longest that they were taught
# with. A longer one costs time, and may go beyond their 4,096 tokens, for nothing about damage.
_LONGEST = 320


def look_at(image: np.ndarray, question: str = LOOK) -> Request:
    """Ask what is wrong with a picture (uint8, (height, width, 3)), and for nothing further."""
    return Request.of(image, question, until=_END)


def with_eyes(engine: Engine, eyes: Engine | None) -> Engine:
    """Return an engine whose chains begin with what other eyes found; the same one without eyes.

    Raises:
        InputError: the eyes were not trained to name damage, or are the model itself.
    """
    if eyes is None:
        return engine
    check_eyes(eyes.info)
    if (eyes.info.name, eyes.info.source) == (engine.info.name, engine.info.source):
        raise InputError(f"{eyes.info.name} looks by itself; leave --eyes out.")
    return EyesEngine(engine, eyes)


def check_eyes(info: ModelInfo) -> None:
    """Raise InputError for a model that cannot be the eyes of another one."""
    if not info.reasons:
        raise InputError(
            f"{info.name} was not trained to name damage, so it cannot be the eyes of another "
            "model; take tiny-rl."
        )


class EyesEngine:
    """Let one model look and another one answer; see `Engine`.

    The eyes look at the first picture, with the question where it is short, so that their findings
    are those of their own answer to it. All else is the answering model's: what pictures are fitted
    to, the settings, the conversation, the tokens.
    """

    def __init__(self, engine: Engine, eyes: Engine) -> None:
        """Take the model that answers and the one that looks; both are closed with this."""
        self._engine, self._eyes = engine, eyes

    @property
    def info(self) -> ModelInfo:
        """Describe the model that answers, as it is asked now: for the rest of a chain."""
        own, eyes = self._engine.info, self._eyes.info
        chain = own.reasons or own.bundled  # then its own length has room for one
        tokens = own.defaults.max_new_tokens if chain else CHAIN_TOKENS
        return replace(
            own,
            label=f"{own.label} with the eyes of {eyes.name}",
            reasons=True,
            defaults=replace(own.defaults, max_new_tokens=tokens),
            eyes=eyes,
        )

    @property
    def eyes(self) -> str:
        """Return the name of the model that looks."""
        return self._eyes.info.name

    @property
    def precision(self) -> str:
        """Name the precision of the answering model's weights."""
        return self._engine.precision

    @property
    def device(self) -> str:
        """Say where the answering model runs."""
        return self._engine.device

    @property
    def note(self) -> str:
        """Return what the two engines have to say."""
        return " ".join(filter(None, (self._engine.note, self._eyes.note)))

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture (uint8, (height, width, 3)) to what the answering model sees."""
        return self._engine.fit(image)

    def count_tokens(self, text: str) -> int | None:
        """Return how many tokens a text has for the answering model.

        None where that one cannot be had, which its answers say.
        """
        try:
            return self._engine.count_tokens(text)
        except ModelError:
            return None

    @takes_requests
    def stream(
        self,
        request: Request,
        settings: GenerationSettings | None = None,
        stop: threading.Event | None = None,
    ) -> Generator[TextDelta | Answer, None, None]:
        """Yield the findings, then the rest of the chain as it is written, then one Answer.

        Where the answering model fails, the Answer is what had come, "cut", with the reason in its
        `fault`: the findings stay.

        Raises:
            InputError: an unfit request, at once.
            ModelError: the eyes failed.
        """
        write_turns(self.info, request)  # an unfit one is refused before anybody looks
        return self._stream(request, settings or self.info.defaults, stop)

    def _stream(
        self, request: Request, settings: GenerationSettings, stop: threading.Event | None
    ) -> Generator[TextDelta | Answer, None, None]:
        joint = self._joint(request)
        looking = self._eyes.stream(self._look(request), None, stop)
        with closing(looking) as events:
            looked = next(event for event in events if isinstance(event, Answer))
        if looked.finish == "stopped":
            yield Answer.stopped("", 0, self.info.name, settings, looked.seconds)
            return
        if text := joint.begin(looked):
            yield TextDelta(text)
        if not joint.ended:
            rest = self._engine.stream(self._asked(request, joint.section), settings, stop)
            for text in joint.follow(rest):
                yield TextDelta(text)
        if text := joint.close():
            yield TextDelta(text)
        yield joint.answer(settings)

    @takes_requests
    def generate(
        self,
        requests: Iterable[Request],
        settings: GenerationSettings | None = None,
        batch_size: int = 8,
        stop: threading.Event | None = None,
    ) -> Sequence[Answer]:
        """Let the eyes look at all pictures and the other model answer, in the same batches.

        Setting `stop` while they look leaves all out.

        Raises:
            InputError: an unfit request or batch size.
            ModelError: either model failed; no answer is made up from a part.
        """
        asked, settings = tuple(requests), settings or self.info.defaults
        for request in asked:
            write_turns(self.info, request)
        looks = [self._look(request) for request in asked]
        looked = self._eyes.generate(looks, None, batch_size, stop)
        if len(looked) < len(asked) or any(one.finish == "stopped" for one in looked):
            return ()
        following = [
            self._asked(request, findings_section(one.text))
            for request, one in zip(asked, looked, strict=True)
        ]
        answers = self._engine.generate(following, settings, batch_size, stop)
        return tuple(
            self._join(request, one, answer)
            for request, one, answer in zip(asked, looked, answers, strict=False)
        )

    def answers(
        self,
        requests: Iterable[Request],
        settings: GenerationSettings | None = None,
        at_once: int = 8,
        stop: threading.Event | None = None,
        logprobs: bool = False,
    ) -> Generator[tuple[int, Answer], None, None]:
        """Ask an endpoint many questions at a time, see `RemoteEngine.answers`.

        The eyes look at a picture when its question's turn comes, each by itself.
        """
        under_way: dict[int, tuple[Request, Answer]] = {}

        def asked() -> Iterator[Request]:
            for number, request in enumerate(requests):
                write_turns(self.info, request)
                (looked,) = self._eyes.generate([self._look(request)], None, 1)
                under_way[number] = request, looked
                yield self._asked(request, findings_section(looked.text))

        settings = settings or self.info.defaults
        endpoint = cast("RemoteEngine", self._engine)
        with closing(endpoint.answers(asked(), settings, at_once, stop, logprobs)) as found:
            for number, answer in found:
                yield number, self._join(*under_way.pop(number), answer)

    def option_logprobs(
        self,
        requests: Sequence[Request],
        answers: Sequence[Answer],
        labels: Sequence[Sequence[str]],
        batch_size: int = 8,
    ) -> list[tuple[float, ...]]:
        """Return the odds of each option's label for the answering model, see `Engine`."""
        asked = [
            self._asked(request, findings_section(answer.text))
            for request, answer in zip(requests, answers, strict=False)  # endpoints need none
        ]
        own = [replace(one, text=one.sight.said if one.sight else one.text) for one in answers]
        return self._engine.option_logprobs(asked, own, labels, batch_size)

    def close(self) -> None:
        """Free the memory of both models."""
        self._engine.close()
        self._eyes.close()

    def __enter__(self) -> "EyesEngine":
        """Return the engine, to be closed at the end of the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close both engines."""
        self.close()

    def _look(self, request: Request) -> Request:
        short = len(request.question.encode()) <= _LONGEST
        return look_at(request.images[0], request.question if short else LOOK)

    def _asked(self, request: Request, section: str) -> Request:
        """Return what the answering model is asked, with what was found in its prompt."""
        template = request.template or own_template(self.info)
        found = findings_text(section)
        return replace(request, template=with_findings(template, found), until="")

    def _joint(self, request: Request) -> Joint:
        return Joint(self.info.name, self.count_tokens, request.until)

    def _join(self, request: Request, looked: Answer, answer: Answer) -> Answer:
        """Return the whole chain of two models' whole answers."""
        joint = self._joint(request)
        joint.begin(looked)
        joint.feed(answer.text)
        joint.last = answer
        joint.close()
        seconds = looked.seconds + answer.seconds
        return replace(joint.answer(answer.settings), seconds=seconds, first_text_seconds=None)
