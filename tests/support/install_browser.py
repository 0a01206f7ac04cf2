"""Make sure that there is a Chromium for the tests of the page; prints which one.

Takes the first that works: a browser on the path, Debian's package (as root), Playwright's own.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the path of a Chromium that starts, or None."""
    found = [path for path in map(shutil.which, NAMES) if path]
    return next((path for path in [*found, *_from_playwright()] if _starts(path)), None)


def main() -> int:
    """Find or install a browser; 1 where none of the ways worked."""
    browser = find_browser()
    if browser is None and _is_root() and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in ("apt-get update -qq", "apt-get install -qq -y chromium"):
            subprocess.run(command.split(), env=environment, stdout=subprocess.DEVNULL)
        browser = find_browser()
    if browser is None:
        command = [sys.executable, "-m", "playwright", "install"]
        subprocess.run([*command, *(["--with-deps"] if _is_root() else []), "chromium"])
        browser = find_browser()
    print(browser or "no Chromium could be installed; install one and run this again")
    return 0 if browser else 1


def _from_playwright() -> list[str]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return [playwright.chromium.executable_path]


def _starts(path: str) -> bool:
    # On some systems the name is there and only says that another package must be installed.
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


if __name__ == "__main__":
    sys.exit(main())
