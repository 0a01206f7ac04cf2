"""A real HTTP server that judges: it reads right answer and answer from what it is asked.

Words in common decide: all of the right ones 2, some 1, none 0. `fail` says what the next requests
get instead; see `Failure`.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.running import running

JUDGE = "wise-judge"
KEY = "sk-judge-secret"
_TEXT = re.compile(r"^(Right|Answer): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """Say what a request gets instead of a judgement.

    `status` is an HTTP status, 0 to break the connection off, -1 to send nothing until the caller
    hangs up; `text` is what the judge says instead, where the status is 200, as a text or a list of
    parts, and `finish` why it ends.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | list = ""
    finish: str = "stop"


class Handler(BaseHTTPRequestHandler):
    """Answer one connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """List the models."""
        if self.server.locked and self.headers["Authorization"] != f"Bearer {KEY}":
            return self._send(401, {"error": {"message": "bad key"}})
        names = (JUDGE, "another", "a-third")
        return self._send(200, {"data": [{"id": name, "object": "model"} for name in names]})

    def do_POST(self) -> None:
        """Judge."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.asked.append((body, time.monotonic()))
            failure = server.failures.pop(0) if server.failures else server.always
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            self._answer(body, failure)
        finally:
            with server.lock:
                server.at_once -= 1

    def _answer(self, body: dict, failure: Failure | None) -> None:
        time.sleep(self.server.seconds)
        if self.server.locked and self.headers["Authorization"] != f"Bearer {KEY}":
            return self._send(401, {"error": {"message": "bad key"}})
        if body["model"] != JUDGE:
            return self._send(404, {"error": {"message": f"no model {body['model']}"}})
        if failure is not None and failure.status == 0:
            self.close_connection = True
            return None
        if failure is not None and failure.status == -1:
            self.connection.recv(1)
            self.close_connection = True
            return None
        if failure is not None and failure.status != 200:
            return self._send(failure.status, {"error": {"message": "no"}}, failure.headers)
        prompt = body["messages"][-1]["content"]
        text = failure.text if failure else f"Score: {judgement(prompt)}"
        message = {"role": "assistant", "content": text}
        reason = failure.finish if failure else None
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return self._send(200, {"choices": [choice]})

    def _send(self, status: int, content: dict, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def judgement(prompt: str) -> int:
    """Return 2, 1 or 0 from the words that the answer shares with what is right."""
    told = dict(_TEXT.findall(prompt))
    rights = [_words(json.loads(text)) for text in re.findall(r'"(?:[^"\\]|\\.)*"', told["Right"])]
    answer = _words(json.loads(told["Answer"]))
    return max(2 if right <= answer else int(bool(right & answer)) for right in rights)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


class Server(ThreadingHTTPServer):
    """Keep what was asked; behave as the attributes say."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.Lock()
        self.asked: list[tuple[dict, float]] = []
        self.failures: list[Failure | None] = []  # of the next requests, one after the other
        self.always: Failure | None = None  # of all others
        self.locked = False
        self.seconds = 0.0  # that each reply takes
        self.at_once = self.most_at_once = 0
        self.address = f"http://127.0.0.1:{self.server_port}/v1#{JUDGE}"

    def handle_error(self, *args: object) -> None:
        """Print nothing."""


@contextmanager
def serve_judge(port: int = 0) -> Iterator[Server]:
    """Serve on a free port until the block ends."""
    server = Server(port)
    with running(server):
        yield server
