"""Take the screenshots in assets/screenshots: python tests/screenshots.py [--model M].

Each is the page after a real question to a real model, by default the newest bundled one: a
synthetic scene in light and on a phone, a photograph with the clean picture beside it in dark.
"""

import argparse
import io
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from page_driver import Visitor, browse, serve  # noqa: E402
from PIL import Image  # noqa: E402

from robust_r1.engine import load_engine  # noqa: E402
from robust_r1.ui.examples import ASSETS  # noqa: E402

FOLDER = ASSETS / "screenshots"
QUALITIES = (90, 84, 78, 70)
MAX_BYTES = 400_000
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PHOTOGRAPH = "?example=pavilion&plan=lens_flare%3D0.5,gaussian_noise%3D0.35,scan_lines%3D0.3&seed=7"
SHOTS = (
    ("explore-light.jpg", "", DESK, "light", False),
    ("explore-dark.jpg", PHOTOGRAPH + "&question=What+is+behind+the+building?", DESK, "dark", True),
    ("explore-phone.jpg", "", PHONE, "light", False),
)


def main() -> int:
    """Take them all and print their sizes."""
    parser = argparse.ArgumentParser(description="Take the screenshots of the page.")
    parser.add_argument("--model", default="auto", help="who answers (default: auto)")
    engine = load_engine(parser.parse_args().model)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with browse() as browser, serve(engine) as address:
        for name, query, viewport, scheme, clean in SHOTS:
            visitor = Visitor(browser, address, viewport=viewport, color_scheme=scheme).open(query)
            if clean:
                visitor.page.get_by_label("Also ask the clean picture").check()
            visitor.ask()
            visitor.wait_for_scores()
            visitor.page.locator("#chart .main-svg").first.wait_for()
            visitor.page.mouse.move(1, 1)
            size = _save(visitor.page.screenshot(full_page=True), FOLDER / name)
            print(f"{name}: {size / 1000:.0f} kB")
            visitor.close()
    engine.close()
    return 0


def _save(png: bytes, path: Path) -> int:
    """Write a screenshot as JPEG, as good as the bound on its size allows."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
        if buffer.tell() <= MAX_BYTES:
            break
    path.write_bytes(buffer.getvalue())
    return buffer.tell()


if __name__ == "__main__":
    sys.exit(main())
