"""Read the server-sent events of a chat completion, however the bytes were cut on their way."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from robust_r1.engine.endpoint import error_words
from robust_r1.engine.types import ListedToken

END = "[DONE]"
# Bytes of one event. A token is some hundred; a server that sends a megabyte sends something else.
_MAX_EVENT = 1_000_000


class BrokenStream(Exception):
    """Report what came instead of the next piece, in words that follow "The endpoint"."""


@dataclass(frozen=True)
class Chunk:
    """Add what one event brings: text, the reason for the end, the tokens so far.

    `finish` is empty, and `tokens` None, in all events but the last ones. `listed` is there where
    the server was asked for it.
    """

    text: str = ""
    finish: str = ""
    tokens: int | None = None
    listed: tuple[ListedToken, ...] = ()


class EventReader:
    """Turn bytes into the data of whole events.

    Lines end with a line feed, with or without a carriage return. Other line separators of Unicode
    are text: servers write them into JSON as they are.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[str]:
        """Take the next bytes and yield the data of the events that they complete.

        Raises BrokenStream for an event that is too long, or not UTF-8.
        """
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield self._event()
        if len(self._pending) + sum(map(len, self._data)) > _MAX_EVENT:
            raise BrokenStream("sent an event of more than a megabyte")

    def close(self) -> Iterator[str]:
        """Yield the last event, if no empty line followed it."""
        return self.feed(b"\n\n")

    def _event(self) -> str:
        data, self._data = b"\n".join(self._data), []
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise BrokenStream("sent an event that is not UTF-8") from error


def read_chunk(data: str) -> Chunk:
    """Read one event of a chat completion.

    Raises BrokenStream for an error that the server reports, and for what is no such event.
    """
    if data.strip() == END:
        return Chunk(finish="stop")
    try:
        content = json.loads(data)
    except ValueError as error:
        raise BrokenStream("sent an event that is no JSON") from error
    if not isinstance(content, dict):
        raise BrokenStream("sent an event that is no piece of an answer")
    if content.get("error"):
        raise BrokenStream(f"failed while it was writing ({error_words(content) or 'no reason'})")
    try:
        usage = content.get("usage") or {}
        tokens = usage.get("completion_tokens")
        choices = content["choices"]
        if not choices:  # the last event of some servers holds nothing but the usage
            return Chunk(tokens=tokens)
        text = (choices[0].get("delta") or {}).get("content") or ""
        finish = choices[0].get("finish_reason") or ""
        if not (isinstance(text, str) and isinstance(finish, str)):
            raise TypeError("not text")
        told = tokens if isinstance(tokens, int) else None
        return Chunk(text, finish, told, _listed(choices[0].get("logprobs")))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise BrokenStream("sent an event that is no piece of an answer") from error


def _listed(logprobs: Any) -> tuple[ListedToken, ...]:
    """Read what a server tells of a piece's tokens; a wrong form raises what Python makes of it."""
    told = []
    for one in (logprobs or {}).get("content") or ():
        likely = {str(one["token"]): float(one["logprob"])}
        for other in one.get("top_logprobs") or ():
            likely[str(other["token"])] = float(other["logprob"])
        told.append(ListedToken(str(one["token"]), likely))
    return tuple(told)
