"""Carry questions to an endpoint and its answers back, in a thread that can be cut at any moment.

The thread runs an event loop: a task that waits for a connection, a first byte or the next one can
be cancelled there, and the connection is closed with it. A blocking read could only be waited for.
"""

import asyncio
import contextlib
import ipaddress
import json
import queue
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from robust_r1.engine.endpoint import CONNECT_TIMEOUT, Endpoint, other_root, retry_after
from robust_r1.engine.events import BrokenStream, Chunk, NotAnswered
from robust_r1.engine.reply import ReplyReader
from robust_r1.errors import ModelError

# Seconds before each further try, where no connection came about: nothing was asked yet, so nothing
# is asked twice. A server that restarts is back within seconds.
RETRIES = (0.3, 1.0)
_MAX_ERROR = 20_000  # bytes of an error's text that are read
_NOT_THERE = (httpx.ConnectError, httpx.ConnectTimeout)
_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
_BUSY = (429, 503)  # too many questions; not now
_UNKNOWN = (400, 404)  # of a model that is not served, among others


@dataclass(frozen=True)
class Patience:
    """Say how long a server that has too much to do is waited for.

    Attributes:
        tries: how often it is asked at most, 1 or more.
        first: seconds before the second try where the server names none; each further wait is
            twice as long.
        most: seconds that are waited at a time; a server that wants more is given up.
    """

    tries: int = 1
    first: float = 1.0
    most: float = 120.0

    def wait(self, tried: int, headers: Mapping[str, str], rng: random.Random) -> float | None:
        """Return the seconds before the next try, after `tried` ones; None to give up.

        At least what the server's Retry-After says, and up to a quarter more, so that those who
        were refused together do not come back together.
        """
        if tried >= self.tries:
            return None
        asked = retry_after(headers)
        if asked is not None and asked > self.most:
            return None
        usual = min(self.most, self.first * 2 ** (tried - 1))
        return (usual if asked is None else asked) + rng.random() * usual / 4


@dataclass(frozen=True)
class Arrival:
    """Report what has come for one of the questions: a piece, or, at its end, what went wrong.

    `ended` marks the last arrival of a question; `fault` is None where it ended well.
    """

    question: int
    chunk: Chunk = Chunk()
    ended: bool = False
    fault: ModelError | None = None


