"""Serve from a thread until a block ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

_LOOK = 0.02  # seconds between looks at whether the block has ended


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
