"""Models on a ZeroGPU Space, where a GPU is lent for one call of a decorated function at a time.

The function runs in a process that is forked for the call: the model is found there as it was
loaded before, and what goes in and comes out is copied. So Stop cannot reach into it; it ends the
call.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing

import numpy as np

from robust_r1.engine import (
    Answer,
    Engine,
    GenerationSettings,
    Request,
    TextDelta,
    catalog,
    load_engine,
)
from robust_r1.engine.control import any_set, takes_requests
from robust_r1.engine.endpoint import is_endpoint
from robust_r1.errors import InputError, RobustR1Error

# Seconds of GPU that a question books: a start, and a cautious rate of 15 tokens a second. More
# than two minutes are not given to visitors.
_START, _RATE, _MOST = 15, 15, 120


class ZeroGpuEngine:
    """Pass questions to a loaded engine inside a function that a GPU is lent to; see `Engine`."""

    def __init__(self, engine: Engine, gpu: Callable[..., Callable], note: str = "") -> None:
        """Wrap an engine; `gpu` is `spaces.GPU`, called at startup as the Space demands.

        `note` is said in place of the engine's own.
        """
        self.info, self.note = engine.info, note or engine.note
        self.precision, self.device = engine.precision, engine.device
        self._engine = engine

        @gpu(duration=booked_seconds)
        def answer(
            request: Request, settings: GenerationSettings
        ) -> Generator[TextDelta | Answer, None, None]:
            yield from engine.stream(request, settings)

        @gpu(duration=lambda requests, *_: min(_MOST, _START + len(requests)))
        def read(
            requests: Sequence[Request],
            answers: Sequence[Answer],
            labels: Sequence[Sequence[str]],
            batch_size: int,
        ) -> Generator[list[tuple[float, ...]], None, None]:
            yield engine.option_logprobs(requests, answers, labels, batch_size)

        self._answer, self._read = answer, read

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture (uint8, (height, width, 3)) to what the model sees; idempotent."""
        return self._engine.fit(image)

    def count_tokens(self, text: str) -> int | None:
        """Return how many tokens a text has for this model."""
        return self._engine.count_tokens(text)

    @takes_requests
    def stream(
        self,
        request: Request,
        settings: GenerationSettings | None = None,
        stop: threading.Event | None = None,
    ) -> Generator[TextDelta | Answer, None, None]:
        """Book a GPU and stream; see `Engine.stream`. Stop ends the booking and the stream."""
        settings = settings or self.info.defaults
        stopped = any_set(stop)
        text, start = [], time.perf_counter()
        with closing(self._answer(request, settings)) as events:
            for event in events:
                if stopped() and isinstance(event, TextDelta):
                    break
                if isinstance(event, TextDelta):
                    text.append(event.text)
                yield event
            else:
                return
        seconds = time.perf_counter() - start
        yield Answer.stopped("".join(text), len(text), self.info.name, settings, seconds)

    @takes_requests
    def generate(
        self,
        requests: Iterable[Request],
        settings: GenerationSettings | None = None,
        batch_size: int = 8,
        stop: threading.Event | None = None,
    ) -> Sequence[Answer]:
        """Answer one request after the other: a booking holds one question."""
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; give at least 1.")
        answers: list[Answer] = []
        for request in requests:
            if any_set(stop)():
                break
            events = self.stream(request, settings, stop)
            answers += [event for event in events if isinstance(event, Answer)]
        return tuple(answers)

    def option_logprobs(
        self,
        requests: Sequence[Request],
        answers: Sequence[Answer],
        labels: Sequence[Sequence[str]],
        batch_size: int = 8,
    ) -> list[tuple[float, ...]]:
        """Book a GPU and read the odds of all; see `Engine.option_logprobs`."""
        (odds,) = self._read(requests, answers, labels, batch_size)
        return odds

    def close(self) -> None:
        """Free the model's memory."""
        self._engine.close()


def booked_seconds(request: Request, settings: GenerationSettings) -> int:
    """Return how long a GPU is booked for a question: by the longest answer it may get."""
    return min(_MOST, _START + settings.max_new_tokens // _RATE)


def open_on_zero_gpu(
    names: Sequence[str], gpu: Callable[..., Callable], max_pixels: int | None = None
) -> list[Engine]:
    """Load models in bf16, before the page is served, and return the engines of its menu.

    What cannot be had is replaced by the newest bundled model, and the reason said: a Space that
    fails to start shows nobody anything.
    """
    engines: dict[str, Engine] = {}
    for name in names or ("robust-r1-rl",):
        engine = _open("robust-r1-rl" if name == "auto" else name, gpu, max_pixels)
        engines.setdefault(engine.info.name, engine)
    return list(engines.values())


def _open(name: str, gpu: Callable[..., Callable], max_pixels: int | None) -> Engine:
    try:
        if is_endpoint(name):
            return load_engine(name, max_pixels=max_pixels)
        return ZeroGpuEngine(load_engine(name, "bf16", max_pixels=max_pixels, warm=False), gpu)
    except RobustR1Error as error:
        newest = catalog.newest_bundled()
        engine = load_engine(newest.name, "bf16", warm=False)
        return ZeroGpuEngine(engine, gpu, f"{error} {newest.label} answers instead.")
