"""An engine whose model is still on its way: the page is there at once, torch comes after it."""

import gc
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from robust_r1 import images
from robust_r1.engine import (
    Answer,
    Engine,
    GenerationSettings,
    ModelInfo,
    TextDelta,
    Turn,
    catalog,
    load_engine,
)
from robust_r1.engine.endpoint import is_endpoint
from robust_r1.errors import InputError, ModelError, RobustR1Error

_WAIT = 0.05  # seconds between looks at Stop while the model is loading
_DEFAULT = GenerationSettings()


class Standby:
    """Stand in for a bundled model until it is loaded, then pass everything on to it.

    Pictures can be fitted from the start, since a bundled model's description is known without
    loading it. A question waits for the model; Stop ends the wait.
    """

    def __init__(self, info: ModelInfo, load: Callable[[], Engine]) -> None:
        self.info = info
        self._load = load
        self._engine: Engine | None = None
        self._error: RobustR1Error | None = None
        self._ready = threading.Event()

    def start(self) -> None:
        """Load the model in this thread; what goes wrong is raised to whoever asks."""
        try:
            self._engine = self._load()
            self.info = self._engine.info
        except RobustR1Error as error:
            self._error = error
        finally:
            self._ready.set()

    @property
    def loading(self) -> bool:
        """Tell whether the model is still on its way."""
        return not self._ready.is_set()

    @property
    def precision(self) -> str:
        """Return the precision of the weights; empty until the model is loaded."""
        return self._engine.precision if self._engine else ""

    @property
    def device(self) -> str:
        """Return where the model runs; empty until it is loaded."""
        return self._engine.device if self._engine else ""

    @property
    def note(self) -> str:
        """Return the engine's note, or what is the matter with the model."""
        if self._error is not None:
            return str(self._error)
        return self._engine.note if self._engine else f"{self.info.label} is loading."

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture (uint8, (height, width, 3)) to what the model sees; idempotent."""
        info = self.info
        return images.fit(image, info.max_pixels, info.min_pixels, info.multiple)

    def prompt(self, question: str) -> str:
        """Return the text that the model is given; waits for the model."""
        return self._wait(None).prompt(question)

    def count_tokens(self, text: str) -> int | None:
        """Return the number of tokens of a text, if it can be known; waits for the model."""
        return self._wait(None).count_tokens(text)

    def stream(
        self,
        image: np.ndarray,
        question: str,
        settings: GenerationSettings = _DEFAULT,
        stop: threading.Event | None = None,
        history: Sequence[Turn] = (),
    ) -> Iterator[TextDelta | Answer]:
        """Wait for the model, then stream; see `Engine.stream`.

        Raises InputError if Stop comes before the model does, ModelError if it cannot be loaded.
        """
        yield from self._wait(stop).stream(image, question, settings, stop, history)

    def generate(
        self,
        requests: Iterable[tuple[np.ndarray, str]],
        settings: GenerationSettings = _DEFAULT,
        batch_size: int = 8,
        stop: threading.Event | None = None,
    ) -> Sequence[Answer]:
        """Wait for the model, then answer in batches; see `Engine.generate`."""
        return self._wait(stop).generate(requests, settings, batch_size, stop)

    def close(self) -> None:
        """Free the model's memory, if it was loaded."""
        if self._engine is not None:
            self._engine.close()

    def _wait(self, stop: threading.Event | None) -> Engine:
        while not self._ready.wait(_WAIT):
            if stop is not None and stop.is_set():
                raise InputError("Stopped before the model was loaded; ask again.")
        if self._engine is None:
            raise self._error or ModelError(f"{self.info.label} could not be loaded.")
        return self._engine


def open_models(names: Sequence[str], quantize: str | None = None) -> list[Engine]:
    """Return the engines of the page's menu, each model once; without names all that are at hand.

    Bundled models stand by until `start_loading`; others are loaded here, since only then is it
    known what they are. Raises RobustR1Error for a model that cannot be had.
    """
    bundled = {info.name: info for info in catalog.bundled()}
    engines: dict[str, Engine] = {}
    for name in names or ("auto", *reversed(bundled)):
        info = bundled.get(name)
        if name == "auto" and bundled and not _has_gpu():
            info = catalog.newest_bundled()
        load = partial(load_engine, name, quantize)
        if info is None:
            # An endpoint has its own precision.
            engine = load_engine(name) if is_endpoint(name) else load()
            engines.setdefault(engine.info.name, engine)
        elif info.name not in engines:
            engines[info.name] = Standby(info, load)
    return list(engines.values())


def start_loading(engines: Sequence[Engine]) -> None:
    """Load the models that stand by, one after the other, in a thread of their own.

    The program that calls this has then built all that it keeps, and spares the garbage collector
    from looking through it again and again: a full collection would hold up a preview for 85 ms.
    """
    waiting = [engine for engine in engines if isinstance(engine, Standby)]

    def load_all() -> None:
        for engine in waiting:
            engine.start()
        gc.collect()
        gc.freeze()

    threading.Thread(target=load_all, name="loading", daemon=True).start()


def _has_gpu() -> bool:
    """Tell whether there may be an NVIDIA GPU, without torch; a wrong yes costs only time."""
    devices = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
    return any(device.exists() for device in devices) or shutil.which("nvidia-smi") is not None
