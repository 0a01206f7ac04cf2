"""The menu of models: what each needs, whether it is loaded, and how far a chosen one is."""

import time
from collections.abc import Iterator, Mapping

import gradio as gr

from robust_r1.engine import Engine, machine
from robust_r1.engine.lazy import LazyEngine
from robust_r1.engine.loading import default_precision
from robust_r1.engine.memory import fitting
from robust_r1.engine.speed import read_speed
from robust_r1.errors import InputError
from robust_r1.evaluation.model_facts import facts_of, seconds_of_runs
from robust_r1.markup import escape
from robust_r1.ui.widgets.layout import QUIET, chosen_in

_LOOK = 0.5  # seconds between looks at a model that is loading


def engine_of(engines: Mapping[str, Engine], name: str | None) -> Engine:
    """Return a model of the page; the first one where no name is given."""
    if not name:
        return next(iter(engines.values()))
    if name not in engines:
        raise InputError(
            f"the model {str(name)[:40]!r} is not loaded; choose {' or '.join(engines)}"
        )
    return engines[name]


def menu_choices(engines: tuple[Engine, ...]) -> list[tuple[str, str]]:
    """List (what people see, name) of the models, before anything is known of the machine."""
    return [(engine.info.label, engine.info.name) for engine in engines]


def wire_menu(
    page: gr.Blocks, engines: tuple[Engine, ...], model: gr.Dropdown, state: gr.HTML
) -> None:
    """Load the model that is chosen, and show how far it is until it is there."""
    named = {engine.info.name: engine for engine in engines}

    def follow(name: str) -> Iterator[tuple]:
        engine = named[name]
        if isinstance(engine, LazyEngine):
            told = _facts(engine)
            engine.prepare()
            while engine.loading:
                yield _state(f"{engine.note} {told}".strip()), gr.skip()
                time.sleep(_LOOK)
        labels = [(_label(one), key) for key, one in named.items()]
        shown = engine.note if getattr(engine, "failed", False) else ""
        yield _state(shown), gr.Dropdown(choices=labels)

    options = {"concurrency_limit": None, **QUIET}
    for event in (page.load, chosen_in(model)):
        event(follow, model, [state, model], trigger_mode="always_last", **options)


def _state(words: str) -> str:
    return f'<p class="rr-note" role="status">{escape(words)}</p>' if words else ""


def _facts(engine: LazyEngine) -> str:
    """Say what a model asks and gives, before it is fetched and loaded; nothing of tiny ones."""
    if engine.info.tiny or not engine.info.memory or engine.precision:
        return ""
    return f"{facts_of(engine.info, read_speed(), seconds_of_runs()).words}."


def _label(engine: Engine) -> str:
    """Say in the menu who answers, and whether a large model fits this machine."""
    if isinstance(engine, LazyEngine) and engine.failed:
        replaced = engine.label != engine.info.label
        return f"{engine.label}: {engine.info.label if replaced else 'nobody'} answers"
    info = engine.info
    if info.tiny or not info.memory or engine.precision:
        return info.label
    fits = fitting(info.memory, machine.read_memory())
    if not fits:
        return f"{info.label}, too large here"
    usual = default_precision(info)
    return f"{info.label}, fits in {usual if usual in fits else fits[0]}"
