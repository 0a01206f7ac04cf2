"""Ask an OpenAI-compatible endpoint, so that nothing is asked twice and nothing is lost.

Each reply is kept in a file under the digest of what was asked, pictures included.
"""

import base64
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from robust_r1.engine.completions import Failure, Insistence
from robust_r1.engine.endpoint import Endpoint
from robust_r1.errors import ModelError
from train.aokvqa.annotators import Unusable
from train.common.journal import Journal

_REFUSED = 3  # questions refused by a server that has answered none: it would answer no other


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
        self._insistence = Insistence(endpoint)
        self._body = {key: value for key, value in body.items() if value is not None}
        self._refused = 0  # questions, before anything was answered

    async def __aenter__(self) -> Self:
        """Open what the connections come from."""
        await self._insistence.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._insistence.__aexit__(kind, error, trace)

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
            content = await self._reply({**body, "messages": [m.json() for m in messages]})
            seconds = round(time.monotonic() - begun, 2)
            reply = {"key": key, "step": step, "seconds": seconds, **content}
            self._replies.add(reply)
        if reply["refused"]:
            raise Unusable([f"the model would not write the {step}: {reply['refused']}"])
        return reply["text"]

    async def _reply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is kept of a reply, one in which the model refuses included."""
        try:
            reply = await self._insistence.ask(body)
        except Failure as failure:
            if failure.gone or failure.kind:
                raise StillOpen(failure.fault, failure.gone) from None
            if len(self._replies):
                raise Unusable([str(failure.fault)]) from None
            # What is wrong is no matter of this one question, most likely.
            self._refused += 1
            raise StillOpen(failure.fault, gone=self._refused >= _REFUSED) from None
        return {**asdict(reply), "refused": reply.refused and f"it {reply.refused}"}
