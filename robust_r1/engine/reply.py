"""Read what an endpoint sends for a question: a stream of events, or all at once, as it comes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from robust_r1.chain import SECTIONS, open_tag
from robust_r1.engine.events import (
    NOT_A_COMPLETION,
    BrokenStream,
    Chunk,
    EventReader,
    NotAnswered,
    read_chunk,
    read_completion,
)

# Bytes of a reply that comes all at once: of the longest answer, with the likeliest tokens listed.
_MAX_WHOLE = 16_000_000
_NO_COMPLETION = "does not stream chat completions; check its address"


class ReplyReader:
    """Turn the bytes of a reply into chunks, and tell at its end whether it was an answer.

    What it is shows in its first sign, not in its header: servers that do not stream answer with
    one JSON completion, and some label it as they please.
    """

    def __init__(self, may_be_empty: bool = False) -> None:
        """Take whether an answer without a word is one."""
        self._may_be_empty = may_be_empty
        self._start = b""
        self._body: bytearray | None = None
        self._events = EventReader()
        self._text = self._thought = self._refusal = self._refused = self._finish = ""

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """Take the next bytes and yield what they bring.

        Raises BrokenStream for what is no part of an answer, an error that the server reports
        included.
        """
        if self._body is not None:
            self._body += data
            if len(self._body) > _MAX_WHOLE:
                raise BrokenStream(f"sent a reply of more than {_MAX_WHOLE // 10**6} megabytes")
            return
        if not self._start:
            data = data.lstrip(b"\xef\xbb\xbf \r\n")
            self._start = data[:1]
        if self._start == b"{":
            self._body = bytearray()
            yield from self.feed(data)
        elif self._start == b"<":
            raise BrokenStream(_NO_COMPLETION)
        else:
            yield from self._read(map(read_chunk, self._events.feed(data)))

    def close(self) -> Iterator[Chunk]:
        """Yield what was still waiting, now that nothing follows.

        Raises:
            BrokenStream: the reply is not whole, or changed its mind.
            NotAnswered: it is, and is no answer.
        """
        if self._body is None:
            yield from self._read(map(read_chunk, self._events.close()))
        else:
            chunk = _read_body(bytes(self._body))
            yield from self._read([replace(chunk, finish=chunk.finish or "stop")])
        if why := Chunk(refusal=self._refusal, refused=self._refused).why_refused:
            raise NotAnswered(why)
        if not self._finish:
            raise BrokenStream("ended its answer half way" if self._start else "sent nothing")
        if not (self._text.strip() or self._may_be_empty) and (why := self._why_empty()):
            raise NotAnswered(why)

    def _read(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            if chunk.whole:
                chunk = replace(
                    chunk,
                    text=_rest(self._text, chunk.text),
                    thought=_rest(self._thought, chunk.thought),
                )
            self._text += chunk.text
            self._thought += chunk.thought
            self._refusal += chunk.refusal
            self._refused = self._refused or chunk.refused
            self._finish = self._finish or chunk.finish
            yield chunk

    def _why_empty(self) -> str:
        """Say why there is no text; empty where what was thought stands for one, or is cut off."""
        if any(open_tag(section) in self._thought for section in SECTIONS):
            return ""
        if self._finish == "length":
            few = "reached the longest answer that it is allowed before it wrote a word"
            return "" if self._thought.strip() else few
        return "thought, and wrote no answer" if self._thought.strip() else "answered nothing"


def _rest(before: str, whole: str) -> str:
    """Return what a whole text adds to what came of it before."""
    if not whole.startswith(before):
        raise BrokenStream("wrote one thing first and another at the end")
    return whole[len(before) :]


def _read_body(body: bytes) -> Chunk:
    try:
        return read_completion(json.loads(body))
    except NOT_A_COMPLETION as error:
        raise BrokenStream(_NO_COMPLETION) from error
