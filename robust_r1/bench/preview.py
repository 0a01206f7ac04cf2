"""Measure what a moved slider waits for: the running page, asked for previews as a browser asks."""

import io
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from robust_r1.bench.speed import MEGAPIXEL, PREVIEW, sample_picture, started_page
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import catalog
from robust_r1.errors import ModelError

TARGET_MS = 150.0  # what still feels like one with the hand that moves the slider
RUNS = 15
_STEP = 0.01  # of a slider
_SESSION = "bench"
_TIMEOUT = 120.0  # seconds; the first question waits until the model is loaded


@dataclass(frozen=True)
class Previewing:
    """State what previews of PREVIEW on a MEGAPIXEL picture cost, through the page's API.

    Attributes:
        median, worst: milliseconds from the request until the degraded picture is here.
        processor: milliseconds of processor time that the page's process spends on one, which
            other work on the machine leaves alone.
        target: milliseconds that `median` and `worst` are meant to stay within.
        runs: the number of previews, each at other intensities.
    """

    median: float
    worst: float
    processor: float
    target: float
    runs: int


def measure_preview(arguments: Sequence[str] = (), runs: int = RUNS) -> Previewing:
    """Start the page, move three sliders a hundredth at a time, and time the preview of each move.

    `arguments` go to the command `page`; without them it serves the newest bundled model. Bundled
    models see small pictures, so the endpoint is asked for full size. Raises ModelError where the
    page does not start, or refuses a preview.
    """
    import psutil

    names = arguments or ["--model", catalog.newest_bundled().name]
    plans = [_moved(move) for move in range(runs + 1)]
    with started_page(names) as page, _Visitor(page.address) as visitor:
        visitor.wait_for_model()
        visitor.preview(plans[0])  # caches that are filled once, not with every move
        process = psutil.Process(page.pid)
        before, milliseconds = sum(process.cpu_times()[:2]), []
        for plan in plans[1:]:
            start = time.perf_counter()
            visitor.preview(plan)
            milliseconds.append(1000 * (time.perf_counter() - start))
        processor = 1000 * (sum(process.cpu_times()[:2]) - before) / runs
    return Previewing(
        statistics.median(milliseconds), max(milliseconds), processor, TARGET_MS, runs
    )


def _moved(move: int) -> DegradationPlan:
    moved = {id: round(value + move * _STEP, 2) for id, value in PREVIEW.intensities.items()}
    return DegradationPlan.of(moved)


class _Visitor:
    """Use the page's endpoints over one connection and in one session, as an open page does."""

    def __init__(self, address: str) -> None:
        import httpx

        self.client = httpx.Client(
            base_url=f"{address}gradio_api/", timeout=_TIMEOUT, trust_env=False
        )

    def __enter__(self) -> "_Visitor":
        uploaded = self.client.post("upload", files={"files": ("sample.bmp", _bitmap())}).json()
        self.picture = {"path": uploaded[0], "meta": {"_type": "gradio.FileData"}}
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def wait_for_model(self) -> None:
        """Ask for an answer of one token: models load after the page is there, and disturb."""
        self._call("ask", self.picture, "What is this?", "", 0, "", "", "", 1, 0, 1, 0, "", [])

    def preview(self, plan: DegradationPlan) -> bytes:
        """Return the degraded picture as a PNG file."""
        (file,) = self._call("degrade", self.picture, str(plan), 1, "", True)
        return self.client.get(file["url"]).raise_for_status().content

    def _call(self, endpoint: str, *arguments: object) -> list:
        body = {"data": arguments, "session_hash": _SESSION}
        event = self.client.post(f"call/{endpoint}", json=body).raise_for_status().json()
        stream = self.client.get(f"call/{endpoint}/{event['event_id']}").raise_for_status().text
        *_, last = stream.strip().split("\n\n")
        kind, _, data = last.partition("\n")
        if kind != "event: complete":
            raise ModelError(f"The page refused /{endpoint}: {data.removeprefix('data: ')[:200]}")
        return json.loads(data.removeprefix("data: "))


def _bitmap() -> bytes:
    # Read anew for every full-size preview, which a slider does not do: in 2 ms, a PNG in 30.
    buffer = io.BytesIO()
    Image.fromarray(sample_picture(*MEGAPIXEL)).save(buffer, "BMP")
    return buffer.getvalue()
