"""Carry questions to an endpoint and its answers back, in a thread that can be cut at any moment.

The thread runs an event loop: a task that waits for a connection, a first byte or the next one can
be cancelled there, and the connection is closed with it. A blocking read could only be waited for.
"""

import asyncio
import contextlib
import ipaddress
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from robust_r1.engine.endpoint import CONNECT_TIMEOUT, Endpoint
from robust_r1.engine.events import BrokenStream, Chunk, EventReader, read_chunk
from robust_r1.errors import ModelError

# Seconds before each further try, where no connection came about: nothing was asked yet, so nothing
# is asked twice. A server that restarts is back within seconds.
RETRIES = (0.3, 1.0)
_MAX_ERROR = 20_000  # bytes of an error's text that are read


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
    """Ask an endpoint one or several questions; a context manager, which cuts what still runs."""

    def __init__(self, endpoint: Endpoint, bodies: Sequence[dict[str, Any]], at_once: int = 1):
        """Take the JSON bodies of the questions, of which `at_once` are asked at a time."""
        self._endpoint = endpoint
        self._bodies = bodies
        self._at_once = at_once
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None]
        self._thread = threading.Thread(target=self._run, name="endpoint", daemon=True)

    def __enter__(self) -> Self:
        """Start asking."""
        self._task = self._loop.create_task(self._ask_all())
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Close every connection and wait for the thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: all had ended
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def wait(self, seconds: float) -> Arrival | None:
        """Return the next arrival; None where nothing came within so many seconds."""
        try:
            return self._arrivals.get(timeout=seconds)
        except queue.Empty:
            return None

    def _run(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        finally:
            self._loop.close()

    async def _ask_all(self) -> None:
        gate = asyncio.Semaphore(self._at_once)
        options = client_options(self._endpoint)
        async with httpx.AsyncClient(**options) as client, asyncio.TaskGroup() as group:
            for number in range(len(self._bodies)):
                group.create_task(self._ask(client, gate, number))

    async def _ask(self, client: httpx.AsyncClient, gate: asyncio.Semaphore, number: int) -> None:
        fault: ModelError | None = None
        async with gate:
            try:
                await self._exchange(client, number)
            except httpx.HTTPError as error:
                fault = self._endpoint.connection_fault(error)
            except BrokenStream as error:
                fault = self._endpoint.stream_fault(str(error))
            except ModelError as error:
                fault = error
            except Exception as error:  # an answer that never ended would be waited for
                fault = self._endpoint.stream_fault(f"could not be read ({type(error).__name__})")
        self._arrivals.put(Arrival(number, ended=True, fault=fault))

    async def _exchange(self, client: httpx.AsyncClient, number: int) -> None:
        response = await self._open(client, self._bodies[number])
        try:
            if response.status_code != 200:
                body = await _head(response)
                raise self._endpoint.status_fault(response.status_code, response.headers, body)
            if "text/event-stream" not in response.headers.get("content-type", ""):
                raise BrokenStream("does not stream chat completions; check its address")
            await self._read(response, number)
        finally:
            await response.aclose()

    async def _open(self, client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
        request = client.build_request("POST", f"{self._endpoint.base}/chat/completions", json=body)
        for pause in RETRIES:
            try:
                return await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                await asyncio.sleep(pause)
        return await client.send(request, stream=True)

    async def _read(self, response: httpx.Response, number: int) -> None:
        reader, finished = EventReader(), False
        async for data in response.aiter_bytes():
            finished = self._take(reader.feed(data), number) or finished
        if not (self._take(reader.close(), number) or finished):
            raise BrokenStream("ended its answer half way")

    def _take(self, events: Iterable[str], number: int) -> bool:
        """Hand events over, and tell whether one of them was the last of the answer."""
        finished = False
        for data in events:
            chunk = read_chunk(data)
            finished = finished or bool(chunk.finish)
            self._arrivals.put(Arrival(number, chunk))
        return finished


def list_models(endpoint: Endpoint) -> list[str]:
    """Ask an endpoint for the names of its models; empty where it does not tell.

    Raises ModelError where it cannot be reached or refuses the key.
    """
    with httpx.Client(**client_options(endpoint)) as client:
        response = _look(client, endpoint)
    if response is None:
        return []
    if response.status_code in (401, 403):
        raise endpoint.status_fault(response.status_code, response.headers, response.text)
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
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
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
