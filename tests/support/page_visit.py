"""A visitor without a browser: the page's own handlers, called with the values of its components.

For claims about what the handlers do, where it does not matter what they look like.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.context import LocalContext
from gradio.helpers import special_args
from starlette.datastructures import QueryParams

from robust_r1.ui.widgets.job import ANALYSIS, MODEL


class Visit:
    """Call the page's handlers with the values of its components, as one visitor has them."""

    def __init__(self, page: gr.Blocks) -> None:
        self.page = page
        self.request = SimpleNamespace(session_hash="visitor", query_params=QueryParams())
        self.values: dict[Component, Any] = {}
        # How components look, by what handlers said of it: visible, interactive, and the like.
        self.looks: dict[Block, dict[str, Any]] = {}

    def component(self, id: str) -> Component:
        """Return the component with this id of its element."""
        return next(one for one in self.page.blocks.values() if one.elem_id == id)

    @property
    def askers(self) -> set[str]:
        """Name the handlers that wait for a model's turn: all that ask one."""
        handlers = self.page.fns.values()
        return {_name(one) for one in handlers if one.concurrency_id in (MODEL, ANALYSIS)}

    def call(self, name: str, **given: Any) -> list:
        """Call a handler to its end and keep what it changes; return all that it returned.

        `given` are values by a component's id or, where it has none, by the parameter's name.
        """
        handler = next((one for one in self.page.fns.values() if _name(one) == name), None)
        assert handler is not None, f"the page has no handler {name}"
        names = [one for one in inspect.signature(handler.fn).parameters if one != "request"]
        values = {one: self.values.get(one, one.value) for one in handler.inputs}
        for component, parameter in zip(
            handler.inputs, [None] * len(handler.inputs) if handler.inputs_as_dict else names,
            strict=False,
        ):
            for key in (component.elem_id, parameter):
                if key in given:
                    values[component] = given[key]
        inputs = [values] if handler.inputs_as_dict else list(values.values())
        arguments, *_ = special_args(handler.fn, inputs, self.request)
        with _in_event():
            returned = handler.fn(*arguments)
            steps = list(returned) if inspect.isgenerator(returned) else [returned]
        for step in steps:
            if isinstance(step, dict):
                self._take(step)
        return steps

    def _take(self, updates: dict) -> None:
        """Keep new values; an update may say how a component looks, and not what is in it."""
        for key, one in updates.items():
            if isinstance(one, Block):  # made in an event: an update
                looks = dict(one.constructor_args)
                if "value" in looks:
                    self.values[key] = looks.pop("value")
                self.looks.setdefault(key, {}).update(looks)
            elif not (isinstance(one, dict) and "__type__" in one):  # else skipped
                self.values[key] = one


@contextmanager
def _in_event() -> Iterator[None]:
    """Let components that a handler makes be updates, as they are where Gradio calls it."""
    token = LocalContext.in_event_listener.set(True)
    try:
        yield
    finally:
        LocalContext.in_event_listener.reset(token)


def _name(handler: Any) -> str:
    return getattr(handler.fn, "__qualname__", "")
