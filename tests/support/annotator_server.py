"""An OpenAI-compatible server that writes chains from what it is asked, and fails where it is told.

It reads the prompt: the question, the true answer, the length that is wanted. What it sees of a
picture are its size and its mean color, decoded from the request.
"""

import base64
import io
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from tests.support.running import running

# What a reply may do instead of being good; a script decides by (step, number of the question).
Script = Callable[[str, int], str]
FILLER = "lose contrast and what lies behind them can hardly be told apart now"
STEPS = ("influence", "reasoning", "conclusion", "length")


class Handler(BaseHTTPRequestHandler):
    """Answer chat completions."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *args: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """List the one model."""
        self._send(200, {"data": [{"id": "writer", "object": "model"}]})

    def do_POST(self) -> None:
        """Compose a reply, or behave as the script says."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first = body["messages"][0]["content"]
        text = first if isinstance(first, str) else first[-1]["text"]
        pictures = [] if isinstance(first, str) else [_look(part) for part in first[:-1]]
        step = step_of(text)
        with self.server.guard:
            number = len(self.server.asked)
            self.server.asked.append((step, body, pictures))
        act = self.server.script(step, number)
        with self.server.guard:
            self.server.acts[act] += 1
        self._act(act, step, compose(step, text, pictures))

    def _act(self, act: str, step: str, reply: str) -> None:
        if act.isdigit():
            wait = {"Retry-After": "0.05"} if act == "429" else {}
            self._send(int(act), {"error": {"message": f"no luck with this {step}"}}, wait)
        elif act == "stall":
            self.server.released.wait(30)
            self.close_connection = True
        elif act == "cut":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [{"message"')
            self.close_connection = True
        elif act == "page":
            self._send(200, {"html": "<html>"})
        elif act == "filtered":
            self._send(200, completion("", "content_filter"))
        elif act == "refuse":
            self._send(200, completion("I am sorry, but I cannot help with that."))
        elif act == "prose":
            self._send(200, completion(re.sub(r"<[A-Z_]+>", " ", reply)))
        elif act == "half":
            self._send(200, completion(reply[: len(reply) // 2], "length"))
        else:
            self._send(200, completion(act.format(reply=reply)))

    def _send(self, status: int, content: dict, headers: dict | None = None) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """Keep what was asked and how it was answered; say nothing about callers that hang up."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script: Script, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script = script
        self.asked: list[tuple[str, dict, list[str]]] = []
        self.acts: Counter[str] = Counter()
        self.guard = threading.Lock()
        self.released = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}/v1#writer"

    def handle_error(self, *args: object) -> None:
        """Print nothing."""

    @property
    def steps(self) -> Counter[str]:
        """Count the questions by step."""
        return Counter(step for step, _, _ in self.asked)


GOOD = "{reply}"


@contextmanager
def serve_annotator(script: Script = lambda step, number: GOOD, port: int = 0) -> Iterator[Server]:
    """Serve on a free port until the block ends."""
    server = Server(script, port)
    with running(server):
        try:
            yield server
        finally:
            server.released.set()


def completion(text: str, reason: str = "stop") -> dict:
    """Return a chat completion as servers write it."""
    usage = {"prompt_tokens": 700, "completion_tokens": len(text.split())}
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage}


def step_of(text: str) -> str:
    """Tell which of the four prompts this is."""
    asked = text.rpartition("Reply with nothing but")[2]
    if asked.count("_END>") == 3:
        return "length"
    return next(step for step in STEPS if f"<{step.upper()}>" in asked)


def compose(step: str, text: str, pictures: list[str]) -> str:
    """Write what a good model would: the sections, at the length that the prompt asks for."""
    answer = re.search(r"true answer is: (\d)\. (.*)", text)
    words = int(re.search(r"about (\d+)", text, re.I)[1])
    if step == "influence":
        prose = _pad(f"The second picture is {pictures[1]}, unlike {pictures[0]}. Edges ", words)
        return f"<INFLUENCE>{prose}<INFLUENCE_END>"
    if step == "reasoning":
        return f"<REASONING>{_pad(f'The scene is {pictures[0]}. It ', words)}<REASONING_END>"
    if step == "conclusion":
        prose = f"{_pad('So ', words - 4)} It is {answer[2]}."
        return f"<CONCLUSION>{prose}<CONCLUSION_END><ANSWER>{answer[1]}<ANSWER_END>"
    parts = {"INFLUENCE": 0.4, "REASONING": 0.45, "CONCLUSION": 0.15}
    texts = [
        f"<{name}>{_pad('It ', round(part * words))}<{name}_END>" for name, part in parts.items()
    ]
    return "".join(texts)


def _pad(text: str, words: int) -> str:
    filler = FILLER.split()
    missing = max(0, words - len(text.split()))
    return text + " ".join(filler[number % len(filler)] for number in range(missing)) + "."


def _look(part: dict) -> str:
    """Describe a picture of a request, decoded."""
    data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    height, width, _ = picture.shape
    tones = zip(("red", "green", "blue"), picture.mean((0, 1)), strict=True)
    return f"{width} by {height} and mostly {max(tones, key=lambda tone: tone[1])[0]}"


if __name__ == "__main__":  # for a look by hand: PORT, and a share of replies that fail
    odds = np.random.default_rng(0)
    share = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0

    def some_fail(step: str, number: int) -> str:
        """Fail now and then."""
        return str(odds.choice(["429", "500", "prose", "cut"])) if odds.random() < share else GOOD

    with serve_annotator(some_fail, int(sys.argv[1])):
        while True:
            time.sleep(1)
