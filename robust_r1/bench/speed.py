"""Measure how fast the project starts, degrades and answers, and how much memory that takes."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np

from robust_r1.degradations import SPECS, DegradationPlan, degrade
from robust_r1.engine import Answer, Request, load_engine
from robust_r1.engine.machine import peak_memory
from robust_r1.errors import ModelError, RobustR1Error
from robust_r1.images import encode_preview
from robust_r1.paths import CHECKOUT

WIDTH, HEIGHT = 640, 427  # the usual size of a COCO photograph, which A-OKVQA asks about
MEGAPIXEL = (868, 1148)  # (height, width) of a 4:3 photograph as the full-size models see it
# The three that people combine most, one slow filter, one cheap curve and one noise.
PREVIEW = DegradationPlan.parse("lens_blur=0.4,darkness=0.3,gaussian_noise=0.25")
# Half way up every scale.
INTENSITY = 0.5


@dataclass(frozen=True)
class Startup:
    """State what starting the page costs.

    Attributes:
        page_seconds: from starting `robust-r1 page` to an HTML answer.
        resident_bytes: memory of the page's process and its children at that moment.
        import_seconds: importing robust_r1.degradations in a fresh Python, without Python's start.
    """

    page_seconds: float
    resident_bytes: int
    import_seconds: float


@dataclass(frozen=True)
class ServedPage:
    """Name a page that was started to be measured: its address and its process."""

    address: str
    pid: int


@dataclass(frozen=True)
class Degrading:
    """State what degrading costs, on one thread, in milliseconds (medians).

    Attributes:
        operations: milliseconds of each degradation at INTENSITY on a WIDTH x HEIGHT picture.
        preview: of PREVIEW on a MEGAPIXEL picture, what a moved slider waits for.
        encoding: of the previewed picture as PNG, on its way to the browser.
    """

    operations: dict[str, float]
    preview: float
    encoding: float

    @property
    def total(self) -> float:
        """Return the sum over all operations."""
        return sum(self.operations.values())


@dataclass(frozen=True)
class Answering:
    """State what answering costs with one model in one precision (medians of the runs).

    Attributes:
        model, precision, device: what was measured.
        load_seconds: of load_engine, imports of torch and transformers included.
        first_text_seconds: from the question to the first text.
        chain_seconds: from the question to the last token.
        tokens: of the chain.
        tokens_per_second: after the first text.
        peak_bytes: the process's largest memory; on a GPU the GPU's.
    """

    model: str
    precision: str
    device: str
    load_seconds: float
    first_text_seconds: float
    chain_seconds: float
    tokens: int
    tokens_per_second: float
    peak_bytes: int


def measure_startup(arguments: Sequence[str] = (), timeout: float = 120.0) -> Startup:
    """Start `robust-r1 page` on a free port, wait for the page, and end it again.

    `arguments` go to it. Raises ModelError where no page came within `timeout` seconds.
    """
    start = time.perf_counter()
    with started_page(arguments, timeout) as page:
        seconds = time.perf_counter() - start
        resident = _resident_bytes(page.pid)
    return Startup(seconds, resident, measure_import())


@contextmanager
def started_page(arguments: Sequence[str] = (), timeout: float = 120.0) -> Iterator[ServedPage]:
    """Start `robust-r1 page` on a free port, hand it over once it answers, and end it again.

    `arguments` go to it. Raises ModelError where no page came within `timeout` seconds.
    """
    port = _free_port()
    command = [sys.executable, "-m", "robust_r1", "page", "--port", str(port), *arguments]
    address = f"http://127.0.0.1:{port}/"
    start = time.perf_counter()
    # A session of its own, so that whatever the page started can be ended with it.
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(address):
            if process.poll() is not None:
                raise ModelError("The page ended before it answered; start it to see why.")
            if time.perf_counter() - start > timeout:
                raise ModelError(
                    f"The page did not answer within {timeout:.0f} s; start it to see why."
                )
            time.sleep(0.02)
        yield ServedPage(address, process.pid)
    finally:
        _end(process)


def measure_import(module: str = "robust_r1.degradations", runs: int = 3) -> float:
    """Return the seconds that importing a module takes in a fresh Python: the median of runs."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    return statistics.median(
        float(subprocess.check_output(command, cwd=CHECKOUT)) for _ in range(runs)
    )


