"""What a visitor looks at in the part Training of the tab Analyze: its link, and the runs there."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import urlencode

from cachetools import LRUCache

from robust_r1.analysis.rollouts import Prompt, prompts_of
from robust_r1.errors import InputError
from robust_r1.paths import BUNDLED_TRAINING, OWN_RUNS
from robust_r1.records.training_run import (
    FILES,
    HISTORY,
    RECIPE,
    TrainingRun,
    is_training_run,
    read_training_run,
)
from robust_r1.ui.analyze.runs import file_state
from robust_r1.ui.analyze.selection import TAB, TRAINING

USUAL_WIDTH = 1200  # pixels, where the browser does not say
OWN_FOLDERS = (BUNDLED_TRAINING, OWN_RUNS)
MAX_RUNS = 2  # laid over one another
_KEPT = 8  # runs in memory; one of 10,000 completions takes some 40 MB


@dataclass(frozen=True)
class TrainingView:
    """Say what a visitor looks at: folders of runs, a prompt of the first of them, and a step.

    The step is None for the last one. `width` is that of the visitor's window in pixels, which the
    curves are laid out for.
    """

    runs: tuple[str, ...] = ()
    prompt: str = ""
    step: int | None = None
    width: int = USUAL_WIDTH

    def query(self) -> str:
        """Return the query string of a link to this."""
        pairs = [("tab", TAB), ("view", TRAINING)]
        if self.runs:
            pairs.append(("training", ",".join(Path(run).name for run in self.runs)))
            pairs += [("prompt", self.prompt)] if self.prompt else []
            pairs += [("step", str(self.step))] if self.step is not None else []
        return "?" + urlencode(pairs)


def decode(query: Mapping[str, str], found: Sequence[str]) -> tuple[TrainingView, tuple[str, ...]]:
    """Read a link; `found` are the folders of runs that there are.

    Returns:
        What it says, and a sentence for each of its values that cannot be used.
    """
    known = {Path(folder).name: folder for folder in found}
    names = [name for name in query.get("training", "").split(",") if name]
    problems = [
        f"The link's training run {name[:40]!r} is not here: ask whoever sent it for its folder, "
        "and open that."
        for name in names
        if name not in known
    ]
    runs = tuple(dict.fromkeys(known[name] for name in names if name in known))[:MAX_RUNS]
    step = query.get("step", "")
    number = int(step) if re.fullmatch("[0-9]{1,9}", step) else None
    if step and number is None:
        problems.append(f"The link's step {step[:20]!r} was left out: give a whole number.")
    return TrainingView(runs, query.get("prompt", ""), number), tuple(problems)


class TrainingFolders:
    """Find runs of training, read them once for all visitors, and again once they have grown.

    Args:
        admit: refuses a folder that visitors may not look into; it is given those in the list.
        folders: where the page's own lie; by default `OWN_FOLDERS`.
    """

    def __init__(
        self,
        admit: Callable[[str, Sequence[str]], None] = lambda folder, listed: None,
        folders: Sequence[Path] | None = None,
    ) -> None:
        self._admit, self.folders = admit, tuple(folders or OWN_FOLDERS)
        self._lock = Lock()
        self._kept: LRUCache[tuple, tuple[TrainingRun, tuple[Prompt, ...]]] = LRUCache(_KEPT)

    def found(self) -> list[str]:
        """Return the folders of all runs of training, the bundled ones first."""
        return [
            str(one)
            for folder in self.folders
            if folder.is_dir()
            for one in sorted(folder.iterdir())
            if is_training_run(one)
        ]

    def admit(self, folder: str) -> None:
        """Raise InputError for a folder that visitors of this page may not look into."""
        self._admit(folder, self.found())

    def read(self, folder: str) -> tuple[TrainingRun, tuple[Prompt, ...]]:
        """Return a run and its prompts; raise DataError for what is none."""
        self.admit(folder)
        key = (folder, *(file_state(Path(folder) / name) for name in (*FILES, RECIPE, HISTORY)))
        with self._lock:
            for old in [old for old in self._kept if old[0] == folder and old != key]:
                del self._kept[old]
            if key not in self._kept:
                run = read_training_run(folder)
                self._kept[key] = run, prompts_of(run)
            return self._kept[key]

    def runs(self, folders: Sequence[str]) -> tuple[TrainingRun, ...]:
        """Return some runs; raise InputError where there are more than can be laid over another."""
        if len(folders) > MAX_RUNS:
            raise InputError(f"{len(folders)} runs are too many; choose up to {MAX_RUNS}")
        return tuple(self.read(folder)[0] for folder in folders)

