"""The switch of the eyes: whether a bundled model looks before the chosen one answers."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import gradio as gr

from robust_r1.engine import Engine, catalog, load_engine
from robust_r1.engine.eyes import EyesEngine
from robust_r1.engine.lazy import LazyEngine
from robust_r1.engine.types import ModelInfo
from robust_r1.engine.zerogpu import ZeroGpuEngine
from robust_r1.errors import InputError
from robust_r1.ui.widgets.first_look import watcher
from robust_r1.ui.widgets.model_menu import engine_of


class PageEyes:
    """Let the model that looks unasked be the eyes of the page's other models.

    Where none of the menu can, the newest bundled one is, loaded when it is first needed.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._eyes = watcher(engines) or _newest(engines)
        self._joined: dict[Engine, EyesEngine] = {}
        self.offered = any(self.fit_for(engine) for engine in engines)

    @property
    def name(self) -> str:
        """Return the name of the model that looks; empty where there is none."""
        return self._eyes.info.name if self._eyes else ""

    def fit_for(self, engine: Engine) -> bool:
        """Tell whether a model can be lent eyes: any but the one that they are of."""
        return self._eyes is not None and engine is not self._eyes

    def usual(self, engine: Engine) -> bool:
        """Tell whether a model has them by default: it knows photographs and writes no chains."""
        info: ModelInfo = engine.info
        return self.fit_for(engine) and info.knows_photographs and not info.reasons

    def of(self, engine: Engine, wanted: bool = True) -> Engine:
        """Return a model with the eyes, where they are wanted and fit; always the same one."""
        if not wanted or self._eyes is None or engine is self._eyes:
            return engine
        return self._joined.setdefault(engine, EyesEngine(engine, self._eyes))

    def prepare(self) -> None:
        """Load the model that looks, in a thread of its own, where it is not loaded yet."""
        if isinstance(self._eyes, LazyEngine):
            self._eyes.prepare()

    @property
    def offer(self) -> str:
        """Say how programs lend a model the eyes, where any can have them."""
        return f"; MODEL+{self.name} lets {self.name} look first" if self.offered else ""

    def find(self, engines: Mapping[str, Engine], name: str | None) -> Engine:
        """Return the model of a name, or of MODEL+EYES the one with the eyes.

        Raises InputError for a model that is not loaded, and for other eyes than those here.
        """
        model, plus, eyes = (name or "").rpartition("+")
        if not plus or name in engines:
            return engine_of(engines, name)
        engine = engine_of(engines, model)
        if eyes != self.name or not self.fit_for(engine):
            raise InputError(f"{model[:40]} cannot be lent the eyes {eyes[:40]!r}{self.offer}")
        return self.of(engine)

    def build(self, engine: Engine, elem_id: str) -> gr.Checkbox:
        """Lay out the switch, as the model that is chosen first has it; the eyes have none."""
        return gr.Checkbox(
            self.usual(engine), label=f"Eyes of {self.name}", container=False, min_width=130,
            visible=self.fit_for(engine), elem_id=elem_id,
        )

    def switch(self, engine: Engine, on: bool | None = None) -> gr.Checkbox:
        """Return the update of the switch for a model; by default as it is usual."""
        wanted = self.usual(engine) if on is None else on and self.fit_for(engine)
        return gr.Checkbox(value=wanted, visible=self.fit_for(engine))


def _newest(engines: Sequence[Engine]) -> Engine | None:
    """Return the newest bundled model; None where it cannot run beside the page's models."""
    lent = any(isinstance(engine, ZeroGpuEngine) for engine in engines)
    if lent or find_spec("torch") is None or not catalog.bundled():
        return None
    info = catalog.newest_bundled()
    return LazyEngine(info, lambda report: load_engine(info.name, progress=report))
