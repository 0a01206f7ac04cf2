"""Take the screenshots in assets/screenshots: tests/screenshots.py [--model M] [--tab T].

Each tab is shown after real work of a real model, by default of all bundled ones, the newest first:
on a desk in light and in dark, and on a phone.
"""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from PIL import Image  # noqa: E402
from playwright.sync_api import Page  # noqa: E402

from robust_r1.engine import load_engine  # noqa: E402
from robust_r1.engine.catalog import bundled  # noqa: E402
from robust_r1.paths import ASSETS  # noqa: E402
from tests.support.page_driver import Visitor, browse, serve  # noqa: E402

FOLDER = ASSETS / "screenshots"
QUALITIES = (90, 84, 78, 70, 60)
MAX_BYTES = 400_000
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
TALLEST = 2400  # pixels of a screenshot; what is below is cut off
PHOTOGRAPH = "?example=pavilion&plan=lens_flare%3D0.5,gaussian_noise%3D0.35,scan_lines%3D0.3&seed=7"
LOOKS = (("light", DESK, "light"), ("dark", DESK, "dark"), ("phone", PHONE, "light"))


def explore(visitor: Visitor, look: str) -> None:
    """Ask about a scene, in the dark about a photograph and its clean picture."""
    if look == "dark":
        visitor.open(PHOTOGRAPH + "&question=What+is+behind+the+building?")
        visitor.page.get_by_label("Also ask the clean picture").check()
    else:
        visitor.open()
    visitor.ask()
    visitor.wait_for_scores()
    visitor.page.locator("#chart .main-svg").first.wait_for()


def compare(visitor: Visitor, look: str) -> None:
    """Compare what the page compares from the start."""
    page = _open(visitor, "Compare")
    page.locator("#compare-preview img").first.wait_for()
    _work(page, "compare")


def sweep(visitor: Visitor, look: str) -> None:
    """Sweep what the page sweeps from the start."""
    page = _open(visitor, "Sweep")
    page.locator("#sweep-preview img").first.wait_for()
    _work(page, "sweep")
    page.locator("#tabs .js-plotly-plot .main-svg:visible").first.wait_for()


def analyze(visitor: Visitor, look: str) -> None:
    """Show the figures of the bundled run."""
    page = _open(visitor, "Analyze")
    page.locator("#headline tbody tr").first.wait_for()
    if look == "dark":
        page.get_by_role("tab", name="Cases").click()
        page.locator("#cases img").first.wait_for()


def learn(visitor: Visitor, look: str) -> None:
    """Show the degradations, in the dark a chain's anatomy."""
    page = _open(visitor, "Learn")
    page.locator(".rr-method img").first.wait_for()
    if look == "dark":
        page.get_by_role("tab", name="Chain", exact=True).click()
        page.locator("#anatomy-start").click()
        page.locator("#anatomy-start:not([disabled])").wait_for()


TABS: dict[str, Callable[[Visitor, str], None]] = {
    "explore": explore, "compare": compare, "sweep": sweep, "analyze": analyze, "learn": learn,
}  # fmt: skip


def main() -> int:
    """Take them and print their sizes."""
    parser = argparse.ArgumentParser(description="Take the screenshots of the page.")
    parser.add_argument("--model", action="append", help="who answers (default: all bundled ones)")
    parser.add_argument("--tab", action="append", choices=TABS, help="only this tab")
    looks = [look for look, _, _ in LOOKS]
    parser.add_argument("--look", action="append", choices=looks, help="only this look")
    arguments = parser.parse_args()
    names = arguments.model or [info.name for info in reversed(bundled())]
    engines = [load_engine(name) for name in names]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with browse() as browser, serve(*engines) as address:
        for tab in arguments.tab or TABS:
            for look, viewport, scheme in LOOKS:
                if look not in (arguments.look or looks):
                    continue
                visitor = Visitor(browser, address, viewport=viewport, color_scheme=scheme)
                TABS[tab](visitor, look)
                visitor.page.mouse.move(1, 1)
                visitor.page.wait_for_timeout(600)  # until charts have faded in
                name = f"{tab}-{look}.jpg"
                size = _save(visitor.page.screenshot(full_page=True), FOLDER / name)
                print(f"{name}: {size / 1000:.0f} kB")
                visitor.close()
    for engine in engines:
        engine.close()
    return 0


def _open(visitor: Visitor, name: str) -> Page:
    visitor.open()
    visitor.page.get_by_role("tab", name=name, exact=True).click()
    return visitor.page


def _work(page: Page, tab: str) -> None:
    page.locator(f"#{tab}-start").click()
    page.wait_for_timeout(1000)
    page.locator(f"#{tab}-start:not([disabled])").wait_for()


def _save(png: bytes, path: Path) -> int:
    """Write a screenshot as JPEG, as good as the bound on its size allows."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    for quality in QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
        if buffer.tell() <= MAX_BYTES:
            break
    path.write_bytes(buffer.getvalue())
    return buffer.tell()


if __name__ == "__main__":
    sys.exit(main())
