"""What a visitor has selected on the Analyze tab, which cases that are, and its link."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlencode

from cachetools import LRUCache

from robust_r1.analysis import filters
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.filters import Filter, select
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.store import Notebook
from robust_r1.ui.analyze.runs import RunFolders
from robust_r1.ui.widgets.toasts import warn

T = TypeVar("T")
TAB = "analyze"
VIEWS = FIGURES, CASES = "figures", "cases"  # the tab's parts, as links and Gradio name them
_KEPT = 64  # summaries in memory, of some 20 kB each
NO_CASE = "No case passes this filter: take something out of it, or clear it."


@dataclass(frozen=True)
class Selection:
    """Say what a visitor looks at: folders of runs, a filter, the place of a case among its cases.

    Small on purpose: the cases themselves are kept once for all visitors.
    """

    runs: tuple[str, ...] = ()
    wanted: Filter = Filter()
    place: int = 0


class SharedCases:
    """Share the runs among all visitors; `notebook` finds what whoever asks wrote about them."""

    def __init__(self, folders: RunFolders, notebook: Callable[[], Notebook]) -> None:
        self.folders = folders
        self._notebook = notebook
        self._lock = Lock()
        self._kept: LRUCache[tuple, Any] = LRUCache(_KEPT)

    @property
    def notebook(self) -> Notebook:
        """Return the notebook of the visitor who asks: everybody's, or the browser's own."""
        return self._notebook()

    def chosen(self, selection: Selection | None) -> tuple[Entry, ...]:
        """Return the cases that a visitor has selected."""
        if selection is None:
            return ()
        entries = self.folders.entries(selection.runs)
        return select(entries, selection.wanted, self._tagged(selection))

    def compute(
        self, selection: Selection | None, figures: Callable[..., T], *more: str
    ) -> T:
        """Compute figures of the cases that a visitor has selected, once for all visitors.

        `figures` gets the cases, and whatever `more` there is to say.
        """
        if selection is None:
            return figures((), *more)
        states = self.folders.states
        key = (figures, states(selection.runs), selection.wanted, self._tagged(selection), *more)
        with self._lock:
            # Figures go with the files that they are of.
            for old in [old for old in self._kept if states([run[0] for run in old[1]]) != old[1]]:
                del self._kept[old]
            if key in self._kept:
                return self._kept[key]
        found = figures(self.chosen(selection), *more)
        with self._lock:
            self._kept[key] = found
        return found

    def _tagged(self, selection: Selection) -> frozenset[tuple[str, str]]:
        tag = selection.wanted.tag
        return self.notebook.tagged(tag) if tag else frozenset()

    def entry(self, selection: Selection | None) -> Entry:
        """Return the case in sight; raise InputError where no case passes the filter."""
        entries = self.chosen(selection)
        if selection is None or not entries:
            raise InputError(NO_CASE)
        return entries[min(selection.place, len(entries) - 1)]

    def names(self, tag: str | None = None) -> tuple[list[str], list[tuple[str, str]]]:
        """Return the saved filters, and the menu of tags with `tag` in it; empty without a book."""
        try:
            names, tags = list(self.notebook.filters()), list(self.notebook.tags())
        except RobustR1Error as error:
            warn(error)
            names, tags = [], []
        known = in_order((*tags, *([tag] if tag else [])))
        return names, [("any tag or none", ""), *((one, one) for one in known)]


def address(entry: Entry) -> str:
    """Name a case in a link: its id alone is that of the same case of every model."""
    return f"{entry.model}/{entry.row.id}"


def place_of(entries: Sequence[Entry], case: str) -> int | None:
    """Return where a case that a link names stands; None where it does not."""
    return next((at for at, entry in enumerate(entries) if address(entry) == case), None)


def encode(runs: Sequence[str], wanted: Filter, case: str, view: str = FIGURES) -> str:
    """Return the query string of some runs (folders), a filter, a case and the part in sight.

    Without runs it opens the tab alone: what somebody brought is in no link.
    """
    if not runs:
        return "?" + urlencode([("tab", TAB)])
    pairs = [("tab", TAB), ("runs", ",".join(Path(run).name for run in runs))]
    if wanted != Filter():
        pairs.append(("filter", filters.to_json(wanted)))
    if view != FIGURES:
        pairs.append(("view", view))
    if case:
        pairs.append(("case", case))
    return "?" + urlencode(pairs)


@dataclass(frozen=True)
class Link:
    """Hold what a link says: folders of runs, a filter, a case's address and the part to show.

    `problems` holds one sentence for each value that could not be used; the rest still counts.
    """

    runs: tuple[str, ...] = ()
    wanted: Filter = Filter()
    case: str = ""
    view: str = FIGURES
    problems: tuple[str, ...] = ()


def decode(query: Mapping[str, str], found: Sequence[str]) -> Link:
    """Read a link; `found` are the folders of runs that there are.

    Without the tab's name the link is another tab's, and nothing is read. A link to a case shows
    the cases, also one that was made before links named the part.
    """
    if query.get("tab") != TAB:
        return Link()
    known = {Path(folder).name: folder for folder in found}
    names = [name for name in query.get("runs", "").split(",") if name]
    problems = [
        f"The link's run {name[:40]!r} is not here: ask whoever sent it for its folder, and open "
        "that."
        for name in names
        if name not in known
    ]
    wanted = Filter()
    try:
        wanted = filters.from_json(query.get("filter", ""))
    except InputError as error:
        problems.append(f"The link's filter was left out: {error}")
    case = query.get("case", "")
    view = query.get("view", "")
    if view not in ("", *VIEWS):
        problems.append(f"Analyze has no part {view[:40]!r}; it has {' and '.join(VIEWS)}.")
    view = CASES if case or view == CASES else FIGURES
    runs = tuple(known[name] for name in names if name in known)
    return Link(runs, wanted, case, view, tuple(problems))
