"""Name an OpenAI-compatible endpoint, and say in one sentence what is wrong with one.

`http://host:8000/v1#name` is the model `name` behind that address: vLLM, SGLang, `transformers
serve` and others speak this protocol. Nothing here talks to a network.
"""

import json
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote, urlsplit

import httpx

from robust_r1.errors import InputError, ModelError

KEY_VARIABLE = "ROBUST_R1_API_KEY"
TIMEOUT_VARIABLE = "ROBUST_R1_ENDPOINT_TIMEOUT"
# Seconds without a byte. A server that thirty people ask lets the last of them wait for a while.
TIMEOUT = 120.0
CONNECT_TIMEOUT = 5.0  # seconds; a server that takes longer to say hello is not there
_NAMED = 5  # models that a sentence lists
_DETAIL = 200  # characters of a server's own words
_ROOT = "/v1"  # where the protocol lies at most servers
_ASKING = "/chat/completions"  # some copy the whole address of a question
# What servers say, with any status, of a model that takes text alone.
_SIGHT = "(image|picture|vision|multi-?modal)"
_BLIND = re.compile(
    f"{_SIGHT}.*(not support|unsupport|only support|not available|not accept)"
    "|(not support|unsupport|not accept|no support for|cannot process|missing data required for|"
    f"is not a|doesn't have|without).*{_SIGHT}|mmproj",
    re.IGNORECASE | re.DOTALL,
)


class NoAnswer(ModelError):
    """Report a question that the model would not answer; the next one it may."""


@dataclass(frozen=True)
class Endpoint:
    """Name where a model is served.

    Attributes:
        base: address without a slash at its end, as in http://host:8000/v1.
        model: its name there; empty to take the only one that is served.
        key: API key; never printed.
        timeout: seconds without a byte after which an answer is given up.
        key_variable: the environment variable that the key is read from.
    """

    base: str
    model: str = ""
    key: str = field(default="", repr=False)
    timeout: float = TIMEOUT
    key_variable: str = KEY_VARIABLE

    @property
    def name(self) -> str:
        """Return what `--model` takes for this endpoint."""
        return f"{self.base}#{quote(self.model, safe='/:@')}"

    @property
    def headers(self) -> dict[str, str]:
        """Return what identifies the caller; without a key nothing does."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def host(self) -> str:
        """Return host and port, to be shown."""
        return urlsplit(self.base).netloc

    def connection_fault(self, error: httpx.HTTPError) -> ModelError:
        """Say what went wrong on the way to the endpoint or back."""
        if isinstance(error, httpx.ConnectTimeout):
            words = f"took no connection within {CONNECT_TIMEOUT:g} s; check host and port."
        elif isinstance(error, httpx.ConnectError):
            words = "could not be reached; start it, or check host and port."
        elif isinstance(error, httpx.TimeoutException):
            words = (
                f"sent nothing for {self.timeout:g} s; ask again when it has less to do, or set "
                f"{TIMEOUT_VARIABLE} to more seconds."
            )
        else:
            words = "broke the connection off; ask again, and see its log for the reason."
        return ModelError(f"The endpoint {self.base} {words}")

    def status_fault(
        self, status: int, headers: Mapping[str, str], body: str, served: Sequence[str] = ()
    ) -> ModelError:
        """Say what an answer with an HTTP status other than 200 means.

        `served` are the models that the endpoint lists, where it was asked for them.
        """
        said = self._said(body)
        unknown = bool(served) and self.model not in served
        if status in (401, 403):
            words = (
                f"refused the key in {self.key_variable}; set it to a valid one."
                if self.key
                else f"wants an API key; set the environment variable {self.key_variable} to it."
            )
        elif _BLIND.search(said):
            words = f"takes no pictures with {self.model!r}{said}; serve a model that sees."
        elif unknown and (status == 404 or "model" in said.lower()):
            words = (
                f"knows no model {self.model!r}{said}; it serves {named_models(served)}: give one "
                "of these after #."
            )
        elif status == 404:
            words = (
                f"knows no model {self.model!r} or no such path{said}; check the name after # and "
                "the path, which usually ends with /v1."
            )
        elif status == 429:
            wait = retry_after(headers)
            after = "in a while" if wait is None else f"in {math.ceil(min(wait, 1e6))} s"
            words = f"has too many questions{said}; ask again {after}."
        elif 300 <= status < 400:
            words = f"sends callers elsewhere (status {status}); give the final address."
        elif status >= 500:
            words = f"failed (status {status}){said}; ask again, and see its log for the reason."
        else:
            words = f"refused the question (status {status}){said}; change it, or the model."
        return ModelError(f"The endpoint {self.base} {words}")

    def stream_fault(self, what: str) -> ModelError:
        """Say that what came is not the stream of an answer."""
        return ModelError(
            f"The endpoint {self.base} {self._clean(what)}; ask again, and see its log for the "
            "reason."
        )

    def no_answer(self, what: str) -> NoAnswer:
        """Say why a reply that is whole is no answer."""
        return NoAnswer(
            f"The endpoint {self.base} {self._clean(what)}; change the question, or ask another "
            "model."
        )

    def _said(self, body: str) -> str:
        """Return a server's own words for an error, short and in brackets; empty without any."""
        try:
            content = json.loads(body)
        except ValueError:
            return ""
        words = error_words(content)
        return f" ({self._clean(words)})" if words else ""

    def _clean(self, words: str) -> str:
        """Put a server's words on one line; some repeat the key that they were given."""
        if self.key:
            words = words.replace(self.key, "[key]")
        return " ".join(words.split())[:_DETAIL].rstrip(".;")


