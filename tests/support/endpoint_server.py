"""A small HTTP server that behaves as badly as endpoints do: the model's name says how.

It stands in for a network's failures only; that the protocol is right is tested against a real
`transformers serve`.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.endpoint_replies import PLAYED, Played
from tests.support.running import running

TEXT = "<TYPE>lens blur(0.35)<TYPE_END><INFLUENCE>Soft edges.<INFLUENCE_END>"
KEY = "sk-very-secret"
# The tokens of an answer, and what a server lists where its letter stands.
LISTED_TEXT = ("<ANSWER", ">C", "<ANSWER_END>")
LIKELY = {">C": -0.25, ">A": -2.0, ">B": -3.0, ">D": -4.0, "> C": -1.0, ">": -5.0}


class Handler(BaseHTTPRequestHandler):
    """Answer as the model that is asked for does."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """List the models, to those who have a key where one is wanted.

        What /rootless serves has no /v1, /api has nothing without it.
        """
        if self.path.startswith("/locked") and self.headers["Authorization"] != f"Bearer {KEY}":
            self._refuse(401, {"error": {"message": f"bad {self.headers['Authorization']}"}})
        else:
            if self.path in ("/rootless/v1/models", "/api/models"):
                return self._refuse(404, {"detail": "Not Found"})
            names = ["only"] if self.path.startswith("/one") else ["good", "cut"]
            self._send(200, {"data": [{"id": name, "object": "model"} for name in names]})

    def do_POST(self) -> None:
        """Answer a question."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((body, self.headers["Authorization"]))
        model = body["model"]
        if model in PLAYED:
            self._play(PLAYED[model])
        elif model.isdigit():
            detail = {"detail": "tell <b>why</b>"} if model != "500" else None
            self._refuse(int(model), detail)
        elif model == "no-stop" and "stop" in body:
            self._refuse(500, {"detail": "no such parameter"})
        elif model.startswith("busy") and self._tries(body) <= int(model[4:]):
            self._refuse((429, 503)[self._tries(body) % 2], {"detail": "later"}, retry="0")
        elif model == "page":
            self._send(200, {"html": "<html>"})
        elif model == "moved":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif model == "reset":
            self.close_connection = True
        else:
            self._stream(model, body)

    def _play(self, played: Played) -> None:
        self.send_response(played.status)
        for name, value in {"Content-Type": played.type, **dict(played.headers)}.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in played.pieces:
            if not self._still_there(lambda piece=piece: self._chunk(piece)):
                return
        if played.breaks:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._end(b"")

    def _tries(self, body: dict) -> int:
        """Return how often this question was asked."""
        return sum(asked == body for asked, _ in self.server.asked)

    def _stream(self, model: str, body: dict) -> None:
        with self.server.counted():
            if self.server.last is not None and self.server.answered >= self.server.last:
                os._exit(1)
            if model.startswith("slow"):
                self.server.wait_for(int(model.removeprefix("slow") or 1))
                time.sleep(0.2)
            self._write(model, body)

    def _write(self, model: str, body: dict) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if model == "silent":
            return self._wait_until_gone()
        if model == "error-first":
            return self._end(b'data: {"error": "no memory"}\n\n')
        pieces = [TEXT[start : start + 7] for start in range(0, len(TEXT), 7)]
        if model == "listed":
            return self._listed(body)
        for piece in pieces:
            # A caller may hang up before the first pieces are all written.
            if not self._still_there(lambda piece=piece: self._piece(piece)):
                return None
            if model == "hanging":
                return self._wait_until_gone()
        if model == "endless":
            return self._write_until_gone()
        if model == "broken":
            return self._end(b"data: {not json\n\n")
        if model == "error-later":
            return self._end(b'data: {"error": {"message": "CUDA died"}}\n\n')
        if model == "half":  # ends in good order, but without a reason
            return self._end(b"")
        if model == "cut":  # the connection itself breaks
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        reason = "length" if body["max_tokens"] == 1 else "stop"
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if model == "good":
            self._event({"choices": [], "usage": {"completion_tokens": 21}})
        return self._end(b"data: [DONE]\n\n")

    def _listed(self, body: dict) -> None:
        """Answer "C" after a section's tag, with the likeliest tokens where they are asked for."""
        for text in LISTED_TEXT:
            likely = LIKELY if text == LISTED_TEXT[-2] else {text: 0.0}
            choice: dict = {"index": 0, "delta": {"content": text}}
            if body.get("logprobs"):
                told = [{"token": token, "logprob": odds} for token, odds in likely.items()]
                own = {"token": text, "logprob": likely[text], "top_logprobs": told}
                choice["logprobs"] = {"content": [own]}
            self._event({"choices": [choice]})
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._end(b"data: [DONE]\n\n")

    def _write_until_gone(self) -> None:
        while self._still_there(lambda: self._piece("on ")):
            time.sleep(0.01)

    def _wait_until_gone(self) -> None:
        while self._still_there(lambda: self._chunk(b": still there\n\n")):
            if self.path.startswith("/mute"):
                self.connection.settimeout(10)
                self._still_there(lambda: self.connection.recv(1) or self._gone())
                return
            time.sleep(0.01)

    def _still_there(self, attempt) -> bool:
        try:
            attempt()
            return True
        except OSError:
            self.server.gone.set()
            self.close_connection = True
            return False

    def _gone(self) -> None:
        raise OSError("the caller hung up")

    def _piece(self, text: str) -> None:
        self._event({"choices": [{"index": 0, "delta": {"content": text}}]})

    def _event(self, content: dict) -> None:
        self._chunk(b"data: " + json.dumps(content).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _end(self, data: bytes) -> None:
        if data:
            self._chunk(data)
        self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, status: int, content: dict | None, retry: str = "7") -> None:
        self._send(status, content, {"Retry-After": retry} if status == 429 else {})

    def _send(self, status: int, content: dict | None, headers: dict | None = None) -> None:
        data = json.dumps(content).encode() if content else b"<html>Internal error</html>"
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """Keep what it was asked, and say nothing about callers that hang up."""

    daemon_threads = True

    def __init__(self, port: int = 0):
        super().__init__(("127.0.0.1", port), Handler)
        self.asked: list = []
        self.gone = threading.Event()
        self.under_way, self.most, self.answered = 0, 0, 0
        self.last: int | None = None  # answers, after which its process dies at the next question
        self._lock = threading.Lock()
        self.address = f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count an answer: `most` is how many were under way at a time."""
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            yield
        finally:
            with self._lock:
                self.under_way -= 1
                self.answered += 1

    def wait_for(self, count: int) -> None:
        """Wait until so many answers have been under way at a time."""
        while self.most < count:
            time.sleep(0.01)

    def handle_error(self, *args: object) -> None:
        """Print nothing."""


@contextmanager
def serve_endpoint(port: int = 0) -> Iterator[Server]:
    """Serve on a free port; `asked` keeps the questions, `gone` tells that a caller hung up."""
    server = Server(port)
    with running(server):
        yield server


if __name__ == "__main__":
    with serve_endpoint(int(sys.argv[1])) as server:
        server.last = int(sys.argv[2])
        print("ready", flush=True)
        threading.Event().wait()
