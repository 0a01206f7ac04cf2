"""Measure what evaluation costs beside the model, and how much batches bring."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from shutil import disk_usage
from typing import cast

import numpy as np

from robust_r1.ask.pipeline import request_of
from robust_r1.bench.made_tables import write_answers, write_results, write_table
from robust_r1.bench.speed import one_opencv_thread
from robust_r1.chain import parse
from robust_r1.engine import Answer, Engine, GenerationSettings, Request, catalog, load_engine
from robust_r1.errors import InputError
from robust_r1.evaluation import benchmark, evaluate
from robust_r1.evaluation.asking import batch_of
from robust_r1.evaluation.published import ALL_LEVELS, PublishedItems, Selection
from robust_r1.paths import CHECKOUT
from robust_r1.records import open_benchmark

SIZE = 50_000_000  # bytes of the table, unless somebody says otherwise
ANSWERS = 20_000
_BESIDE = 12_000_000  # bytes of the table that the work beside generation is measured with
_ASKED = 96  # questions for the comparison of batches
_ROUNDS = 3
_TEXT = (
    "<TYPE>lens blur(0.40)<TYPE_END><INFLUENCE>Edges are soft.<INFLUENCE_END><REASONING>One animal."
    "<REASONING_END><CONCLUSION>It is a cat.<CONCLUSION_END><ANSWER>1. a cat<ANSWER_END>"
)


@dataclass(frozen=True)
class Targets:
    """State what is meant to be reached, in the units of `Evaluating`."""

    beside_ms: float = 25.0
    speedup: float = 3.0
    resident_bytes: float = 400e6
    first_seconds: float = 2.0
    report_seconds: float = 10.0
    rbench_seconds: float = 2.0


@dataclass(frozen=True)
class Reading:
    """State what a large table costs in a process of its own, whose model answers at once.

    Attributes:
        bytes, rows: of the table.
        resident_bytes: most memory beyond what the process had before it began.
        growth_bytes: memory in the last tenth of the table beyond that in the second tenth.
        first_seconds: from opening the table to the first question that is put to the model.
        seconds: to the end.
    """

    bytes: int
    rows: int
    resident_bytes: int
    growth_bytes: int
    first_seconds: float
    seconds: float


@dataclass(frozen=True)
class Evaluating:
    """State what evaluation costs.

    Attributes:
        beside_ms: processor time of an item beside generation, on one core: reading, degrading,
            parsing, scoring, writing.
        beside_wall_ms: the same by the clock, which other work on the machine makes longer.
        one_by_one, batched: questions a second that the bundled model answers, medians of rounds.
        speedup: how many times as many in batches: the median over the rounds.
        cpu_speedup: the same by processor time, which other work on the machine leaves alone.
        table: what a large table costs.
        report_seconds, report_cpu: of `report` on ANSWERS answers, by the clock and the processor.
        rbench_seconds, rbench_cpu: of `rbench` on three tables of 1,485 rows.
    """

    beside_ms: float
    beside_wall_ms: float
    one_by_one: float
    batched: float
    speedup: float
    cpu_speedup: float
    table: Reading
    report_seconds: float
    report_cpu: float
    rbench_seconds: float
    rbench_cpu: float


def measure_evaluation(model: str | None = None, size: int = SIZE) -> Evaluating:
    """Measure all of it in a temporary folder.

    Args:
        model: that batches are measured with; None for the newest bundled one.
        size: bytes of the large table.

    Raises:
        InputError: the disk has no room for the table.
    """
    with tempfile.TemporaryDirectory(prefix="bench-evaluate-") as name:
        folder = Path(name)
        if disk_usage(folder).free < 1.2 * size + 200e6:
            raise InputError(
                f"{folder.parent} has no room for {size / 1e6:.0f} MB; set TMPDIR to a folder that "
                "has, or give a smaller --size"
            )
        beside, wall = _beside(folder)
        rounds = measure_batches(model or catalog.newest_bundled().name)
        table = read_table(folder, size)
        write_answers(folder / "answers", ANSWERS)
        report = _timed("report", str(folder / "answers"))
        judged = _timed("rbench", *map(str, write_results(folder)))
    return Evaluating(
        beside,
        wall,
        statistics.median(rates.one_by_one for rates in rounds),
        statistics.median(rates.batched for rates in rounds),
        statistics.median(rates.batched / rates.one_by_one for rates in rounds),
        statistics.median(rates.cpu_speedup for rates in rounds),
        table,
        *report,
        *judged,
    )


class SilentEngine:
    """Answer every question at once with one text: all that is measured is beside it.

    Its pictures are those of the full-size models. `first` is when it was first asked.
    """

    precision, device, note = "none", "cpu", ""

    def __init__(self) -> None:
        """Know nothing."""
        self.info = catalog.find("robust-r1-rl")
        self.first: float | None = None
        self.seconds = 0.0

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture as the full-size model has it."""
        return self.info.fit(image)

    def generate(
        self, requests: Sequence[Request], settings: GenerationSettings, batch_size: int
    ) -> Sequence[Answer]:
        """Return one text for each."""
        self.first = self.first or time.perf_counter()
        told = 40, 0.0, None, "stop", self.info.name, settings
        return [Answer(_TEXT, parse(_TEXT), *told) for _ in requests]  # type: ignore[arg-type]


