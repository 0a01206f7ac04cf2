"""Whose notebook it is: everybody's, or on a page that others can reach each browser's own.

A browser is known by a cookie that it makes by itself. One that keeps no cookies has a notebook for
as long as its page is open.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from gradio.context import LocalContext

from robust_r1.errors import DataError, InputError
from robust_r1.store import Notebook

COOKIE = "robust-r1-browser"
MOST = 500  # notebooks of browsers; the one that was longest not written goes first
MOST_BYTES = 2_000_000  # of each
_TOKEN = re.compile("[0-9a-f]{32}")
# A frame of another site, as a Space is in its own page, keeps a cookie only if it says so.
MARK = f"""() => {{
  if (document.cookie.includes('{COOKIE}=')) return;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const token = [...bytes].map((one) => one.toString(16).padStart(2, '0')).join('');
  const framed = location.protocol === 'https:' ? 'SameSite=None; Secure; Partitioned'
    : 'SameSite=Strict';
  const kept = `Path=${{location.pathname}}; Max-Age=31536000`;
  document.cookie = `{COOKIE}=${{token}}; ${{kept}}; ${{framed}}`;
}}"""


class BrowserNotebooks:
    """Give each browser a notebook of its own, in files of one folder."""

    def __init__(self, folder: Path, token: Callable[[], str] | None = None) -> None:
        self._folder, self._token = folder, token or _token_of_browser

    def __call__(self) -> Notebook:
        """Return the notebook of the browser that asks.

        Raises:
            InputError: nobody asks, or nobody who says which browser it is.
        """
        token = self._token()
        # A file's name tells nobody the token, nor can a token name a file.
        name = hashlib.sha256(token.encode()).hexdigest()[:32]
        return Notebook(self._folder / f"{name}.sqlite", MOST_BYTES, self._make_room)

    def _make_room(self) -> None:
        """Delete the oldest notebooks where there are too many, before one more is made."""
        try:
            files = sorted(self._folder.glob("*.sqlite"), key=lambda file: file.stat().st_mtime)
            for file in files[: max(len(files) - MOST + 1, 0)]:
                for part in ("", "-wal", "-shm"):
                    file.with_name(file.name + part).unlink(missing_ok=True)
        except OSError as error:
            raise DataError(f"the notebooks in {self._folder} cannot be used ({error})") from error


def _token_of_browser() -> str:
    request = LocalContext.request.get(None)
    cookie = request.cookies.get(COOKIE, "") if request else ""
    if _TOKEN.fullmatch(cookie):
        return f"cookie {cookie}"
    if request and request.session_hash:
        return f"visit {request.session_hash}"
    raise InputError("open the page anew: it does not know whose notes these are")
