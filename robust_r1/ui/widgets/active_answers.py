"""Which visitor's question is being answered, so that Stop and a closed tab can end it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PREVIEW, MODEL = "preview", "model"  # the two queues: looking never waits for a model


class Runs:
    """Keep one stop event per running answer, by the visitor's session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, set[threading.Event]] = {}

    @contextmanager
    def begin(self, session: str | None) -> Iterator[threading.Event]:
        """Register an answer for as long as the block runs; the event is set at its end."""
        event, key = threading.Event(), session or ""
        with self._lock:
            self._events.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            event.set()
            with self._lock:
                events = self._events.get(key, set())
                events.discard(event)
                if not events:
                    self._events.pop(key, None)

    def stop(self, session: str | None) -> bool:
        """Stop what this visitor has running; tell whether there was anything."""
        with self._lock:
            events = tuple(self._events.get(session or "", ()))
        for event in events:
            event.set()
        return bool(events)

    def __len__(self) -> int:
        with self._lock:
            return sum(len(events) for events in self._events.values())
