"""The page, served, and people who use it in a real browser."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from robust_r1.ui import build_ui, launch_arguments
from tests.support.install_tools import find_browser
from tests.support.rest import WATCH, come_to_rest

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# What hostile texts would leave on the page, were they more than text.
HACKED = "img[src=x], svg[onload], b[onmouseover], main script, a[href^=javascript]"
# Keeps what toasts said: on a busy machine one is gone by itself before a test looks.
KEEP_TOASTS = """
    window.toasts = new Set();
    const shown = document.getElementsByClassName("toast-body");
    new MutationObserver(() => { for (const one of shown) toasts.add(one.innerText); })
        .observe(document, {childList: true, subtree: true});
"""
# Notes that an answer has begun: Ask cannot be pressed meanwhile, however short that is.
BEGINS = """() => {
  window.answering = false;
  new MutationObserver((_, observer) => {
    if (!document.getElementById("ask")?.disabled) return;
    window.answering = true;
    observer.disconnect();
  }).observe(document.body, {subtree: true, childList: true, attributeFilter: ["disabled"]});
}"""
WAIT = 60_000  # milliseconds; the machine may be busy, a wait ends as soon as it can


@contextmanager
def serve(*engines, kept=None, visitors=None, **options) -> Iterator[str]:
    """Serve the page for these engines with the arguments of the app; gives its address.

    `options` are further arguments of `launch_arguments`.
    """
    page = build_ui(engines, kept, visitors)
    _, address, _ = page.launch(**launch_arguments(**options), prevent_thread_lock=True)
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


def see_toasts(page: Page, *words: str) -> None:
    """Wait until toasts have said all these since the page was opened."""
    page.wait_for_function(
        "words => words.every(one => [...toasts].some(said => said.includes(one)))",
        arg=list(words),
    )


def pass_frames(page: Page, count: int = 12) -> None:
    """Wait until the page has been drawn some more times, however long that takes it."""
    page.evaluate(
        """async (count) => {
          for (; count; count--) await Promise.race([
            new Promise(requestAnimationFrame),
            new Promise((done) => setTimeout(done, 2000)),  // where nothing is painted
          ]);
        }""",
        count,
    )


def wait_until(page: Page, happened: Callable[[], bool]) -> None:
    """Wait for something that shows elsewhere than on the page."""
    end = time.monotonic() + WAIT / 1000
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        page.wait_for_timeout(20)


class Visitor:
    """One person in one tab; notes requests to elsewhere, dialogs and script errors.

    `options` are the profile's, such as the size of its viewport.
    """

    def __init__(self, browser: Browser, address: str, **options):
        self.context = browser.new_context(**{"viewport": DESKTOP, **options})
        self.context.set_default_timeout(WAIT)
        self.context.add_init_script(KEEP_TOASTS)
        self.context.add_init_script(WATCH)
        self.page: Page = self.context.new_page()
        self.page.on("request", self._see_request)
        self.page.on("dialog", self._see_dialog)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.begin(address)

    def begin(self, address: str) -> None:
        """Forget what was noted, and look at another page from now on."""
        self.address = address
        self.elsewhere: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []

    def open(self, query: str = "") -> "Visitor":
        """Open the page and wait until its picture is there."""
        self.page.goto(self.address + query)
        self.page.locator(".rr-caption").wait_for()
        if "example=nothing" not in query:
            self.page.locator(".rr-caption b").wait_for()
        return self

    def forget_toasts(self) -> None:
        """Close toasts and dialogues, so that nobody takes for new what they said before."""
        self.page.evaluate("document.querySelectorAll('dialog[open]').forEach(one => one.close())")
        self.page.evaluate("document.querySelectorAll('.toast-close').forEach(one => one.click())")
        expect(self.page.get_by_test_id("toast-body")).to_have_count(0)
        self.page.evaluate("window.toasts?.clear()")

    def show(self, *names: str) -> Page:
        """Go to a tab, and to parts in it; return the page."""
        for name in names:
            self.page.get_by_role("tab", name=name, exact=True).click()
        return self.page

    def slide(self, id: str, steps: int) -> None:
        """Move a slider by keyboard: each step is a hundredth."""
        handle = self.page.locator(f"#slider-{id} input[type=range]")
        handle.focus()
        keys = self.page.keyboard
        for _ in range(steps):
            keys.press("ArrowRight")

    def write(self, question: str) -> None:
        """Write a question of one's own."""
        self.page.locator("#question textarea").fill(question)

    def ask(self) -> None:
        """Press Ask."""
        self.await_new_scores()
        self.page.get_by_role("button", name="Ask", exact=True).click()

    def await_new_scores(self) -> None:
        """Let the next wait for scores pass over those that are there, of the answer before."""
        self.page.evaluate(BEGINS)

    def wait_for_scores(self) -> None:
        """Wait until the answer is complete and scored, and Ask can be pressed again."""
        self.page.wait_for_function("window.answering !== false")
        self.page.locator(".rr-scores dl").first.wait_for()
        self.page.locator("#ask:not([disabled])").wait_for()

    def wait_until_quiet(self) -> None:
        """Wait until the server has answered all that the page asks, and the page asks no more."""
        come_to_rest(self.page, idle=True)

    def damaged(self) -> str:
        """Return the address of the degraded picture on the page."""
        return self.page.locator("#compare img").nth(1).get_attribute("src")

    def check(self) -> None:
        """Fail where a script failed or asked elsewhere, or where hostile text was executed."""
        assert (self.errors, self.elsewhere, self.dialogs) == ([], [], [])
        assert self.page.evaluate("window.hacked") is None
        assert self.page.locator(HACKED).count() == 0

    def close(self) -> None:
        """Close the tab and its profile."""
        self.context.close()

    def _see_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.elsewhere.append(request.url)

    def _see_dialog(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


class Tabs:
    """Lend the tabs of one browser to one person after another.

    A tab that has shown the page opens it anew in half the time of a new one. Nothing of a person
    stays in it: to the page and to the server each opening is another visit.
    """

    def __init__(self, browser: Browser):
        self._browser = browser
        self._free: list[Visitor] = []

    @contextmanager
    def lend_device(self, address: str, **options) -> Iterator[Visitor]:
        """Give a device of its own kind to a person; failed checks fail the test."""
        visitor = Visitor(self._browser, address, **options)
        try:
            yield visitor
            visitor.check()
        finally:
            visitor.close()

    @contextmanager
    def lend(self, address: str) -> Iterator[Visitor]:
        """Give a tab to a person who is about to open this page; failed checks fail the test.

        Two persons at a time have two profiles: a browser keeps six connections to a server for
        each, and a page with a question on its way holds two.
        """
        visitor = self._free.pop() if self._free else Visitor(self._browser, address)
        visitor.begin(address)
        yield visitor
        if not visitor.page.is_closed():
            visitor.check()
            visitor.page.goto("about:blank")
            visitor.page.set_viewport_size(DESKTOP)
            self._free.append(visitor)