def _evaluate(
    table: Path,
    folder: Path,
    levels: tuple[str, ...],
    progress: Callable[[int, int, int | None], None] | None = None,
) -> SilentEngine:
    silent = SilentEngine()
    items = PublishedItems(open_benchmark(table), silent.info, Selection(levels))
    evaluate(cast(Engine, silent), "Bench", items, folder, progress=progress)
    return silent


def _beside(folder: Path) -> tuple[float, float]:
    """Return milliseconds of the processor and of the clock for an item, on one core."""
    rows = write_table(folder / "beside.tsv", _BESIDE)
    with one_opencv_thread():
        _evaluate(folder / "beside.tsv", folder / "warm", (ALL_LEVELS[0],))  # what is filled once
        wall, cpu = _seconds(
            lambda: _evaluate(folder / "beside.tsv", folder / "beside", ALL_LEVELS)
        )
    items = rows * len(ALL_LEVELS)
    return 1000 * cpu / items, 1000 * wall / items


@dataclass(frozen=True)
class BatchRates:
    """State questions a second by the clock, and what batches bring by processor time."""

    one_by_one: float
    batched: float
    cpu_speedup: float


def measure_batches(model: str, asked: int = _ASKED, rounds: int = _ROUNDS) -> list[BatchRates]:
    """Ask the same questions one by one and in batches, in turn."""
    items = benchmark("minibench")[:asked]
    found = []
    with closing(load_engine(model)) as engine:
        requests = [request_of(engine, item.case) for item in items]
        together = batch_of(engine.info)
        engine.generate(requests[:together], batch_size=together)
        for _ in range(rounds):
            (wall, cpu), (batched, less) = (
                _seconds(partial(engine.generate, requests, batch_size=size))
                for size in (1, together)
            )
            found.append(BatchRates(asked / wall, asked / batched, cpu / less))
    return found


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that some work takes by the clock, and of this process's processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def read_table(folder: Path, size: int) -> Reading:
    """Write a table of about so many bytes and evaluate it in a process of its own."""
    path = folder / "large.tsv"
    rows = write_table(path, size)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(_read_here, path, folder / "large", rows).result()
    return Reading(path.stat().st_size, rows, *found)


def _read_here(path: Path, folder: Path, rows: int) -> tuple[int, int, float, float]:
    import psutil

    process = psutil.Process()
    _evaluate_first(path.parent)
    before, held = process.memory_info().rss, []
    start = time.perf_counter()
    silent = _evaluate(path, folder, ("100",), lambda *_: held.append(process.memory_info().rss))
    seconds = time.perf_counter() - start
    tenth = max(1, len(held) // 10)
    growth = statistics.median(held[-tenth:]) - statistics.median(held[tenth : 2 * tenth + 1])
    first = (silent.first or time.perf_counter()) - start
    return max(held) - before, round(growth), first, seconds


def _evaluate_first(folder: Path) -> None:
    """Evaluate one row, so that modules are loaded: they are the program's, not the table's."""
    write_table(folder / "one.tsv", 1)
    _evaluate(folder / "one.tsv", folder / "one", ("100",))


def _timed(*words: str) -> tuple[float, float]:
    """Run a command of the project; return its seconds by the clock and of the processor."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "robust_r1", *words],
        cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system
    return wall, cpu - before.children_user - before.children_system
