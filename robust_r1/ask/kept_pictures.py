"""Pictures of people's own that an operator keeps, so that links to them open anywhere.

Off unless somebody turns it on. What is kept are decoded pixels, as PNG without metadata, under
random names that only a link tells.
"""

import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

from robust_r1 import images
from robust_r1.ask.picture import OwnPicture, Picture
from robust_r1.errors import DataError, ImageError, InputError

MOST, MOST_BYTES = 200, 500_000_000
_DAY = 86_400  # seconds
_NAME_BYTES = 12  # random ones: nobody guesses a name
_NAME = re.compile(r"[\w-]{16}", re.ASCII)


class KeptPictures:
    """Keep pictures in a folder for some days; the oldest go first where they become too many.

    Safe to use from several threads. A picture is gone from its last moment on; its file goes when
    somebody next looks at the page.

    Args:
        folder: where the files lie; made with the first picture.
        days: how long a picture is kept, more than 0.
        most: how many are kept.
        most_bytes: how many bytes they may have together.
        now: tells the time, in seconds since 1970.
    """

    def __init__(
        self, folder: Path, days: float, most: int = MOST, most_bytes: int = MOST_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.days, self.most, self.most_bytes = folder, days, most, most_bytes
        self._now = now
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}  # by the digest of the pixels, of this process alone

    def keep(self, picture: Picture) -> OwnPicture:
        """Keep a picture of somebody's own from now on, and return it with its name here.

        Raises:
            InputError: it is no picture of somebody's own, or its file is gone.
            DataError: the folder cannot be written to.
        """
        if picture.own is None:
            raise InputError("only a picture of one's own has to be kept")
        name = self.known(picture.own).kept
        # A second for a large photograph, in which others are not kept waiting.
        data = b"" if name else images.encode_png(picture.load())
        with self._lock:
            try:
                if not name:
                    name = secrets.token_urlsafe(_NAME_BYTES)
                    self._write(name, data)
                    self._names[picture.own.identity.sha256] = name
                os.utime(self._path(name), (self._now(), self._now()))
                self._tidy()
            except OSError as error:
                raise DataError(
                    f"The picture cannot be kept: {error.strerror or error}. The link works "
                    "without it, for those who have the picture."
                ) from error
        return replace(picture.own, kept=name)

    def known(self, own: OwnPicture) -> OwnPicture:
        """Return a picture that somebody has here with its name, if it is being kept."""
        name = own.kept or self._names.get(own.identity.sha256, "")
        return replace(own, kept=name if self._lives(name) else "")

    def find(self, own: OwnPicture) -> Picture | None:
        """Return the kept picture that a link names; None where it has expired or never was."""
        with self._lock:
            self._tidy()
        if not self._lives(own.kept):
            return None
        draw = partial(self._read, own.kept)
        try:
            same = images.describe(draw()) == own.identity
        except (InputError, ImageError):
            return None
        return Picture(draw=draw, own=own) if same else None

    def until(self, name: str) -> datetime | None:
        """Return when a kept picture expires; None where it is not here."""
        if not _NAME.fullmatch(name):
            return None
        try:
            ends = self._path(name).stat().st_mtime + self.days * _DAY
        except FileNotFoundError:
            return None
        return datetime.fromtimestamp(ends, UTC) if self._now() < ends else None

    def tidy(self) -> None:
        """Remove what has expired, and the oldest ones beyond the bounds."""
        with self._lock:
            self._tidy()

    def _tidy(self) -> None:
        found = []
        for file in self.folder.glob("*.png"):
            with suppress(FileNotFoundError):  # another process may tidy as well
                state = file.stat()
                found.append((state.st_mtime, state.st_size, file))
        size = 0
        for place, (written, length, file) in enumerate(sorted(found, reverse=True)):
            size += length
            old = self._now() - written >= self.days * _DAY
            if old or place >= self.most or size > self.most_bytes:
                file.unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # In one step, so that nobody finds half a picture.
        with NamedTemporaryFile(dir=self.folder, suffix=".png", delete=False) as part:
            part.write(data)
        os.replace(part.name, self._path(name))

    def _read(self, name: str) -> np.ndarray:
        try:
            return images.decode_png(self._path(name).read_bytes())
        except OSError as error:
            raise InputError(
                "The picture is no longer kept here: bring it again."
            ) from error

    def _lives(self, name: str) -> bool:
        return self.until(name) is not None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.png"
