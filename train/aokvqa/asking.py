"""Ask an OpenAI-compatible endpoint, so that nothing is asked twice and nothing is lost.

Each reply is kept in a file under the digest of what was asked, pictures included. What fails on
the way is asked again after pauses that double, or when the server says; nobody asks meanwhile.
"""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import httpx

from robust_r1.engine.endpoint import Endpoint, retry_after
from robust_r1.engine.events import NOT_A_COMPLETION, BrokenStream, read_completion
from robust_r1.engine.transfer import client_options
from robust_r1.errors import ModelError
from train.aokvqa.annotators import Unusable
from train.common.journal import Journal

# Seconds before each further try, where the server names no time of its own.
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
LONGEST_WAIT = 120.0  # seconds; a server that wants longer pauses is not asked again by this call
_HELLOS = 1  # further tries to reach somebody who was never there
_STALLS = 2  # tries that may wait for the whole time-out
_LONGEST = 5  # times the time-out: what trickles longer than that is a stall as well
_GONE = (401, 403, 404, 405)  # key, right, model or path: no other question would fare better
_REFUSED = 3  # questions refused by a server that has answered none: it would answer no other
_PASSING = (408, 409, 425, 429)  # and all from 500 on


class StillOpen(Exception):
    """Report a question without an answer this time; `gone` where no other would get one."""

    def __init__(self, fault: ModelError, gone: bool = False) -> None:
        super().__init__(str(fault))
        self.fault, self.gone = fault, gone


@dataclass(frozen=True)
class Picture:
    """Hold a picture's file, as it is sent: its bytes and their media type."""

    data: bytes = field(repr=False)
    media: str

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

    def part(self) -> dict[str, Any]:
        """Return the part of a message that holds the picture."""
        code = base64.b64encode(self.data).decode("ascii")
        return {"type": "image_url", "image_url": {"url": f"data:{self.media};base64,{code}"}}


@dataclass(frozen=True)
class Message:
    """Hold one turn: "user" or "assistant", a text, and pictures before it."""

    role: str
    text: str
    pictures: tuple[Picture, ...] = ()

    def json(self) -> dict[str, Any]:
        """Return the turn as the protocol has it."""
        if not self.pictures:
            return {"role": self.role, "content": self.text}
        parts = [picture.part() for picture in self.pictures]
        return {"role": self.role, "content": [*parts, {"type": "text", "text": self.text}]}

    def told(self) -> list[Any]:
        """Return what fixes the turn, short."""
        return [self.role, self.text, *(picture.digest for picture in self.pictures)]


class Asker:
    """Ask an endpoint for texts; an async context manager, which closes its connections."""

    def __init__(self, endpoint: Endpoint, replies: Journal, body: Mapping[str, Any]) -> None:
        """Take where to ask, where to keep replies, and the body of every question.

        Args:
            replies: a journal by the key "key".
            body: temperature and the like; what is None there is not sent.
        """
        self._endpoint, self._replies = endpoint, replies
        self._body = {key: value for key, value in body.items() if value is not None}
        self._not_before = 0.0
        self._met = False  # whether anybody answered yet
        self._refused = 0  # questions, before anything was answered

    async def __aenter__(self) -> Self:
        """Open what the connections come from."""
        self._client = httpx.AsyncClient(**client_options(self._endpoint))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def ask(self, step: str, messages: Sequence[Message]) -> str:
        """Return the endpoint's text; `step` is what is asked for, for the report.

        Raises:
            Unusable: the endpoint refuses this question, and would again.
            StillOpen: no reply came; asked again later, one may.
        """
        body = {"model": self._endpoint.model, **self._body}
        asked = [body, *(message.told() for message in messages)]
        key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        reply = self._replies.get(key)
        if reply is None:
            begun = time.monotonic()
            content, tries = await self._insist({**body, "messages": [m.json() for m in messages]})
            told = {"key": key, "step": step, "tries": tries}
            reply = {**told, "seconds": round(time.monotonic() - begun, 2), **content}
            self._replies.add(reply)
        if reply["refused"]:
            raise Unusable([f"the model would not write the {step}: {reply['refused']}"])
        return reply["text"]

    async def _insist(self, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Ask until there is a reply, or it is certain that there is none; return the tries too."""
        data = json.dumps(body).encode()
        stalls = 0
        for tries, pause in enumerate((*PAUSES, None), 1):
            await self._wait_for_turn()
            try:
                return await self._try(data), tries
            except _Later as later:
                fault, gone, wait = later.fault, later.gone, later.wait
            except (httpx.TimeoutException, TimeoutError) as error:
                stall = error if isinstance(error, httpx.HTTPError) else httpx.ReadTimeout("")
                fault, wait = self._endpoint.connection_fault(stall), 0.0
                gone = isinstance(error, httpx.ConnectTimeout)
                stalls += 1
                if stalls >= _STALLS:
                    raise StillOpen(fault, gone) from None
            except httpx.HTTPError as error:
                fault, wait = self._endpoint.connection_fault(error), 0.0
                gone = isinstance(error, httpx.ConnectError)
                if gone and not self._met and tries > _HELLOS:
                    raise StillOpen(fault, gone) from None
            if pause is None or wait > LONGEST_WAIT:
                raise StillOpen(fault, gone or wait > LONGEST_WAIT)
            self._not_before = max(self._not_before, time.monotonic() + wait)
            await asyncio.sleep(0.0 if wait else pause)
        raise AssertionError("the last try returns or raises")

    async def _wait_for_turn(self) -> None:
        """Wait until the time that the server named to any question."""
        while (rest := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(rest)

    async def _try(self, data: bytes) -> dict[str, Any]:
        address = f"{self._endpoint.base}/chat/completions"
        headers = {"Content-Type": "application/json"}
        async with asyncio.timeout(_LONGEST * self._endpoint.timeout):
            response = await self._client.post(address, content=data, headers=headers)
        status, self._met = response.status_code, True
        if status == 200:
            return self._content(response)
        fault = self._endpoint.status_fault(status, response.headers, response.text)
        if status in _GONE or 300 <= status < 400:
            raise StillOpen(fault, gone=True)
        if status in _PASSING or status >= 500:
            raise _Later(fault, wait=retry_after(response.headers) or 0.0)
        if not len(self._replies):  # what is wrong is no matter of this one question, most likely
            self._refused += 1
            raise StillOpen(fault, gone=self._refused >= _REFUSED)
        raise Unusable([str(fault)])

    def _content(self, response: httpx.Response) -> dict[str, Any]:
        """Return text, refusal and tokens of a completion; raises _Later for anything else."""
        try:
            content = response.json()
            reply = read_completion(content)
        except BrokenStream as error:
            raise _Later(self._endpoint.stream_fault(str(error))) from None
        except NOT_A_COMPLETION:
            fault = self._endpoint.stream_fault("sent something else than a chat completion")
            raise _Later(fault) from None
        usage = content.get("usage") or {}
        tokens = {key: usage.get(key) for key in ("prompt_tokens", "completion_tokens")}
        refused = reply.refusal or (f"it {reply.refused}" if reply.refused else "")
        return {"text": reply.text, "refused": refused, **tokens}


class _Later(Exception):
    """Report a try that another one may better; `wait` is how many seconds the server asks for."""

    def __init__(self, fault: ModelError, wait: float = 0.0) -> None:
        super().__init__(str(fault))
        self.fault, self.gone, self.wait = fault, False, wait
