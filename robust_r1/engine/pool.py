"""The models of the page's menu: which there are, which is loaded when, which makes room."""

import gc
import shutil
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from robust_r1.engine import Engine, catalog, load_engine, machine
from robust_r1.engine.endpoint import is_endpoint, parse_endpoint
from robust_r1.engine.lazy import Standby
from robust_r1.engine.loading import default_precision
from robust_r1.engine.types import ModelInfo


def open_models(
    names: Sequence[str], quantize: str | None = None, max_pixels: int | None = None
) -> list[Engine]:
    """Return the engines of the page's menu, each model once; without names all that are at hand.

    They stand by until `start_loading`, or until somebody chooses them. A model that cannot be had
    then is stood in for by the newest bundled one; an endpoint is asked again with every question.
    Raises RobustR1Error for a name that means nothing, and for a folder that is broken.
    """
    return _Shelf(quantize, max_pixels).fill(names)


def start_loading(engines: Sequence[Engine]) -> None:
    """Load the first model and the small ones, one after the other, in a thread of their own.

    The program that calls this has then built all that it keeps, and spares the garbage collector
    from looking through it again and again: a full collection would hold up a preview for 85 ms.
    """
    waiting = [engine for engine in engines if isinstance(engine, Standby)]
    waiting = [one for one in waiting if one is engines[0] or one.info.parameters < catalog.SMALL]
    for engine in waiting:
        engine.expect()

    def load_all() -> None:
        for engine in waiting:
            engine.start()
        gc.collect()
        gc.freeze()

    threading.Thread(target=load_all, name="loading", daemon=True).start()


class _Shelf:
    """Hold the models, and unload those that were asked longest ago where memory is short."""

    def __init__(self, quantize: str | None, max_pixels: int | None) -> None:
        self._options = {"quantize": quantize, "max_pixels": max_pixels}
        self._models: dict[str, Standby] = {}

    def fill(self, names: Sequence[str]) -> list[Engine]:
        bundled = {info.name: info for info in catalog.bundled()}
        chosen: dict[str, Engine] = {}
        for name in names or ("auto", *reversed(bundled)):
            engine = self._engine(name, bundled)
            chosen.setdefault(engine.info.name, engine)
        return list(chosen.values())

    def make_room(self, wanted: Standby) -> None:
        """Unload others, the one that was asked longest ago first, until a model fits."""
        precision = self._options["quantize"] or default_precision(wanted.info.parameters)
        needed = wanted.info.memory.get(precision, 0)
        for other in self._others(wanted):
            if machine.read_memory().largest >= needed:
                return
            other.unload()

    def _others(self, wanted: Standby) -> Iterator[Standby]:
        yield from sorted(
            (one for one in self._models.values() if one is not wanted),
            key=lambda one: one.last_used,
        )

    def _engine(self, name: str, bundled: dict[str, ModelInfo]) -> Engine:
        if name == "auto" and bundled and not has_gpu():
            info = catalog.newest_bundled()
            return self._standby(info, "auto")
        if is_endpoint(name):
            return self._endpoint(name)
        info = catalog.find("robust-r1-rl" if name == "auto" else name)
        own = info.name in bundled
        return self._standby(info, name if own else info.source, stands_for_itself=own)

    def _standby(self, info: ModelInfo, name: str, stands_for_itself: bool = True) -> Standby:
        if info.name not in self._models:
            stand_in = None
            if not stands_for_itself and catalog.bundled():
                newest = catalog.newest_bundled()
                stand_in = self._standby(newest, newest.name)
            load = partial(_load, name, self._options)
            self._models[info.name] = Standby(info, load, stand_in, self.make_room)
        return self._models[info.name]

    def _endpoint(self, name: str) -> Engine:
        from robust_r1.engine.remote import describe

        options = {"max_pixels": self._options["max_pixels"]}  # the precision is the endpoint's own
        endpoint = parse_endpoint(name)
        if not endpoint.model:  # only the endpoint knows what it serves
            return load_engine(name, **options)
        return Standby(describe(endpoint), partial(_load, name, options))


def _load(name: str, options: dict, report) -> Engine:
    return load_engine(name, progress=report, **options)


def has_gpu() -> bool:
    """Tell whether there may be an NVIDIA GPU, without torch; a wrong yes costs only time."""
    devices = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
    return any(device.exists() for device in devices) or shutil.which("nvidia-smi") is not None
