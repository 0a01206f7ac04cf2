"""A reverse proxy that shows a page below a prefix and strips that on the way: a real nginx."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.install_tools import find_nginx

_CONFIGURATION = """
daemon off;
user root;
pid {folder}/pid;
error_log {folder}/errors.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 100m;
    server {{
        listen 127.0.0.1:{port};
        location {prefix}/ {{
            proxy_pass {page}/;
            proxy_set_header Host $http_host;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_read_timeout 1h;
        }}
    }}
}}
"""


@contextmanager
def stripping_proxy(page: str, prefix: str, folder: Path) -> Iterator[str]:
    """Show the page at the address `page` below a prefix; gives the address that people open."""
    nginx, port = find_nginx(), free_port()
    assert nginx is not None
    configuration = folder / "nginx.conf"
    page = page.rstrip("/")
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, port=port, prefix=prefix, page=page)
    )
    command = [nginx, "-p", str(folder), "-e", str(folder / "errors.log"), "-c", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _await_port(port, process)
            yield f"http://127.0.0.1:{port}{prefix}/"
        finally:
            process.terminate()


def free_port() -> int:
    """Return a port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_port(port: int, process: subprocess.Popen) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nginx ended before it listened")
