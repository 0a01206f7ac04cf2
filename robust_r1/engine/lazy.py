"""An engine that loads its model when it is needed: the page is there at once, torch after it."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence

import numpy as np

from robust_r1.engine import Answer, Engine, GenerationSettings, ModelInfo, Request, TextDelta
from robust_r1.engine.control import takes_requests
from robust_r1.errors import InputError, ModelError, RobustR1Error

_WAIT = 0.05  # seconds between looks at Stop while the model is loading
# Loads a model and reports how far it is, as `load_engine` does.
Load = Callable[[Callable[[float, str], object]], Engine]


class LazyEngine:
    """Load a model with the first question, or before it, and pass everything on; see `Engine`.

    Pictures can be fitted from the start, since a model's description is known without loading it.
    A question waits for the model; Stop ends the wait. Where the model cannot be had, `fallback`
    answers instead, which `note` says; without one the next question tries again.
    """

    def __init__(
        self,
        info: ModelInfo,
        load: Load,
        fallback: "LazyEngine | None" = None,
    ) -> None:
        """Describe the model and how to load it."""
        self.info = info
        self.label = info.label
        self.last_used = 0.0
        self._load = load
        self._fallback = fallback
        self._engine: Engine | None = None
        self._error: RobustR1Error | None = None
        self._step = ""
        self._changed = threading.Condition()
        self._loading = False
        self._expected = False

    def expect(self) -> None:
        """Count as loading already: the program is about to call `start`."""
        self._expected = True

    def start(self) -> None:
        """Load the model in this thread; what goes wrong is raised to whoever asks."""
        with self._changed:
            if self._loading or self._engine is not None:
                self._expected = False
                return
            self._loading, self._error, self._step = True, None, ""
        engine = error = None
        try:
            engine = self._load(self._report)
        except RobustR1Error as caught:
            error = caught
        except Exception as caught:  # whoever waits must not wait for ever
            error = ModelError(f"{self.label} could not be loaded: {caught}")
        with self._changed:
            self._engine, self._error = engine, error
            if engine is not None:
                self.info = engine.info
            elif self._fallback is not None:
                self.info = self._fallback.info
            self._loading = self._expected = False
            self._changed.notify_all()

    def prepare(self) -> None:
        """See to it that the model is loaded, in a thread of its own."""
        settled = self._error is not None and self._fallback is not None
        if self._engine is None and not self.loading and not settled:
            self.expect()
            threading.Thread(target=self.start, name="loading", daemon=True).start()

    def unload(self) -> bool:
        """Free the memory, after the answer that is running; tell whether there was any to free.

        The next question loads the model again.
        """
        with self._changed:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        return engine is not None

    @property
    def loading(self) -> bool:
        """Tell whether the model is on its way."""
        return self._loading or self._expected

    @property
    def failed(self) -> bool:
        """Tell whether the model could not be had."""
        return self._error is not None

    @property
    def precision(self) -> str:
        """Return the precision of the weights; empty until the model is loaded."""
        return self._engine.precision if self._engine else ""

    @property
    def held(self) -> int:
        """Return the bytes that unloading the model would free, about; 0 where it is not loaded."""
        return self.info.memory.get(self.precision, 0)

    @property
    def device(self) -> str:
        """Return where the model runs; empty until it is loaded."""
        return self._engine.device if self._engine else ""

    @property
    def note(self) -> str:
        """Return the engine's note, how far it is, or what is the matter with the model."""
        if self._error is not None:
            instead = f" {self._fallback.label} answers instead." if self._fallback else ""
            return f"{self._error}{instead}"
        if self._engine is not None:
            return self._engine.note
        step = f" {self._step}." if self._step else ""
        return f"{self.label} is loading.{step}" if self.loading else ""

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture (uint8, (height, width, 3)) to what the model sees; idempotent."""
        return self.info.fit(image)

    def count_tokens(self, text: str) -> int | None:
        """Return the number of tokens of a text, if it can be known; waits for the model."""
        return self._wait(None).count_tokens(text)

    @takes_requests
    def stream(
        self,
        request: Request,
        settings: GenerationSettings | None = None,
        stop: threading.Event | None = None,
    ) -> Generator[TextDelta | Answer, None, None]:
        """Wait for the model, then stream; see `Engine.stream`.

        Raises InputError if Stop comes before the model does, ModelError if it cannot be loaded.
        """
        yield from self._wait(stop).stream(request, settings, stop)

    @takes_requests
    def generate(
        self,
        requests: Iterable[Request],
        settings: GenerationSettings | None = None,
        batch_size: int = 8,
        stop: threading.Event | None = None,
    ) -> Sequence[Answer]:
        """Wait for the model, then answer in batches; see `Engine.generate`."""
        return self._wait(stop).generate(requests, settings, batch_size, stop)

    def option_logprobs(
        self,
        requests: Sequence[Request],
        answers: Sequence[Answer],
        labels: Sequence[Sequence[str]],
        batch_size: int = 8,
    ) -> list[tuple[float, ...]]:
        """Wait for the model, then read the odds; see `Engine.option_logprobs`."""
        return self._wait(None).option_logprobs(requests, answers, labels, batch_size)

    def close(self) -> None:
        """Free the model's memory, if it was loaded."""
        self.unload()

    def _report(self, share: float, words: str) -> None:
        self._step = words

    def _wait(self, stop: threading.Event | None) -> Engine:
        self.prepare()
        with self._changed:
            while self._engine is None and self.loading:
                self._changed.wait(_WAIT)
                if stop is not None and stop.is_set():
                    raise InputError("Stopped before the model was loaded; ask again.")
            engine, error = self._engine, self._error
        self.last_used = time.monotonic()
        if engine is not None:
            return engine
        if self._fallback is not None:
            return self._fallback._wait(stop)
        raise error or ModelError(f"{self.label} was unloaded; ask again.")
