"""Who reaches the page, and by which way: addresses, a proxy's prefix, names and passwords."""

import argparse
import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from robust_r1.errors import InputError

_AUTH = "ROBUST_R1_AUTH"
# A Space and others set Gradio's own variable.
_ROOT_PATHS = ("ROBUST_R1_ROOT_PATH", "GRADIO_ROOT_PATH")


@dataclass(frozen=True)
class Access:
    """Say who reaches the page.

    Attributes:
        root_path: what a proxy puts before the page's own paths, such as "/course/robust"; empty
            without one.
        accounts: names and passwords that are let in; everybody without any.
        public: whether others than this computer's users can reach the page.
        one_notebook: whether they all write into one notebook.
    """

    root_path: str = ""
    accounts: tuple[tuple[str, str], ...] = ()
    public: bool = False
    one_notebook: bool = False


def add_access_arguments(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    """Add the flags that say how people reach the page."""
    parser.add_argument(
        "--root-path", metavar="PREFIX",
        default=next(filter(None, map(environ.get, _ROOT_PATHS)), ""),
        help="what a reverse proxy or a JupyterHub puts before the page's own paths and takes away "
        "again, such as /course/robust",
    )
    parser.add_argument(
        "--auth", metavar="FILE",
        help="let in only the people of this file, a NAME:PASSWORD on each line; the variable "
        f"{_AUTH} holds the same lines",
    )
    parser.add_argument(
        "--one-notebook", action="store_true",
        help="on a page that others can reach, let all write notes, tags and filters into one "
        "notebook; without this each browser has its own",
    )


def read_access(args: argparse.Namespace, environ: Mapping[str, str]) -> Access:
    """Read and check what the flags and the environment say.

    Raises:
        InputError: a port or prefix that is none, accounts that cannot be read, or MCP behind
            accounts.
    """
    if not 1 <= args.port <= 65535:
        raise InputError(f"there is no port {args.port}; give one from 1 to 65535 with --port")
    root_path = _root_path(args.root_path)
    accounts = _accounts(args.auth, environ.get(_AUTH, ""))
    if accounts and args.mcp:
        raise InputError("--auth cannot guard the tools of --mcp; leave one of the two out")
    away = not _is_loopback(args.host)
    public = away or bool(args.share or root_path or accounts or environ.get("SPACE_ID"))
    return Access(root_path, accounts, public, args.one_notebook)


def why_not_served(host: str, port: int, fault: OSError) -> str:
    """Return why the page could not be served there, and what to do, as a sentence's rest."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except socket.gaierror:
        return f"{host} is no address of this computer; give another with --host"
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"port {port} is taken; choose another with --port"
        if error.errno == errno.EACCES:
            return f"port {port} is the system's own; choose one above 1023 with --port"
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{host} is no address of this computer; give another with --host"
    return str(fault)


def _root_path(text: str) -> str:
    prefix = text.strip().rstrip("/")
    if prefix and not prefix.startswith(("/", "http://", "https://")):
        raise InputError(
            f"--root-path is {text!r}; write it as /course/robust, or as the whole address "
            "https://host/course/robust"
        )
    return prefix


def _accounts(file: str | None, lines: str) -> tuple[tuple[str, str], ...]:
    """Return names and passwords; the flag's file wins over the variable."""
    if file is None:
        return _pairs(lines, _AUTH) if lines.strip() else ()
    path = Path(file).expanduser()
    if ":" in file and not path.exists():
        raise InputError(
            "--auth takes a file: others on this computer could read a password in a command. "
            f"Put NAME:PASSWORD into a file, or into the variable {_AUTH}"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--auth {file} cannot be read: {error}") from error
    return _pairs(text, f"--auth {file}")


def _pairs(text: str, place: str) -> tuple[tuple[str, str], ...]:
    pairs = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, password = line.strip().partition(":")
        if not (colon and name.strip() and password):
            raise InputError(f"{place}, line {number}: write it as NAME:PASSWORD")
        if name.strip() in pairs:
            raise InputError(f"{place}, line {number}: {name.strip()} has a password already")
        pairs[name.strip()] = password
    if not pairs:
        raise InputError(f"{place} names nobody; write NAME:PASSWORD, one on each line")
    return tuple(pairs.items())


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
