"""The models of the page's menu: which there are, which is loaded when, which makes room."""

import gc
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from robust_r1.engine import Engine, catalog, load_engine, machine
from robust_r1.engine.endpoint import is_endpoint, parse_endpoint
from robust_r1.engine.lazy import LazyEngine, Load
from robust_r1.engine.memory import Others
from robust_r1.engine.types import ModelInfo


def open_models(
    names: Sequence[str], quantize: str | None = None, max_pixels: int | None = None
) -> list[Engine]:
    """Return the engines of the page's menu, each model once; without names all that are at hand.

    None is loaded until `start_loading`, or until somebody chooses it. Where a model cannot be had
    then, the newest bundled one answers; an endpoint is asked again with every question. Raises
    RobustR1Error for a name that means nothing, and for a folder that is broken.
    """
    pool = ModelPool(quantize, max_pixels)
    bundled = [info.name for info in catalog.bundled()]
    chosen: dict[str, Engine] = {}
    for name in names or ("auto", *reversed(bundled)):
        engine = pool.open(name)
        chosen.setdefault(engine.info.name, engine)
    return list(chosen.values())


def start_loading(engines: Sequence[Engine]) -> None:
    """Load the first model, the tiny ones and endpoints, one by one, in a thread of their own.

    Any other is fetched and loaded when somebody chooses it.

    The program that calls this has then built all that it keeps, and spares the garbage collector
    from looking through it again and again: a full collection would hold up a preview for 85 ms.
    """
    waiting = [engine for engine in engines if isinstance(engine, LazyEngine)]
    waiting = [one for one in waiting if one is engines[0] or _costs_nothing(one.info)]
    for engine in waiting:
        engine.expect()

    def load_all() -> None:
        for engine in waiting:
            engine.start()
        gc.collect()
        gc.freeze()

    threading.Thread(target=load_all, name="loading", daemon=True).start()


def _costs_nothing(info: ModelInfo) -> bool:
    return info.tiny or is_endpoint(info.source)


class ModelPool:
    """Open each model once, and unload those that were asked longest ago where memory is short."""

    def __init__(self, quantize: str | None = None, max_pixels: int | None = None) -> None:
        """Take how every model is to be loaded; see `load_engine`."""
        self._quantize = quantize
        self._max_pixels = max_pixels
        self._models: dict[str, LazyEngine] = {}

    def open(self, name: str) -> Engine:
        """Return the engine of a name that `load_engine` takes; it loads when it is first asked."""
        if is_endpoint(name):
            return self._open_endpoint(name)
        if name == "auto" and catalog.bundled() and not has_gpu():
            return self.add(catalog.newest_bundled(), self._load("auto"))
        info = catalog.find("robust-r1-rl" if name == "auto" else name)
        if info.bundled or not catalog.bundled():
            return self.add(info, self._load(info.name if info.bundled else info.source))
        newest = catalog.newest_bundled()
        fallback = self.add(newest, self._load(newest.name))
        return self.add(info, self._load(info.source), fallback)

    def add(self, info: ModelInfo, load: Load, fallback: LazyEngine | None = None) -> LazyEngine:
        """Return the engine of a model, the one that is there already if there is one."""
        if info.name not in self._models:
            self._models[info.name] = LazyEngine(info, load, fallback)
        return self._models[info.name]

    def make_room(self, needed: int) -> None:
        """Unload models, the one that was asked longest ago first, until so many bytes are free."""
        for other in sorted(self._models.values(), key=lambda one: one.last_used):
            if machine.read_memory().largest >= needed:
                return
            other.unload()

    def held(self) -> int:
        """Return the bytes that unloading all models would free, about."""
        return sum(one.held for one in self._models.values())

    def _open_endpoint(self, name: str) -> Engine:
        from robust_r1.engine.remote import describe

        endpoint = parse_endpoint(name)
        if not endpoint.model:  # only the endpoint knows what it serves
            return load_engine(name, max_pixels=self._max_pixels)
        return LazyEngine(describe(endpoint), self._load(name))

    def _load(self, name: str) -> Load:
        # The precision of a model behind an endpoint is the endpoint's own.
        quantize = None if is_endpoint(name) else self._quantize
        others = Others(self.held, self.make_room)
        return lambda report: load_engine(
            name, quantize, report, max_pixels=self._max_pixels, others=others
        )


def has_gpu() -> bool:
    """Tell whether there may be an NVIDIA GPU, without torch; a wrong yes costs only time."""
    devices = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
    return any(device.exists() for device in devices) or shutil.which("nvidia-smi") is not None
