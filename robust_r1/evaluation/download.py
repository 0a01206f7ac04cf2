"""Fetch one large file, so that nothing is lost when it is stopped, and nothing false is kept.

What has come stands in NAME.part until the whole is there and is what it should be. A fetch that
was cut off, killed or ran out of room goes on where it was: by the checksum if there is one, which
would find two states of a file patched together, else only while the server says that the file is
still the same.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from robust_r1.engine.hub import HubFile, data_file
from robust_r1.errors import InputError
from robust_r1.evaluation.entries import Known
from robust_r1.evaluation.lock import waited

Told = Callable[[int, int, int | None], object]
# Bytes that are here, how many of them this process got, and how many there are in all.

_TRIES = 5  # in a row that bring nothing
_PAUSE = 0.5  # seconds before the second of these, doubled each time
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # worth another try
_CHUNK = 2**20


@dataclass(frozen=True)
class Remote:
    """Say where a file is to be had, and how to know it.

    Attributes:
        url: http or https.
        headers: what the request needs.
        size: in bytes; None where nobody knows.
        checksums: in hex by name, "md5" or "sha256"; empty where nobody knows one.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    size: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fetched:
    """Describe a file that was fetched.

    Attributes:
        size: in bytes.
        sha256: its own, in hex.
        checked: the names of the checksums that it was held against.
    """

    path: Path
    size: int
    sha256: str
    checked: tuple[str, ...]


class _CutOff(Exception):
    """Say why an attempt ended before the file did; another one may go on."""


class _Differs(Exception):
    """Say in what way a file is not the one it should be."""


def remote_of(known: Known) -> Remote:
    """Return where the file of a benchmark is to be fetched; the hub is asked for what lies there.

    Raises:
        InputError: the program cannot fetch it, or the hub cannot be asked.
    """
    if known.url:
        return Remote(known.url, checksums=known.checksums)
    if known.hub is None or not known.hub.file:
        reason = known.by_hand or "--download cannot fetch it, since its entry has no address"
        there = f"; it is to be had at {known.where}" if known.where else ""
        raise InputError(f"{known.name}: {reason}{there}")
    return remote_of_hub(data_file(known.hub.repo, known.hub.file, known.hub.revision), known)


def remote_of_hub(file: HubFile, known: Known | None = None) -> Remote:
    """Return where a file of the hub's is to be fetched; a benchmark's own checksums count too."""
    theirs = {"sha256": file.sha256} if file.sha256 else {}
    checksums = {**theirs, **(known.checksums if known else {})}
    return Remote(file.url, file.headers, file.size, checksums)


