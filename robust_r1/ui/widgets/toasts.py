"""Errors that a person can mend, as one sentence in a toast; everything stays as it was."""

import inspect
from collections.abc import Callable
from functools import wraps

import gradio as gr

from robust_r1.errors import RobustR1Error
from robust_r1.markup import escape

_SECONDS = 8
_LIMIT = 300


def sentence(error: Exception | str) -> str:
    """Return an error's text as an escaped sentence: Gradio renders toasts as HTML."""
    text = _ended(error)
    return escape(text[:1].upper() + text[1:], _LIMIT)


def plain_sentence(error: Exception | str) -> str:
    """Return an error's text as a sentence for programs, which read it as it is."""
    text = _ended(error)
    return text if len(text) <= _LIMIT else f"{text[: _LIMIT - 1]}…"


def _ended(error: Exception | str) -> str:
    text = " ".join(str(error).split())
    return text if text.endswith((".", "?", "!")) else f"{text}."


def warn(error: Exception | str) -> None:
    """Show a toast from a handler that goes on and returns values."""
    gr.Warning(sentence(error), duration=_SECONDS, title="Please check")


def tell(words: str) -> None:
    """Show a toast that asks for nothing."""
    gr.Info(sentence(words), duration=_SECONDS, title="Robust-R1")


def with_toasts(handler: Callable) -> Callable:
    """Wrap a handler, generator or not, so that RobustR1Error becomes a toast and not a trace."""
    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def generator(*args, **kwargs):
            try:
                yield from handler(*args, **kwargs)
            except RobustR1Error as error:
                raise toast(error) from error

        return generator

    @wraps(handler)
    def function(*args, **kwargs):
        try:
            return handler(*args, **kwargs)
        except RobustR1Error as error:
            raise toast(error) from error

    return function


def toast(error: RobustR1Error) -> gr.Error:
    """Return what ends a handler with a toast and no trace in the log."""
    return gr.Error(
        sentence(error), duration=_SECONDS, title="Please check", print_exception=False
    )
