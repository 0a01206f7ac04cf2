"""Read the server-sent events of a chat completion, however the bytes were cut on their way."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from robust_r1.engine.endpoint import error_words
from robust_r1.engine.types import ListedToken

END = "[DONE]"
# What reading JSON of any other shape raises.
NOT_A_COMPLETION = (LookupError, TypeError, AttributeError, ValueError)
# Bytes of one event. A token is some hundred; a server that sends a megabyte sends something else.
_MAX_EVENT = 1_000_000
_FIELDS = (b"data:", b"error:")
_CALLS = ("tool_calls", "function_call")
_THOUGHTS = ("thinking", "reasoning")


class BrokenStream(Exception):
    """Report what came instead of the next piece, in words that follow "The endpoint"."""


class NotAnswered(Exception):
    """Report a reply that is whole and no answer, in words that follow "The endpoint"."""


@dataclass(frozen=True)
class Chunk:
    """Add what one event, or a reply as a whole, brings.

    Attributes:
        text: of the answer.
        thought: of what is thought before it, where the server keeps that apart.
        finish: why the answer ended; empty in all events but the last ones.
        tokens: so far; None in most events.
        listed: the likeliest tokens, where the server was asked for them.
        refusal: words in which the model refuses.
        refused: why there is no answer, in words that follow "The endpoint"; empty otherwise.
        whole: whether this is the answer from its beginning, whatever came before.
    """

    text: str = ""
    thought: str = ""
    finish: str = ""
    tokens: int | None = None
    listed: tuple[ListedToken, ...] = ()
    refusal: str = ""
    refused: str = ""
    whole: bool = False

    @property
    def why_refused(self) -> str:
        """Say why a reply is no answer, in words that follow "The endpoint"; empty where it is."""
        return self.refused or (f"would not answer ({self.refusal})" if self.refusal else "")


class EventReader:
    """Turn bytes into the data of whole events.

    Lines end with a line feed, with or without a carriage return. Other line separators of Unicode
    are text: servers write them into JSON as they are. Some servers give an error a field of its
    own, or write it into the stream as bare JSON.
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
            if line.startswith(_FIELDS):
                self._data.append(line.partition(b":")[2].removeprefix(b" "))
            elif line.startswith(b"{"):
                self._data.append(line)
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
    try:
        return read_completion(content, "failed while it was writing")
    except NOT_A_COMPLETION as error:
        raise BrokenStream("sent an event that is no piece of an answer") from error


def read_completion(content: Any, failed: str = "failed") -> Chunk:
    """Read the JSON of a chat completion, of one event or of a whole reply.

    Raises:
        BrokenStream: it reports an error; `failed` begins the sentence.
        LookupError, TypeError, AttributeError, ValueError: it is no chat completion, see
            NOT_A_COMPLETION.
    """
    if content.get("error") or ("choices" not in content and error_words(content)):
        raise BrokenStream(f"{failed} ({error_words(content) or 'no reason'})")
    told = (content.get("usage") or {}).get("completion_tokens")
    tokens = told if isinstance(told, int) else None
    choices = content["choices"]
    if not choices:  # the last event of some servers holds nothing but the usage
        return Chunk(tokens=tokens, finish="stop" if tokens else "")
    delta, message = choices[0].get("delta"), choices[0].get("message")
    said = delta or message or {}
    text, inner = _words(said.get("content"))
    outer, _ = _words(said.get("reasoning") or said.get("reasoning_content"))
    finish = choices[0].get("finish_reason") or ""
    if not isinstance(finish, str):
        raise TypeError("not text")
    return Chunk(
        text,
        outer or inner,
        finish,
        tokens,
        _listed(choices[0].get("logprobs")),
        refusal=_words(said.get("refusal"))[0],
        refused=_refused(finish, said),
        whole=bool(message and not delta),
    )


def _refused(finish: str, said: dict[str, Any]) -> str:
    """Say why there is no answer; empty where nothing stands against one."""
    if finish == "content_filter":
        return "took the answer away with its content filter"
    if finish in _CALLS or any(said.get(name) for name in _CALLS):
        return "called a tool instead of answering"
    return ""


def _words(content: Any) -> tuple[str, str]:
    """Return text and thought of a content: a text, none, or a list of parts of both kinds."""
    if content is None or isinstance(content, str):
        return content or "", ""
    if not isinstance(content, list):
        raise TypeError("not text")
    text: list[str] = []
    thought: list[str] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in _THOUGHTS:
            thought += _words(part.get(kind) or part.get("text"))
        else:
            text += [part] if isinstance(part, str) else _words(part.get("text"))
    return "".join(text), "".join(thought)


def _listed(logprobs: Any) -> tuple[ListedToken, ...]:
    """Read what a server tells of a piece's tokens; a wrong form raises what Python makes of it."""
    told = []
    for one in (logprobs or {}).get("content") or ():
        likely = {str(one["token"]): float(one["logprob"])}
        for other in one.get("top_logprobs") or ():
            likely[str(other["token"])] = float(other["logprob"])
        told.append(ListedToken(str(one["token"]), likely))
    return tuple(told)
