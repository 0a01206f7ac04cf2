"""What to know before a model is chosen: its size and licence, and how long its answers take here.

For `python -m robust_r1 models` and the page's menu alike; nothing is loaded or fetched.
"""

import statistics
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from robust_r1.engine import ModelInfo, catalog
from robust_r1.engine.loading import default_precision
from robust_r1.engine.machine import usable_precision
from robust_r1.engine.needs import lacking, package_with_version
from robust_r1.engine.speed import Speed, estimate
from robust_r1.errors import RobustR1Error
from robust_r1.evaluation.head import read_head
from robust_r1.evaluation.runs import rows_in
from robust_r1.paths import OWN_RUNS

_ROWS = 500  # of a run; more would not move the median


@dataclass(frozen=True)
class ModelFacts:
    """Tell what a model asks and gives on this machine.

    Attributes:
        name: of the model.
        precision: that it is loaded in here unless somebody says otherwise.
        download: bytes that would be fetched now; 0 of a model that is here, None where the size is
            not known.
        memory: bytes that it needs in that precision.
        licence: SPDX name, or the licence's own.
        seconds: from a question to the end of its answer; None where nothing tells.
        told: how the seconds are known: from runs that were made here, or from the machine's speed.
        writes_chains: whether it was trained to write chains itself.
        lacking: what it needs and what is not here, in a sentence; empty where it can be loaded.
    """

    name: str
    precision: str
    download: int | None
    memory: int
    licence: str
    seconds: float | None
    told: Literal["measured", "estimated", ""]
    writes_chains: bool
    lacking: str = ""

    @property
    def words(self) -> str:
        """Say it in one line for people."""
        fetched = "a download of unknown size"
        if self.download is not None:
            fetched = f"{gigabytes(self.download)} to fetch" if self.download else "no download"
        parts = [fetched, f"{gigabytes(self.memory)} of memory in {self.precision}", self.licence]
        if self.seconds is not None:
            parts.append(f"about {tell_seconds(self.seconds)} for an answer ({self.told})")
        parts.append("writes chains" if self.writes_chains else "writes no chains")
        return ", ".join(parts) + (f". {self.lacking.removesuffix('.')}" if self.lacking else "")


def facts_of(
    info: ModelInfo, speed: Speed | None, used: Mapping[tuple[str, str], float]
) -> ModelFacts:
    """Gather what is to be known of a model before it is chosen; imports torch.

    Args:
        info: of the model.
        speed: of this machine (`speed.read_speed`); None to estimate nothing.
        used: as of `seconds_of_runs`.
    """
    precision = usable_precision(default_precision(info))
    seconds = used.get((info.name, precision))
    told: Literal["measured", "estimated", ""] = "measured" if seconds is not None else ""
    if seconds is None and speed is not None:
        seconds = estimate(info, precision, speed)
        told = "estimated" if seconds is not None else ""
    missing = lacking(info.needs.packages)
    here = info.bundled or Path(info.source).is_dir() or catalog.is_cached(info)
    return ModelFacts(
        info.name,
        precision,
        0 if here else info.needs.download or None,
        info.memory.get(precision, 0),
        info.licence,
        seconds,
        told,
        info.reasons,
        f"It needs {' and '.join(map(package_with_version, missing))}" if missing else "",
    )


def seconds_of_runs(folder: Path = OWN_RUNS) -> dict[tuple[str, str], float]:
    """Return the median seconds of an answer by model and precision, from the runs in a folder.

    In a batch an answer's seconds are its share. Runs with eyes and of endpoints do not count, nor
    do folders that hold no run, or a broken one.
    """
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for file in sorted(folder.glob("*/run.json")):
        with suppress(RobustR1Error, OSError):
            head = read_head(file.parent)
            if dict(head.get("terms") or {}).get("eyes") or head.get("precision") == "remote":
                continue
            rows = [row.seconds for row in islice(rows_in(file.parent), _ROWS)]
            seconds[str(head.get("model")), str(head.get("precision"))] += rows
    return {key: statistics.median(found) for key, found in seconds.items() if found}


def gigabytes(size: int) -> str:
    """Write bytes as people read them."""
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.0f} MB"


def tell_seconds(seconds: float) -> str:
    """Write seconds with two figures that count, whole ones from ten up."""
    places = 0 if seconds >= 9.5 else 1 if seconds >= 0.95 else 2
    return f"{seconds:.{places}f} s"
