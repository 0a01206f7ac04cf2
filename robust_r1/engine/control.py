"""What every engine needs around an answer: what it is asked, its times, whether it is to stop."""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from robust_r1.engine.types import Request
from robust_r1.errors import InputError

Asked = TypeVar("Asked", bound=Callable[..., Any])
_OLDER = {
    "stream": "stream takes a Request: write engine.stream(Request.of(image, question), settings).",
    "generate": "generate takes Requests: write engine.generate([Request.of(image, question)]).",
}


def takes_requests(method: Asked) -> Asked:
    """Let an engine's `stream` or `generate` answer nothing but `Request`s.

    Pictures and questions apart, as earlier versions took them, are refused with the call that
    takes their place.
    """
    name = method.__name__
    several = name == "generate"
    parameter = "requests" if several else "request"

    @functools.wraps(method)
    def checked(self: Any, *given: Any, **named: Any) -> Any:
        asked, *rest = given or (named.pop(parameter, None),)
        requests = tuple(asked or ()) if several else (asked,)
        if not all(isinstance(request, Request) for request in requests):
            raise InputError(_OLDER[name])
        return method(self, requests if several else asked, *rest, **named)

    return cast(Asked, checked)


class Ending:
    """Let an answer's text pass up to the text that it is asked until, see `Request.until`.

    What may be the beginning of that text is held back, so no part of it is ever shown.
    """

    def __init__(self, until: str):
        self.reached = False
        self._until = until
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next piece and return what is certain to belong to the answer."""
        if self.reached or not self._until:
            return "" if self.reached else text
        text = self._held + text
        before, found, _ = text.partition(self._until)
        if found:
            self.reached, self._held = True, ""
            return before
        cut = len(text) - _overlap(text, self._until)
        self._held = text[cut:]
        return text[:cut]

    def close(self) -> str:
        """Return what was held back, now that nothing follows."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, until: str) -> int:
    """Return how long the end of a text is that begins another one."""
    longest = min(len(text), len(until) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(until[:size])), 0)


class Watch:
    """Take the times of one answer, in seconds."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.first_text: float | None = None
        self.seconds = 0.0

    def see_text(self) -> None:
        """Note the time, if this is the first text."""
        if self.first_text is None:
            self.first_text = time.perf_counter() - self._start

    def stop(self, share: int = 1) -> None:
        """Note the time as that of the end; of a batch, an equal share of it."""
        self.seconds = (time.perf_counter() - self._start) / share


def any_set(*events: threading.Event | None) -> Callable[[], bool]:
    """Return a condition that holds once one of the events is set; None stands for never."""
    present = [event for event in events if event is not None]
    return lambda: any(event.is_set() for event in present)
