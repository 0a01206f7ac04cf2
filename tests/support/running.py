"""Servers, ports and processes of a test: started, waited for, ended."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseServer

_LOOK = 0.02  # seconds between looks at whether the block has ended
_GLANCE = 0.005  # seconds between looks at a process that is to be met at work


@contextmanager
def running(server: BaseServer) -> Iterator[None]:
    """Answer requests until the block ends, and close the server then."""
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def held_port() -> Iterator[int]:
    """Hold a port of this computer on which nothing listens; give its number.

    Whoever is told it may listen there meanwhile; nobody else gets it from the system.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def wait_for(happened: Callable[[], bool], process: subprocess.Popen | None = None) -> None:
    """Wait for something, as long as a test may take; fail where a process ends before it."""
    while not happened():
        assert process is None or process.poll() is None, "it has ended before"
        time.sleep(_GLANCE)


def has_lines(path: Path, count: int) -> bool:
    """Tell whether a file is there and has so many lines."""
    return path.exists() and path.read_bytes().count(b"\n") >= count
