"""The address that others can use: what the page calls itself in a link."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import gradio as gr
from gradio.route_utils import get_root_url

_API = "/gradio_api/"
_EVERYWHERE = ("0.0.0.0", "::")
# An address of documentation (RFC 5737). Connecting a datagram socket to it sends nothing; it asks
# which of this computer's addresses would be the sender's.
_ELSEWHERE = ("192.0.2.1", 9)


@dataclass(frozen=True)
class Address:
    """Give the page's address, without a query, and whether it works on this computer only."""

    url: str
    here_only: bool


def address_for_others(
    asked: str, host: str | None, shared: str | None, network: Callable[[], str | None]
) -> Address:
    """Return the address of the page that reaches farthest.

    Args:
        asked: how the visitor's browser called the page, with any prefix of a proxy.
        host: what the page listens on.
        shared: its public address, where there is one.
        network: returns this computer's address in its network, or None.
    """
    if shared:
        return Address(_slashed(shared), False)
    if not _is_loopback(urlsplit(asked).hostname):
        return Address(_slashed(asked), False)
    found = network() if host in _EVERYWHERE else None
    return Address(_slashed(_with_host(asked, found) if found else asked), not found)


def network_address() -> str | None:
    """Return this computer's address in its network; None where it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        name = probe.getsockname()[0]
    return None if _is_loopback(name) or name in _EVERYWHERE else name


def root_of(request: gr.Request, prefix: str | None) -> str:
    """Return how a visitor's browser calls the page; proxies say so in their headers."""
    path = request.request.url.path
    _, api, rest = path.partition(_API)
    return get_root_url(request.request, f"{api}{rest}", prefix)


def _with_host(url: str, host: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{host}{port}").geturl()


def _slashed(url: str) -> str:
    return url.rstrip("/") + "/"


def _is_loopback(name: str | None) -> bool:
    if not name or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