class Transfer:
    """Ask an endpoint questions at the same time; a context manager, which cuts what still runs."""

    def __init__(self, endpoint: Endpoint, patience: Patience | None = None):
        """Take the endpoint, and how it is waited for where it is busy: not at all by default."""
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(**client_options(endpoint))
        self._asking: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="endpoint", daemon=True)

    def __enter__(self) -> Self:
        """Be ready to ask."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Close every connection and wait for the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def ask(self, number: int, body: dict[str, Any]) -> None:
        """Ask a question by its JSON body, at once; its arrivals bear the number."""
        self._loop.call_soon_threadsafe(self._begin, number, body)

    def cut(self, number: int) -> None:
        """Cut a question, unless it has ended; what came of it before may still arrive."""
        self._loop.call_soon_threadsafe(self._end, number)

    def wait(self, seconds: float) -> Arrival | None:
        """Return the next arrival; None where nothing came within so many seconds."""
        try:
            return self._arrivals.get(timeout=seconds)
        except queue.Empty:
            return None

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._cut())
        finally:
            self._loop.close()

    async def _cut(self) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._client.aclose()

    def _begin(self, number: int, body: dict[str, Any]) -> None:
        task = self._loop.create_task(self._ask(number, body), name=str(number))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _end(self, number: int) -> None:
        for task in self._asking:
            if task.get_name() == str(number):
                task.cancel()

    async def _ask(self, number: int, body: dict[str, Any]) -> None:
        fault: ModelError | None = None
        try:
            await self._exchange(number, body)
        except httpx.HTTPError as error:
            fault = self._endpoint.connection_fault(error)
        except BrokenStream as error:
            fault = self._endpoint.stream_fault(str(error))
        except NotAnswered as error:
            fault = self._endpoint.no_answer(str(error))
        except ModelError as error:
            fault = error
        except Exception as error:  # an answer that never ended would be waited for
            fault = self._endpoint.stream_fault(f"could not be read ({type(error).__name__})")
        self._arrivals.put(Arrival(number, ended=True, fault=fault))

    async def _exchange(self, number: int, body: dict[str, Any]) -> None:
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        rng, tried = random.Random(content), 0
        while True:
            response = await self._open(content)
            tried += 1
            try:
                if response.status_code == 200:
                    # What ends at a text of the caller's may have none before it.
                    return await self._read(response, number, ReplyReader("stop" in body))
                status, headers = response.status_code, response.headers
                text = await _head(response)
                busy = status in _BUSY
                pause = self._patience.wait(tried, headers, rng) if busy else None
                if pause is None:
                    served = await self._served() if status in _UNKNOWN else []
                    raise self._endpoint.status_fault(status, headers, text, served)
            finally:
                await response.aclose()
            await asyncio.sleep(pause)

    async def _open(self, content: bytes) -> httpx.Response:
        request = self._client.build_request(
            "POST",
            f"{self._endpoint.base}/chat/completions",
            content=content,
            headers={"Content-Type": "application/json"},
        )
        # A connection that was kept open may close as it is used again: work goes on by another.
        again = _NOT_THERE if self._patience.tries == 1 else (*_NOT_THERE, *_BROKEN)
        for pause in RETRIES:
            try:
                return await self._client.send(request, stream=True)
            except again:
                await asyncio.sleep(pause)
        return await self._client.send(request, stream=True)

    async def _read(self, response: httpx.Response, number: int, reader: ReplyReader) -> None:
        async for data in response.aiter_bytes():
            for chunk in reader.feed(data):
                self._arrivals.put(Arrival(number, chunk))
        for chunk in reader.close():
            self._arrivals.put(Arrival(number, chunk))

    async def _served(self) -> list[str]:
        """Return the models that the endpoint lists, for a sentence; none where it does not."""
        try:
            response = await self._client.get(f"{self._endpoint.base}/models")
        except httpx.HTTPError:
            return []
        return _names(response)


def look_up(endpoint: Endpoint) -> tuple[Endpoint, list[str]]:
    """Ask an endpoint for the names of its models; none where it does not tell.

    An address that lists none, and does with /v1 at its end, or without, becomes that one.
    Raises ModelError where it cannot be reached or refuses the key.
    """
    with httpx.Client(**client_options(endpoint)) as client:
        for place in (endpoint, other_root(endpoint)):
            response = _look(client, place)
            if response is None:
                break
            if response.status_code in (401, 403):
                raise place.status_fault(response.status_code, response.headers, response.text)
            if names := _names(response):
                return place, names
    return endpoint, []


def _names(response: httpx.Response) -> list[str]:
    """Read a list of models; empty where it is none."""
    try:
        return [str(entry["id"]) for entry in response.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return []


def _look(client: httpx.Client, endpoint: Endpoint) -> httpx.Response | None:
    """Ask for the list of models; None where the endpoint is there, but does not answer that."""
    pauses = iter(RETRIES)
    while True:
        try:
            return client.get(f"{endpoint.base}/models")
        except _NOT_THERE as error:
            if (pause := next(pauses, None)) is None:
                raise endpoint.connection_fault(error) from error
            time.sleep(pause)
        except httpx.HTTPError:  # it took the connection: busy, perhaps
            return None


def client_options(endpoint: Endpoint) -> dict[str, Any]:
    """Return what every client needs: redirects are not followed, they would take the key along.

    Proxies of the environment are for addresses elsewhere, not for this machine or its network.
    """
    return {
        "headers": endpoint.headers,
        "timeout": httpx.Timeout(endpoint.timeout, connect=CONNECT_TIMEOUT),
        "follow_redirects": False,
        "limits": httpx.Limits(max_connections=None),  # whoever asks says how many at a time
        # The certificates of the world take 30 ms to read, and http:// needs none.
        "verify": endpoint.base.lower().startswith("https:"),
        "trust_env": not _is_near(urlsplit(endpoint.base).hostname or ""),
    }


async def _head(response: httpx.Response) -> str:
    """Read the beginning of an error's text."""
    text = b""
    with contextlib.suppress(httpx.HTTPError):
        async for data in response.aiter_bytes():
            text += data
            if len(text) > _MAX_ERROR:
                break
    return text.decode("utf-8", "replace")


def _is_near(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host
    return address.is_private or address.is_loopback
