"""What a visitor looks at on the Analyze tab, and which cases that are."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.filters import Filter, select
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.store import Notebook
from robust_r1.ui.analyze.run_library import Library
from robust_r1.ui.widgets.toasts import warn

T = TypeVar("T")
_KEPT = 64  # figures in memory, of some 20 kB each
NONE = "No case passes this filter: take something out of it, or clear it."


@dataclass(frozen=True)
class Look:
    """Hold what a visitor looks at: runs by folder, a filter, the place of a case among its cases.

    Small on purpose: the cases themselves are kept once for all visitors.
    """

    runs: tuple[str, ...] = ()
    wanted: Filter = Filter()
    place: int = 0


class Shelf:
    """Hold what all visitors share: the runs, and the notebook of what people wrote about them."""

    def __init__(self, library: Library, notebook: Notebook) -> None:
        self.library = library
        self.notebook = notebook
        self._lock = Lock()
        self._kept: OrderedDict[tuple, object] = OrderedDict()

    def chosen(self, look: Look | None) -> tuple[Entry, ...]:
        """Return the cases that a visitor looks at."""
        if look is None:
            return ()
        return select(self.library.entries(look.runs), look.wanted, self._tagged(look))

    def figures(self, look: Look | None, compute: Callable[[Sequence[Entry]], T]) -> T:
        """Compute figures of the cases that a visitor looks at, once for all visitors."""
        if look is None:
            return compute(())
        states = self.library.states
        key = (compute, states(look.runs), look.wanted, self._tagged(look))
        with self._lock:
            # Figures go with the files that they are of.
            for old in [old for old in self._kept if states([run[0] for run in old[1]]) != old[1]]:
                del self._kept[old]
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = compute(self.chosen(look))
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def _tagged(self, look: Look) -> frozenset[tuple[str, str]]:
        tag = look.wanted.tag
        return self.notebook.tagged(tag) if tag else frozenset()

    def entry(self, look: Look | None) -> Entry:
        """Return the case in sight; raise InputError where no case passes the filter."""
        entries = self.chosen(look)
        if look is None or not entries:
            raise InputError(NONE)
        return entries[min(look.place, len(entries) - 1)]

    def names(self, tag: str | None = None) -> tuple[list[str], list[tuple[str, str]]]:
        """Return the saved filters, and the menu of tags with `tag` in it; empty without a book."""
        try:
            names, tags = list(self.notebook.filters()), list(self.notebook.tags())
        except RobustR1Error as error:
            warn(error)
            names, tags = [], []
        tags = in_order((*tags, *([tag] if tag else [])))
        return names, [("any tag or none", ""), *((one, one) for one in tags)]


def address(entry: Entry) -> str:
    """Name a case in a link: its id alone is that of the same case of every model."""
    return f"{entry.model}/{entry.row.id}"


def place_of(entries: Sequence[Entry], case: str) -> int | None:
    """Return where a case that a link names stands; None where it does not."""
    return next((at for at, entry in enumerate(entries) if address(entry) == case), None)
