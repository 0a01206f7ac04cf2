"""How far a long command is, on a terminal: done, rate, remaining time."""

import sys
import time
from collections.abc import Callable

_OFTEN = 0.2  # seconds between two writes of a download's line
# A share of a file says what remains once it is this large; before, the first rows tell too little.
_TELLING = 0.002


class Progress:
    """Write one line that says how far a run is, over itself.

    The rate is that of this process: what an earlier one had done counts as done alone.
    """

    def __init__(
        self,
        total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        share: Callable[[], float] | None = None,
        noun: str = "cases",
    ) -> None:
        """Begin now.

        Args:
            total: how many there are of the `noun`, or at most; None where nobody knows.
            share: tells how much of a file was read, 0 to 1, by which a total that nobody knows is
                estimated.
            noun: what is counted.
        """
        self.total, self._clock, self._start, self._share = total, clock, clock(), share
        self._noun = noun
        self._width = 0

    def show(self, done: int, asked: int, total: int | None) -> None:
        """Write the line: `done` cases are answered, `asked` of them by this process."""
        self.write(self.words(done, asked, total or self.total))

    def write(self, words: str) -> None:
        """Write some words over the line."""
        print(f"\r{words:<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(words)

    def end(self) -> None:
        """Leave the line, if there is one."""
        if self._width:
            print(file=sys.stderr)
        self._width = 0

    def words(self, done: int, asked: int, total: int | None) -> str:
        """Return the line: "48 of 960 cases, 3.2 a second, 4 min 45 s left".

        A total that is estimated is said as "of about 960".
        """
        rate = asked / max(self._clock() - self._start, 1e-9)
        share = self._share() if self._share else 0.0
        about = ""
        if share > _TELLING and done and done / share < (total or float("inf")):
            total, about = round(done / share), "" if share >= 1 else "about "
        words = f"{done} of {about}{total} {self._noun}" if total else f"{done} {self._noun}"
        if not asked:
            return words
        words += f", {rate:.1f} a second"
        left = (total - done) / rate if total and total > done else 0
        return f"{words}, {about}{time_words(left)} left" if left else words


class BytesProgress(Progress):
    """Write how far a download is: "MMStar.tsv: 12.3 of 59.6 MB, 3.2 MB a second, 15 s left"."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now; `name` is that of the file."""
        super().__init__(None, clock)
        self._name, self._last = name, -_OFTEN

    def show(self, done: int, asked: int, total: int | None) -> None:
        """Write the line: `done` bytes are here, `asked` of them by this process; now and then."""
        now = self._clock()
        if now - self._last >= _OFTEN or done == total:
            self._last = now
            super().show(done, asked, total)

    def words(self, done: int, asked: int, total: int | None) -> str:
        """Return the line; without a remaining time where the size is not known."""
        rate = asked / max(self._clock() - self._start, 1e-9)
        words = f"{self._name}: {megabytes(done, total)}"
        if not asked:
            return words
        words += f", {rate / 1e6:.1f} MB a second"
        left = (total - done) / rate if total and total > done else 0
        return f"{words}, {time_words(left)} left" if left else words


def megabytes(done: int, total: int | None) -> str:
    """Return two sizes in one unit: "1.2 of 59.6 MB", or "1.2 MB" where there is no second."""
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"


def time_words(seconds: float) -> str:
    """Return a time in the two units that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