def fetch_file(
    remote: Remote, path: Path, told: Told | None = None, waits: Callable[[], object] = lambda: None
) -> Fetched | None:
    """Fetch a file, going on with what an earlier attempt left.

    Args:
        remote: what is fetched.
        path: where to; its folder is made if need be.
        told: called as bytes come.
        waits: called once if another process fetches the same file, for which this one waits.

    Returns:
        What was fetched; None where another process has done it meanwhile.

    Raises:
        InputError: the server does not have the file or cannot be reached, the file is not the one
            it should be, or it cannot be written here. What had come is kept, but for a false file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with waited(lock, waits):
        if path.exists():
            return None
        part = _Part(path)
        begun = part.size > 0
        try:
            fetched = _whole(remote, part, told)
        except _Differs as first:
            part.drop()
            if not begun:  # nothing of an earlier state can have slipped in
                raise _false(remote, path, first) from first
            try:
                fetched = _whole(remote, part, told)
            except _Differs as second:
                part.drop()
                raise _false(remote, path, second) from second
        part.keep()
        lock.unlink(missing_ok=True)
    return fetched


class _Part:
    """Hold what has come of a file, and what the server said of the file's state."""

    def __init__(self, path: Path) -> None:
        self.target = path
        self.path = path.with_name(f"{path.name}.part")
        self._note = path.with_name(f"{path.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def state(self) -> str:
        """Return the state that the bytes are of, as the server called it; empty if unknown."""
        try:
            return str(json.loads(self._note.read_text("utf-8"))["state"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def note(self, state: str) -> None:
        self._note.write_text(json.dumps({"state": state}) + "\n", "utf-8")

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def keep(self) -> None:
        os.replace(self.path, self.target)
        self._note.unlink(missing_ok=True)


def _whole(remote: Remote, part: _Part, told: Told | None) -> Fetched:
    """Get the file to its end, and check it; raises _Differs where it is another one."""
    start, failures = part.size, 0
    while True:
        before = part.size
        try:
            total = _attempt(remote, part, before - start, told)
            break
        except _CutOff as error:
            failures = 0 if part.size > before else failures + 1
            if failures >= _TRIES:
                raise InputError(_stopped(remote, part, str(error))) from error
            time.sleep(_PAUSE * 2**failures)
    size = part.size
    for wanted in (total, remote.size):
        if wanted is not None and size != wanted:
            raise _Differs(f"it has {size} bytes, not {wanted}")
    found = checksums_of(part.path, {"sha256", *remote.checksums})
    for name, known in remote.checksums.items():
        if found[name] != known.lower():
            raise _Differs(f"its {name} is {found[name]}, not {known.lower()}")
    return Fetched(part.target, size, found["sha256"], tuple(remote.checksums))


def _attempt(remote: Remote, part: _Part, got: int, told: Told | None) -> int | None:
    """Ask once, and write what comes; return the size of the whole if the server says it.

    Args:
        got: bytes that this process has got before.
    """
    have = part.size
    if have and have == remote.size:
        return have
    headers = {**remote.headers, "Accept-Encoding": "identity"}
    if have and (remote.checksums or part.state):
        headers["Range"] = f"bytes={have}-"
        if not remote.checksums:
            headers["If-Range"] = part.state
    with _asked(remote, part, headers) as response:
        if response.status_code == 416:  # nothing follows: this is the whole, or was another file
            if _length(response.headers.get("Content-Range", "")) == have:
                return have
            part.drop()
            raise _CutOff("what was here is not the beginning of the file")
        start = have if response.status_code == 206 else 0
        total = _total(response, start)
        with _writing(part, total, start):
            part.note(_state(response))
            _write(response, part, start, total, got, told)
    return total


@contextmanager
def _asked(remote: Remote, part: _Part, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
    """Ask for a file, and make sure that what is answered is a file."""
    client = httpx.Client(follow_redirects=True, timeout=_TIMEOUT)
    try:
        with client, client.stream("GET", remote.url, headers=headers) as response:
            if remote.url.startswith("https:") and response.url.scheme != "https":
                raise InputError(f"{remote.url} leads to {response.url}, which nothing protects")
            if response.status_code not in (200, 206, 416):
                raise _refusal(remote, part, response.status_code)
            kind = response.headers.get("Content-Type", "")
            if kind.startswith("text/html") and response.status_code == 200:
                raise InputError(
                    f"{remote.url} answers with a web page, not with {part.target.name}; look there"
                )
            yield response
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
        raise InputError(f"{remote.url} cannot be asked for: {error}; correct it") from error
    except httpx.HTTPError as error:
        raise _CutOff(str(error) or type(error).__name__) from error


def _refusal(remote: Remote, part: _Part, status: int) -> Exception:
    if status in _BUSY:
        return _CutOff(f"the server says {status}")
    if status in (401, 403):
        return InputError(
            f"{remote.url} wants your leave ({status}): accept its terms there and log in, or put "
            f"{part.target.name} into {part.target.parent} by hand"
        )
    what = "is not there" if status in (404, 410) else "cannot be fetched"
    return InputError(
        f"{remote.url} {what} ({status}); look whether it was moved, and put {part.target.name} "
        f"into {part.target.parent} by hand"
    )


def _write(
    response: httpx.Response,
    part: _Part,
    start: int,
    total: int | None,
    got: int,
    told: Told | None,
) -> None:
    done = start
    with part.path.open("r+b" if part.path.exists() else "wb") as file:
        file.truncate(start)
        file.seek(start)
        if told:
            told(done, got, total)
        for chunk in response.iter_raw():
            file.write(chunk)
            done, got = done + len(chunk), got + len(chunk)
            if told:
                told(done, got, total)


@contextmanager
def _writing(part: _Part, total: int | None, start: int) -> Iterator[None]:
    """Make sure that there is room, and say in one sentence what the system refuses."""
    free, missing = shutil.disk_usage(part.target.parent).free, (total or 0) - start
    if missing > free:
        raise InputError(
            f"{part.target.parent} has {free / 1e6:.1f} MB free, and {missing / 1e6:.1f} MB of "
            f"{part.target.name} are to come; make room, or give another folder with --data"
        )
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{part.path} could not be written: {error.strerror or error}; make room: the same "
            f"command goes on after the {part.size / 1e6:.1f} MB that are there"
        ) from error


def _stopped(remote: Remote, part: _Part, reason: str) -> str:
    if not part.size:
        return f"{remote.url} could not be reached ({reason}); try again later"
    return (
        f"{remote.url} was cut off after {part.size / 1e6:.1f} MB ({reason}); the same command "
        "goes on from there"
    )


def _false(remote: Remote, path: Path, difference: _Differs) -> InputError:
    return InputError(
        f"{remote.url} is not the {path.name} that was expected: {difference}; it was not kept. If "
        f"you know that it is right, put it into {path.parent} by hand"
    )


def _state(response: httpx.Response) -> str:
    """Return what If-Range takes: a strong ETag, or a date; empty where there is neither."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _total(response: httpx.Response, start: int) -> int | None:
    """Return the size of the whole file; None where the server does not say."""
    if response.status_code == 206:
        ranged = response.headers.get("Content-Range", "")
        if not ranged.startswith(f"bytes {start}-"):
            raise _CutOff("the server sent another part than it was asked for")
        return _length(ranged)
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _length(ranged: str) -> int | None:
    """Return the size of the whole file by a Content-Range: "bytes 5-9/10", "bytes */10"."""
    length = ranged.rpartition("/")[2]
    return int(length) if length.isdecimal() else None


def checksums_of(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Compute checksums of a file, in hex by their names: "md5", "sha256"."""
    hashes: dict[str, Any] = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            for one in hashes.values():
                one.update(chunk)
    return {name: one.hexdigest() for name, one in hashes.items()}
