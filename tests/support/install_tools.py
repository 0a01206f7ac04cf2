"""Make sure that there is what the tests of the page drive: a Chromium and nginx; prints which.

Of browsers it takes the first that works: one on the path, Debian's package (as root), Playwright's
own. Without nginx the tests behind a proxy are skipped.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(sys.prefix) / "share" / "unpacked"
_UNPACKED = _ROOT / "usr" / "sbin" / "nginx"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the path of a Chromium that starts, or None."""
    found = [path for path in map(shutil.which, NAMES) if path]
    return next((path for path in [*found, *_from_playwright()] if _starts(path)), None)


def find_nginx() -> str | None:
    """Return the path of an nginx that starts, or None."""
    # Debian keeps it where only root looks.
    installed = (shutil.which("nginx", path=path) for path in (None, "/usr/sbin"))
    return next((path for path in (*installed, str(_UNPACKED)) if path and _starts(path)), None)


def main() -> int:
    """Find or install both; 1 where no browser could be had."""
    browser, nginx = find_browser(), find_nginx()
    if (browser is None or nginx is None) and _is_root() and shutil.which("apt-get"):
        _run("apt-get update -qq")
    if browser is None and _is_root() and shutil.which("apt-get"):
        _run("apt-get install -qq -y chromium")
        browser = find_browser()
    if browser is None:
        command = [sys.executable, "-m", "playwright", "install"]
        subprocess.run([*command, *(["--with-deps"] if _is_root() else []), "chromium"])
        browser = find_browser()
    if nginx is None and shutil.which("apt-get"):
        _unpack_nginx()
        nginx = find_nginx()
    print(browser or "no Chromium could be installed; install one and run this again")
    print(nginx or "no nginx could be had, the tests behind a proxy are skipped")
    return 0 if browser else 1


def _unpack_nginx() -> None:
    """Unpack Debian's package into this environment; installed, it would begin to serve."""
    with tempfile.TemporaryDirectory() as folder:
        _run("apt-get download -qq nginx", folder)
        for package in Path(folder).glob("*.deb"):
            _run(f"dpkg-deb -x {package} {_ROOT}")


def _run(command: str, folder: str | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    silent = subprocess.DEVNULL
    subprocess.run(command.split(), env=environment, cwd=folder, stdout=silent, stderr=silent)


def _from_playwright() -> list[str]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return [playwright.chromium.executable_path]


def _starts(path: str) -> bool:
    # On some systems the name is there and only says that another package must be installed.
    try:
        command = [path, "-v" if path.endswith("nginx") else "--version"]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


if __name__ == "__main__":
    sys.exit(main())