def is_endpoint(name: str) -> bool:
    """Tell whether a model's name is an address."""
    return name.lower().startswith(("http://", "https://"))


def parse_endpoint(name: str, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """Read an address such as http://host:8000/v1#name; key and timeout come from `environ`.

    Raises InputError for an address without a host, with a key in it, or with a query, and for a
    timeout that is no positive number.
    """
    example = "give one like http://localhost:8000/v1#name"
    try:
        parts = urlsplit(name)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"The endpoint's address cannot be read ({error}); {example}.") from error
    if parts.username or parts.password:
        raise InputError(
            f"The endpoint's address holds a key, which others would see; set {KEY_VARIABLE} "
            "instead."
        )
    if not host or parts.query or any(sign.isspace() or not sign.isprintable() for sign in name):
        raise InputError(f"{name[:80]!r} is no endpoint's address; {example}.")
    path = parts.path.rstrip("/").removesuffix(_ASKING) or _ROOT
    return Endpoint(
        base=f"{parts.scheme}://{parts.netloc}{path}",
        model=unquote(parts.fragment),
        key=environ.get(KEY_VARIABLE, "").strip(),
        timeout=_timeout(environ.get(TIMEOUT_VARIABLE, "").strip()),
    )


def other_root(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint with /v1 at the end of its address where there was none, or without."""
    base = endpoint.base.removesuffix(_ROOT)
    return replace(endpoint, base=base if base != endpoint.base else base + _ROOT)


def choose_model(endpoint: Endpoint, served: Sequence[str]) -> Endpoint:
    """Return an endpoint with the name of a model: its own, or else the only one that is served.

    Raises InputError where there is a choice, or where the endpoint does not tell.
    """
    if endpoint.model:
        return endpoint
    if len(served) != 1:
        which = f"serves {named_models(served)}" if served else "does not list its models"
        raise InputError(
            f"The endpoint {endpoint.base} needs the name of a model after #; it {which}."
        )
    return replace(endpoint, model=served[0])


def named_models(served: Sequence[str]) -> str:
    """Return the first names of the models that an endpoint serves, to be shown."""
    more = f" and {len(served) - _NAMED} more" if len(served) > _NAMED else ""
    return ", ".join(served[:_NAMED]) + more


def error_words(content: object) -> str:
    """Find the message in the ways that servers write errors; empty where there is none."""
    if not isinstance(content, dict):
        return ""
    for key in ("error", "detail", "message"):
        value = content.get(key)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, str) and value.strip():
            return value
    return ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, as a number or as a date; None without it."""
    text = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _timeout(text: str) -> float:
    try:
        seconds = float(text or TIMEOUT)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise InputError(f"{TIMEOUT_VARIABLE} is {text!r}; set it to a number of seconds.")
    return seconds
