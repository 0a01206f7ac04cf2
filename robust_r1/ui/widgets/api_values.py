"""What programs send, read strictly: null is the default, a number out of range is refused."""

import inspect
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from robust_r1.ask.case import MAX_SEED
from robust_r1.engine import Engine, GenerationSettings
from robust_r1.engine.types import MAX_NEW_TOKENS
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.ui.widgets.toasts import plain_sentence


def strictly(handler: Callable) -> Callable:
    """Wrap an endpoint's handler, generator or not.

    A parameter that is null takes its default, and an error is one sentence of plain text: programs
    read it, no page shows it.
    """
    defaults = {
        name: one.default
        for name, one in inspect.signature(handler).parameters.items()
        if one.default is not one.empty
    }

    def given(args: tuple, kwargs: dict) -> dict[str, Any]:
        bound = inspect.signature(handler).bind(*args, **kwargs).arguments
        return {
            name: defaults[name] if value is None and name in defaults else value
            for name, value in bound.items()
        }

    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def generator(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from handler(**given(args, kwargs))
            except RobustR1Error as error:
                raise _plainly(error) from error

        return generator

    @wraps(handler)
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(**given(args, kwargs))
        except RobustR1Error as error:
            raise _plainly(error) from error

    return function


def whole(name: str, value: float, low: int = 0, high: int = MAX_SEED) -> int:
    """Return a parameter as a whole number; raise InputError for one with a fraction or outside."""
    if isinstance(value, bool) or not math.isfinite(value) or value != int(value):
        raise InputError(f"{name} is {value}; give a whole number from {low} to {high}")
    if not low <= value <= high:
        raise InputError(f"{name} is {int(value)}; give a whole number from {low} to {high}")
    return int(value)


def settings_of(
    engine: Engine, tokens: float | None, temperature: float, top_p: float, sampling_seed: float
) -> GenerationSettings:
    """Return the settings of /ask, checked under the names that its callers know them by."""
    most = engine.info.defaults.max_new_tokens if tokens is None else tokens
    if not 0 <= temperature <= 2:
        raise InputError(f"temperature is {temperature}; give a number from 0 to 2")
    if not 0 < top_p <= 1:
        raise InputError(f"top_p is {top_p}; give a number above 0 and up to 1")
    return GenerationSettings(
        whole("tokens", most, 1, MAX_NEW_TOKENS), float(temperature), float(top_p),
        whole("sampling_seed", sampling_seed),
    )  # fmt: skip


def _plainly(error: RobustR1Error) -> gr.Error:
    return gr.Error(plain_sentence(error), print_exception=False)
