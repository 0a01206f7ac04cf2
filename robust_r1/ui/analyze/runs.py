"""The runs that the page can open, each read once for all visitors."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

from cachetools import LRUCache

from robust_r1.analysis.entries import Entry, in_order
from robust_r1.engine import catalog
from robust_r1.errors import InputError
from robust_r1.evaluation import Run, load_run
from robust_r1.paths import BUNDLED_RUNS, OWN_RUNS
from robust_r1.report.columns import entries_of_run, joined

_KEPT = 12  # runs in memory; one of 10,000 cases takes some 40 MB
MAX_RUNS = 12  # levels and languages of one benchmark may be a run each
MAX_COLUMNS = 6


class RunFolders:
    """Find runs in the project's folders, read them, and read them again once they have grown.

    Args:
        folders: where the project's runs lie.
        besides: tells which other folders may be opened, on a page that others can reach; None
            where all may.
    """

    def __init__(
        self,
        folders: Sequence[Path] = (BUNDLED_RUNS, OWN_RUNS),
        besides: Callable[[str], bool] | None = None,
    ) -> None:
        self.folders, self._besides = tuple(folders), besides
        self._lock = Lock()
        self._kept: LRUCache[tuple, tuple[Run, tuple[Entry, ...]]] = LRUCache(_KEPT)
        self._joined: LRUCache[tuple, tuple[Entry, ...]] = LRUCache(_KEPT)

    def found(self) -> list[str]:
        """Return the folders of all runs, the bundled ones first."""
        return [
            str(head.parent)
            for folder in self.folders
            for head in sorted(folder.glob("*/run.json"))
        ]

    def opening(self) -> list[str]:
        """Return what the page opens with: MiniBench by the bundled models, else the first run."""
        found = self.found()
        folders = [self.folders[0] / f"{model.name}-minibench" for model in catalog.bundled()]
        return [str(one) for one in folders if str(one) in found][:MAX_COLUMNS] or found[:1]

    def run(self, folder: str) -> Run:
        """Return a run; raise RobustR1Error for what is none."""
        return self._read(folder)[0]

    def entries(self, folders: Sequence[str]) -> tuple[Entry, ...]:
        """Return the cases of some runs, column after column, as `report` puts them together.

        Raises:
            InputError: too many, two of one model asked alike, or runs of different benchmarks.
            DataError: a run is damaged; the text names the file and the line.
        """
        if len(folders) > MAX_RUNS:
            raise InputError(f"{len(folders)} runs are too many to read; choose up to {MAX_RUNS}")
        read = [self._read(folder) for folder in folders]
        key = self.states(folders)
        with self._lock:
            if key in self._joined:
                return self._joined[key]
        entries = joined(read)
        columns = len(in_order(entry.model for entry in entries))
        if columns > MAX_COLUMNS:
            raise InputError(f"{columns} models are too many to show; choose up to {MAX_COLUMNS}")
        with self._lock:
            self._joined[key] = entries
        return entries

    def states(self, folders: Sequence[str]) -> tuple[tuple, ...]:
        """Return what changes with the runs: for each its folder, and times and sizes of files."""
        return tuple(
            (folder, *map(_state, (Path(folder) / "run.json", Path(folder) / "cases.jsonl")))
            for folder in folders
        )

    def _admit(self, folder: str) -> None:
        """Refuse a folder that visitors of this page may not look into, whether there or not."""
        if self._besides is None or self._besides(folder):
            return
        try:
            path = Path(folder).resolve()
        except (OSError, ValueError, RuntimeError):  # a text that can be no path, links in a ring
            path = Path()
        roots = {root.resolve() for root in self.folders}
        # A run in the list may be a link to elsewhere: that is the operator's.
        if roots.isdisjoint(path.parents) and folder not in self.found():
            raise InputError(
                "This page opens only its own runs, because others can reach it: choose one of "
                "the list"
            )

    def _read(self, folder: str) -> tuple[Run, tuple[Entry, ...]]:
        self._admit(folder)
        (key,) = self.states([folder])
        with self._lock:
            # What somebody brought is forgotten with its files.
            for old in [old for old in self._kept if not (Path(old[0]) / "run.json").exists()]:
                del self._kept[old]
            if key not in self._kept:
                run = load_run(Path(folder))
                self._kept[key] = run, entries_of_run(run)
            return self._kept[key]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except (OSError, ValueError):  # not there, or a text that can be no path
        return None
    return state.st_mtime_ns, state.st_size
