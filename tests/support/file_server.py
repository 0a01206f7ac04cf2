"""A server of files on loopback, as those that benchmarks lie on are, and with what goes wrong."""

import hashlib
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.running import running

COMMIT = "0123456789" * 4
_HUB = re.compile(
    "(?P<kind>/datasets)?/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)"
)
_TREE = re.compile("/api/(?P<kind>datasets|models)/(?P<repo>[^/]+/[^/]+)/tree/(?P<revision>[^/?]+)")
_MODEL = re.compile("/api/models/(?P<repo>[^/]+/[^/]+)(?:/revision/[^/?]+)?$")
_PIECE = 2**12


@dataclass
class Files:
    """Say what is served, and how; what was asked for is noted.

    Attributes:
        files: contents by path, "/a.tsv"; on the hub's paths "/datasets/OWNER/NAME/a.tsv", and of a
            model "/OWNER/NAME/a.json".
        ranges: whether parts can be asked for.
        cuts: after how many bytes of the file each of the next answers breaks off.
        statuses: what the next answers say instead of giving the file.
        leads: where a path leads to instead, as an address.
        refusal: what the hub says to everything, a status and its own code for it.
        etag: of every file; empty for none.
        kind: the content type.
        hold: after how many bytes of the file an answer waits until `go` is set; 0 for never.
        asked: the path and the Range of every GET of a file.
    """

    files: dict[str, bytes]
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    leads: dict[str, str] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    etag: str = '"first"'
    kind: str = "text/tab-separated-values"
    hold: int = 0
    go: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of those who went away in the middle."""


def ask_there(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let the hub's client, which reads HF_ENDPOINT once, ask at another address."""
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of the loopback's, and its key."""
    made, key = folder / "certificate.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    words += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run(words, check=True, capture_output=True)
    return made, key


@contextmanager
def serving(files: Files, protected: tuple[Path, Path] | None = None) -> Iterator[Files]:
    """Serve files on a free port of the loopback until the block ends.

    Args:
        protected: the certificate and its key, for HTTPS.
    """
    server = _Server(("127.0.0.1", 0), _handler(files))
    if protected:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*protected)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if protected else "http"
    files.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    with running(server):
        yield files


def _handler(files: Files) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._file(_file_of(self.path), body=False)

        def do_GET(self) -> None:
            if match := _TREE.match(self.path):
                kind = "/datasets" if match["kind"] == "datasets" else ""
                self._tree(f"{kind}/{match['repo']}/")
                return
            if (match := _MODEL.match(self.path)) and not files.refusal:
                told = {"id": match["repo"], "sha": COMMIT, "siblings": []}
                self._send(200, json.dumps(told).encode(), Content_Type="application/json")
                return
            if self.path.startswith("/api/models/") and files.refusal:
                self._send(files.refusal[0], X_Error_Code=files.refusal[1])
                return
            if self.path.startswith("/api/"):  # what the hub's client wants to know besides
                self._send(404)
                return
            files.asked.append((self.path, self.headers.get("Range", "")))
            if files.statuses:
                self._send(files.statuses.pop(0))
                return
            self._file(_file_of(self.path), body=True)

        def _send(self, status: int, body: bytes = b"", **headers: object) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": len(body), **headers}.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()
            self.wfile.write(body)

        def _tree(self, start: str) -> None:
            told = [
                {"type": "file", "path": path.removeprefix(start), "size": len(content),
                 "oid": "0" * 40, "lfs": {"oid": hashlib.sha256(content).hexdigest(),
                                          "size": len(content), "pointerSize": 130}}
                for path, content in files.files.items() if path.startswith(start)
            ]  # fmt: skip
            self._send(200, json.dumps(told).encode(), Content_Type="application/json")

        def _file(self, path: str, body: bool) -> None:
            content = files.files.get(path)
            if path in files.leads:
                self._send(302, Location=files.leads[path])
                return
            if files.refusal and _HUB.match(self.path):
                self._send(files.refusal[0], X_Error_Code=files.refusal[1])
                return
            if content is None:
                code = "EntryNotFound" if _HUB.match(self.path) else ""
                self._send(404, X_Error_Code=code)
                return
            headers: dict[str, object] = {"Content-Type": files.kind}
            if files.etag:
                headers["ETag"] = files.etag
            if _HUB.match(self.path):
                sha256 = hashlib.sha256(content).hexdigest()
                headers |= {"X-Repo-Commit": COMMIT, "X-Linked-Size": len(content)}
                headers["X-Linked-Etag"] = f'"{sha256}"'
            start = self._start() if files.ranges else 0
            if start >= len(content) > 0:
                self._send(416, Content_Range=f"bytes */{len(content)}")
                return
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send_response(206 if start else 200)
            for name, value in {**headers, "Content-Length": len(content) - start}.items():
                self.send_header(name, str(value))
            self.end_headers()
            if body:
                self._pieces(content, start)

        def _start(self) -> int:
            same = self.headers.get("If-Range", files.etag) == files.etag
            match = re.fullmatch("bytes=([0-9]+)-", self.headers.get("Range", ""))
            return int(match[1]) if match and same else 0

        def _pieces(self, content: bytes, start: int) -> None:
            end = files.cuts.pop(0) if files.cuts else len(content)
            try:
                for place in range(start, end, _PIECE):
                    if files.hold and place >= files.hold:
                        files.go.wait()
                    self.wfile.write(content[place : min(place + _PIECE, end)])
            except OSError:  # whoever asked has gone
                pass
            if end < len(content):
                self.close_connection = True

    return Handler


def _file_of(path: str) -> str:
    match = _HUB.match(path)
    return f"{match['kind'] or ''}/{match['repo']}/{match['file']}" if match else path
