"""Replies as endpoints send them, by the name of the model that sends them: data for a server.

What a model says is written down once, in `SAID`, and sent as a stream by the model `NAME` and at
once, as one JSON completion, by `NAME@whole`. `RAW` are replies byte by byte.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

CHAIN = (
    "<TYPE>lens blur(0.35)<TYPE_END><INFLUENCE>Soft.<INFLUENCE_END><REASONING>A cup.<REASONING_END>"
    "<CONCLUSION>So a cup.<CONCLUSION_END><ANSWER>cup<ANSWER_END>"
)
HALF = len(CHAIN) // 2
_SENTENCE = "Café, 12 °C \N{GRINNING FACE}."


@dataclass(frozen=True)
class Played:
    """Hold a reply: status, type, the pieces of its body as they are sent, and how it ends."""

    pieces: tuple[bytes, ...]
    status: int = 200
    type: str = "text/event-stream; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks: bool = False


@dataclass(frozen=True)
class Said:
    """Hold what a model says: the deltas of its message, why it ends, and the tokens it counts."""

    deltas: tuple[dict[str, Any], ...]
    finish: str | None = "stop"
    tokens: int = 21


def _content(*pieces: str) -> tuple[dict[str, Any], ...]:
    return tuple({"content": piece} for piece in pieces)


def _parts(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text} for text in texts]


_CALL = {"tool_calls": [{"index": 0, "function": {"name": "look", "arguments": "{}"}}]}
SAID = {
    "plain": Said(_content(CHAIN[:HALF], CHAIN[HALF:])),
    "null": Said(({"role": "assistant", "content": None}, *_content(CHAIN, "")), finish=""),
    "reasoning": Said(({"reasoning": "A cup? "}, {"reasoning": "Yes."}, *_content(CHAIN))),
    "reasoning_content": Said(
        ({"content": None, "reasoning_content": "A cup? Yes."}, *_content(CHAIN))
    ),
    "both-fields": Said(
        ({"reasoning": "A cup? Yes.", "reasoning_content": "A cup? Yes."}, *_content(CHAIN))
    ),
    "chain-thought": Said(({"reasoning": CHAIN[:HALF]}, {"reasoning": CHAIN[HALF:]})),
    "chain-thought-then-words": Said(
        ({"reasoning_content": CHAIN.partition("<ANSWER>")[0]}, *_content("A cup."))
    ),
    "closing-tag": Said(_content("I write <TYPE>", "x.</thi", f"nk>\n{CHAIN}")),
    "parts": Said(({"content": _parts(CHAIN[:HALF], CHAIN[HALF:-3])}, {"content": [CHAIN[-3:]]})),
    "parts-thinking": Said(
        (
            {"content": [{"type": "thinking", "thinking": _parts("A cup? Yes.")}]},
            {"content": _parts(CHAIN)},
        )
    ),
    "filter": Said(({"content": ""},), "content_filter"),
    "filter-later": Said(_content(CHAIN[:HALF]), "content_filter"),
    "tool": Said(({"content": None}, _CALL), "tool_calls"),
    "refusal": Said(({"refusal": "I will not "}, {"refusal": "say."})),
    "empty": Said(({"content": ""},)),
    "blank": Said(_content("\n ")),
    "null-forever": Said(({"content": None},), None),
    "thought-only": Said(({"reasoning": "A cup? Yes."},)),
    "thought-too-long": Said(({"reasoning": "A cup? Or"},), "length"),
    "nothing-in-time": Said(({"content": ""},), "length"),
}


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"


def _delta(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return _event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _streamed(said: Said) -> Iterator[bytes]:
    """Yield the events, the last one with usage and no choices."""
    yield from (_delta(delta) for delta in said.deltas)
    yield _delta({}, said.finish)
    yield _event({"choices": [], "usage": {"completion_tokens": said.tokens}})
    yield b"data: [DONE]\n\n"


def _whole(said: Said) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    for delta in said.deltas:
        for key, value in delta.items():
            if value:
                message[key] = message[key] + value if message.get(key) else value
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
    return json.dumps({"choices": [choice], "usage": {"completion_tokens": said.tokens}}).encode()


def _json(status: int, content: dict[str, Any], **headers: str) -> Played:
    return Played((json.dumps(content).encode(),), status, "application/json", headers)


_BEGUN, _DONE = _delta({"content": CHAIN[:HALF]}), b"data: [DONE]\n\n"
_REST = _delta({"content": CHAIN[HALF:]})
_ENDED = _delta({}, "stop")
_UTF8 = _delta({"content": _SENTENCE})
_IN_FACE = _UTF8.index("\N{GRINNING FACE}".encode()) + 2
_NO_SIGHT = "image input is not supported - hint: you may need to provide the mmproj"
RAW = {
    "crlf": Played(
        (b": hello\r\n\r\nevent: x\r\n", (_BEGUN + _REST + _ENDED).replace(b"\n", b"\r\n"), b": \n")
    ),
    "utf8": Played((_UTF8[:_IN_FACE], _UTF8[_IN_FACE:], _ENDED, _DONE)),
    "no-done": Played((_BEGUN, _REST, _ENDED)),
    "no-reason": Played((_BEGUN, _REST, _DONE)),
    "usage-alone": Played(
        (_BEGUN, _REST, _event({"choices": [], "usage": {"completion_tokens": 9}}))
    ),
    "one-packet": Played((_BEGUN + _REST + _ENDED + _DONE,)),
    "labelled-wrongly": Played((_whole(SAID["plain"]),)),
    "streamed-as-json": Played((_BEGUN, _REST, _ENDED), type="application/json"),
    "whole-at-the-end": Played((_BEGUN, _REST, b"data: " + _whole(SAID["plain"]) + b"\n\n", _DONE)),
    "error-body": _json(200, {"error": {"message": "out of memory"}}),
    "error-body-vllm": _json(200, {"object": "error", "message": "out of memory", "code": 400}),
    "error-event": Played((_event({"error": {"message": "out of memory"}}),)),
    "error-field": Played((_BEGUN, b'error: {"code": 500, "message": "out of memory"}\n\n')),
    "error-bare": Played((_BEGUN, b'{"error": {"message": "out of memory"}}\n')),
    "error-midway": Played((_BEGUN, _event({"error": {"message": "out of memory"}}), _DONE)),
    "cut-midway": Played((_BEGUN,), breaks=True),
    "cut-whole": Played((_whole(SAID["plain"])[:40],), type="application/json", breaks=True),
    "half-whole": Played((_whole(SAID["plain"])[:40],), type="application/json"),
    "page-midway": Played((_BEGUN, b"<html>502 Bad Gateway</html>\n")),
    "another-midway": Played(
        (_BEGUN, b'data: {"choices": [{"message": {"content": "A dog."}}]}\n\n', _DONE)
    ),
    "tool-midway": Played((_BEGUN, _delta(_CALL), _delta({}, "tool_calls"), _DONE)),
    "html": Played((b"<!DOCTYPE html>",), type="text/html"),
    "nothing": Played(()),
    "no-pictures": _json(500, {"error": {"code": 500, "message": _NO_SIGHT}}),
    "no-pictures-400": _json(400, {"message": "only-words is not a multimodal model"}),
    "busy-number": _json(429, {"error": "slow down"}, **{"Retry-After": "7.5"}),
    "unknown-model": _json(404, {"error": {"message": "model 'unknown-model' not found"}}),
    "unknown-model-400": _json(400, {"detail": "no such model"}),
}

PLAYED = {
    **{name: Played(tuple(_streamed(said))) for name, said in SAID.items()},
    **{f"{name}@whole": Played((_whole(said),), type="application/json")
       for name, said in SAID.items()},
    **RAW,
}  # fmt: skip
