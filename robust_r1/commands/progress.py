"""How far a long command is, on a terminal: done, rate, remaining time."""

import sys
import time
from collections.abc import Callable


class Progress:
    """Write one line that says how far a run is, over itself.

    The rate is that of this process: what an earlier one had done counts as done alone.
    """

    def __init__(
        self, total: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin now; `total` is how many cases there are, None where nobody knows."""
        self.total, self._clock, self._start = total, clock, clock()
        self._width = 0

    def show(self, done: int, asked: int, total: int | None) -> None:
        """Write the line: `done` cases are answered, `asked` of them by this process."""
        words = self.words(done, asked, total or self.total)
        print(f"\r{words:<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(words)

    def end(self) -> None:
        """Leave the line, if there is one."""
        if self._width:
            print(file=sys.stderr)

    def words(self, done: int, asked: int, total: int | None) -> str:
        """Return the line: "48 of 960 cases, 3.2 a second, 4 min 45 s left"."""
        rate = asked / max(self._clock() - self._start, 1e-9)
        words = f"{done} of {total} cases" if total else f"{done} cases"
        if not asked:
            return words
        words += f", {rate:.1f} a second"
        left = (total - done) / rate if total and total > done else 0
        return f"{words}, {_time(left)} left" if left else words


def _time(seconds: float) -> str:
    """Return a time in the two units that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
