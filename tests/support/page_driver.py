"""What the tests of the page share: a scripted engine, a served page, a real browser.

The engine is scripted because a real model cannot be made to say hostile or malformed things on
demand, or to go on until it is stopped. It lives here and nowhere in the product.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from robust_r1.chain import parse
from robust_r1.engine import Answer, GenerationSettings, ModelInfo, TextDelta, Turn
from robust_r1.engine.control import takes_requests
from robust_r1.engine.conversation import check_history, check_pictures
from robust_r1.ui import build_ui, launch_arguments
from tests.support.install_browser import find_browser

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]
DESKTOP = {"width": 1440, "height": 900}
WAIT = 60_000  # milliseconds; the machine may be busy, a wait ends as soon as it can

CHAIN = (
    "<TYPE>lens blur(0.35), scan lines(0.20)<TYPE_END>"
    "<INFLUENCE>The blur softens every outline, so small marks are hard to tell.<INFLUENCE_END>"
    "<REASONING>Without the damage the scene holds three objects: a star, a circle and a seven."
    "<REASONING_END><CONCLUSION>There are three objects.<CONCLUSION_END><ANSWER>three<ANSWER_END>"
)


class ScriptedEngine:
    """Answer by a script: the first text whose key the question contains, else a good chain.

    A question that contains "endlessly" is answered until somebody stops it. `asked` keeps the
    pictures, `further` those after them, `histories` the earlier turns, `running` counts the
    answers on their way.
    """

    precision, device = "fp32", "cpu"

    def __init__(self, name="scripted", label="Scripted", texts=None, pixels=36_864, note="",
                 converses=False, pictures=1):
        self.info = ModelInfo(
            name=name, label=label, source="tests", bundled=True, parameters=1, memory={},
            licence="MIT", about="It says what the test wants.", min_pixels=1024,
            max_pixels=pixels, multiple=32, knows_photographs=False, converses=converses,
            pictures=pictures, defaults=GenerationSettings(max_new_tokens=320),
        )
        self.note = note
        self.texts = texts or {}
        self.asked: list[np.ndarray] = []
        self.histories: list[tuple[Turn, ...]] = []
        self.templates: list[str] = []
        self.further: list[list[np.ndarray]] = []
        self.running = 0
        self._turn = threading.Lock()

    def fit(self, image):
        return self.info.fit(image)

    def count_tokens(self, text):
        return len(text.split())

    @takes_requests
    def stream(self, request, settings=None, stop=None):
        check_history(self.info, request.history)
        check_pictures(self.info, len(request.images))
        stop = stop or threading.Event()
        with self._turn:
            image, *further = (one.copy() for one in request.images)
            self.asked.append(image)
            self.further.append(further)
            self.histories.append(tuple(request.history))
            self.templates.append(request.template)
            self.running += 1
            try:
                yield from self._write(request.question, settings or self.info.defaults, stop)
            finally:
                self.running -= 1

    def _write(self, question, settings, stop) -> Iterator[TextDelta | Answer]:
        start, written, finish = time.perf_counter(), "", "stop"
        for piece in self._pieces(question):
            if stop.is_set():
                finish = "stopped"
                break
            written += piece
            yield TextDelta(piece)
        seconds = time.perf_counter() - start
        yield Answer(
            written, parse(written), len(written.split()), seconds, 0.01, finish, self.info.name,
            settings,
        )

    def _pieces(self, question) -> Iterator[str]:
        if "endlessly" in question:
            yield "<TYPE>lens blur(0.50)<TYPE_END><INFLUENCE>On and on"
            while True:
                time.sleep(0.1)
                yield " and on"
        text = next((text for key, text in self.texts.items() if key in question), CHAIN)
        for start in range(0, len(text), 24):
            yield text[start : start + 24]

    @takes_requests
    def generate(self, requests, settings=None, batch_size=8, stop=None):
        return tuple(list(self.stream(request, settings, stop))[-1] for request in requests)

    def close(self):
        pass


@contextmanager
def serve(*engines, mcp=False) -> Iterator[str]:
    """Serve the page for these engines with the arguments of the app; gives its address."""
    page = build_ui(engines)
    _, address, _ = page.launch(**launch_arguments(mcp=mcp), prevent_thread_lock=True)
    try:
        yield address
    finally:
        page.close(verbose=False)


@contextmanager
def browse() -> Iterator[Browser]:
    """Start a headless Chromium."""
    path = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browse_as_one() -> Iterator[BrowserContext]:
    """Start a headless Chromium with one profile, whose cache all share who open the page in it."""
    with browse() as browser:
        yield browser.new_context(viewport=DESKTOP)


def fill(field: Locator, text: str) -> None:
    """Write into a field that came into sight a moment ago.

    Gradio applies what had waited for such a field a few frames after it is there, over whatever a
    script was quick enough to write; so look whether the text stays.
    """
    for _ in range(20):
        field.fill(text)
        field.page.wait_for_timeout(200)
        if field.input_value() == text:
            return
    raise AssertionError(f"{field} does not keep {text!r}")


class Visitor:
    """One person in one tab; notes requests to elsewhere, dialogs and script errors.

    Given a browser, the tab has a profile of its own; given a profile, it shares that one's cache,
    which makes opening several times as fast. `options` are the profile's; of those for a profile
    that is there, the size of the viewport alone is the tab's.
    """

    def __init__(self, browser: Browser | BrowserContext, address: str, **options):
        self._own = isinstance(browser, Browser)
        options = {"viewport": DESKTOP, **options}
        self.context = browser.new_context(**options) if self._own else browser
        self.context.set_default_timeout(WAIT)
        self.address = address
        self.elsewhere: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        self.page: Page = self.context.new_page()
        if not self._own:
            self.page.set_viewport_size(options["viewport"])
        self.page.on("request", self._see_request)
        self.page.on("dialog", self._see_dialog)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, query: str = "") -> "Visitor":
        """Open the page and wait until its picture is there."""
        self.page.goto(self.address + query)
        self.page.locator(".rr-caption").wait_for()
        if "example=nothing" not in query:
            self.page.locator(".rr-caption b").wait_for()
        return self

    def slide(self, id: str, steps: int) -> None:
        """Move a slider by keyboard: each step is a hundredth."""
        handle = self.page.locator(f"#slider-{id} input[type=range]")
        handle.focus()
        for _ in range(steps):
            handle.press("ArrowRight")

    def write(self, question: str) -> None:
        """Write a question of one's own."""
        self.page.locator("#question textarea").fill(question)

    def ask(self) -> None:
        """Press Ask."""
        self.page.get_by_role("button", name="Ask", exact=True).click()

    def wait_for_scores(self) -> None:
        """Wait until the answer is complete and scored, and Ask can be pressed again."""
        self.page.locator(".rr-scores dl").first.wait_for()
        self.page.locator("#ask:not([disabled])").wait_for()

    def damaged(self) -> str:
        """Return the address of the degraded picture on the page."""
        return self.page.locator("#compare img").nth(1).get_attribute("src")

    def close(self) -> None:
        """Close the tab, and the profile if it was this person's own."""
        self.page.close()
        if self._own:
            self.context.close()

    def _see_request(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.elsewhere.append(request.url)

    def _see_dialog(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()
