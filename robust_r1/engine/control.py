"""What every engine needs around an answer: its times, and whether it is to stop."""

import threading
import time
from collections.abc import Callable


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
