"""The runs that the page can open, each read once for all visitors."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from cachetools import LRUCache

from robust_r1.analysis.entries import Entry, gather
from robust_r1.engine import catalog
from robust_r1.errors import InputError
from robust_r1.evaluation import Run, load_run
from robust_r1.paths import BUNDLED_RUNS, OWN_RUNS

_KEPT = 12  # runs in memory; one of 10,000 cases takes some 40 MB
MAX_RUNS = 6


class RunFolders:
    """Find runs in the project's folders, read them, and read them again once they have grown."""

    def __init__(self, folders: Sequence[Path] = (BUNDLED_RUNS, OWN_RUNS)) -> None:
        self.folders = tuple(folders)
        self._lock = Lock()
        self._kept: LRUCache[tuple, tuple[Run, tuple[Entry, ...]]] = LRUCache(_KEPT)

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
        return [str(one) for one in folders if str(one) in found][:MAX_RUNS] or found[:1]

    def run(self, folder: str) -> Run:
        """Return a run; raise RobustR1Error for what is none."""
        return self._read(folder)[0]

    def entries(self, folders: Sequence[str]) -> tuple[Entry, ...]:
        """Return the cases of some runs, one run after the other.

        Raises:
            InputError: too many, two of one model, or runs of different benchmarks.
            DataError: a run is damaged; the text names the file and the line.
        """
        if len(folders) > MAX_RUNS:
            raise InputError(f"{len(folders)} runs are too many to read; choose up to {MAX_RUNS}")
        read = [self._read(folder) for folder in folders]
        benches = sorted({run.benchmark for run, _ in read})
        if len(benches) > 1:
            names = " and ".join(benches)
            raise InputError(f"the runs are of {names}; open one benchmark at a time")
        models = [run.model for run, _ in read]
        if len(set(models)) < len(models):
            twice = max(models, key=models.count)
            raise InputError(f"two of the runs are of {twice}; open one run of each model")
        return tuple(entry for _, entries in read for entry in entries)

    def states(self, folders: Sequence[str]) -> tuple[tuple, ...]:
        """Return what changes with the runs: for each its folder, and times and sizes of files."""
        return tuple(
            (folder, *map(_state, (Path(folder) / "run.json", Path(folder) / "cases.jsonl")))
            for folder in folders
        )

    def _read(self, folder: str) -> tuple[Run, tuple[Entry, ...]]:
        (key,) = self.states([folder])
        with self._lock:
            # What somebody brought is forgotten with its files.
            for old in [old for old in self._kept if not (Path(old[0]) / "run.json").exists()]:
                del self._kept[old]
            if key not in self._kept:
                run = load_run(Path(folder))
                self._kept[key] = run, gather(run.benchmark, run.model, run.rows)
            return self._kept[key]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except (OSError, ValueError):  # not there, or a text that can be no path
        return None
    return state.st_mtime_ns, state.st_size