def measure_degradations(runs: int = 5) -> Degrading:
    """Time every degradation, and what a slider's preview does, on one thread."""
    picture = sample_picture(HEIGHT, WIDTH)
    with one_opencv_thread():
        operations = {
            spec.id: _median_ms(partial(degrade, picture, spec.id, INTENSITY, seed=1), runs)
            for spec in SPECS
        }
        large = sample_picture(*MEGAPIXEL)
        preview = _median_ms(lambda: PREVIEW.apply(large), runs)
        shown = PREVIEW.apply(large)
        encoding = _median_ms(lambda: encode_preview(shown), runs)
    return Degrading(operations, preview, encoding)


def measure_engine(model: str = "auto", precision: str | None = None, runs: int = 3) -> Answering:
    """Load a model and ask it, in a process of its own so that its memory can be told.

    Raises ModelError where the model cannot be loaded or the machine's memory does not do.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_measure_engine_here, model, precision, runs).result()
        except BrokenProcessPool as error:
            raise ModelError(
                f"The process that ran {model} ended early, most likely out of memory; choose a "
                "smaller model or precision."
            ) from error


def _measure_engine_here(model: str, precision: str | None, runs: int) -> Answering:
    start = time.perf_counter()
    try:
        engine = load_engine(model, precision)
    except RobustR1Error as error:
        # A cause may hold what cannot cross to the other process.
        raise type(error)(str(error)) from None
    load_seconds = time.perf_counter() - start
    picture = engine.fit(sample_picture(HEIGHT, WIDTH))
    request = Request.of(picture, "What is in the picture?")
    answers = []
    for _ in range(runs):
        *_, answer = engine.stream(request)
        assert isinstance(answer, Answer)
        answers.append(answer)
    first = statistics.median(answer.first_text_seconds or answer.seconds for answer in answers)
    whole = statistics.median(answer.seconds for answer in answers)
    tokens = answers[-1].tokens
    return Answering(
        model=engine.info.name,
        precision=engine.precision,
        device=engine.device,
        load_seconds=load_seconds,
        first_text_seconds=first,
        chain_seconds=whole,
        tokens=tokens,
        tokens_per_second=(tokens - 1) / (whole - first) if whole > first else 0.0,
        peak_bytes=peak_memory(engine.device),
    )


def sample_picture(height: int, width: int) -> np.ndarray:
    """Make a picture with the 1/f spectrum of photographs, so that filters and PNG work as on one.

    Source of the spectrum: Field 1987, Relations between the statistics of natural images.
    """
    rng = np.random.default_rng(0)
    rows = np.fft.fftfreq(height)[:, None]
    columns = np.fft.rfftfreq(width)[None]
    frequency = np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    channels = []
    for _ in range(3):
        noise = np.fft.rfft2(rng.standard_normal((height, width)))
        channel = np.fft.irfft2(noise / frequency, s=(height, width))
        channels.append(128 + 40 * channel / channel.std())
    return np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)


def _median_ms(work: Callable[[], object], runs: int) -> float:
    work()  # tables and caches of the first call are not what a slider waits for
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV to one thread inside the block."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200 and b"<html" in response.read(4096).lower()
    except (urllib.error.URLError, OSError):
        return False


def _resident_bytes(pid: int) -> int:
    import psutil

    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


def _end(process: subprocess.Popen) -> None:
    """End a process and what it started; by force where asking does not help."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=10)
            return
        except subprocess.TimeoutExpired:
            continue
