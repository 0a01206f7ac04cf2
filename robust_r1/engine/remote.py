"""Ask a model behind an OpenAI-compatible endpoint: vLLM, SGLang, `transformers serve`, others."""

import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from robust_r1 import images
from robust_r1.chain import parse
from robust_r1.engine import catalog
from robust_r1.engine.control import Watch, any_set, takes_requests
from robust_r1.engine.conversation import write_turns
from robust_r1.engine.endpoint import Endpoint, choose_model, parse_endpoint
from robust_r1.engine.transfer import Arrival, Transfer, list_models
from robust_r1.engine.types import (
    Answer,
    Finish,
    GenerationSettings,
    ModelInfo,
    Request,
    TextDelta,
)
from robust_r1.errors import InputError, ModelError

# Questions of one page that are on their way at the same time: the server batches them.
AT_ONCE = 32
_WAIT = 0.05  # seconds between looks at Stop while nothing arrives


class RemoteEngine:
    """Answer questions about pictures with a model behind an endpoint; see `types.Engine`.

    Every question is a connection of its own, so the endpoint may come and go between questions.
    """

    precision = "remote"

    def __init__(self, endpoint: Endpoint, note: str = ""):
        """Take an endpoint with the name of its model; nothing is sent yet."""
        self.info = describe(endpoint)
        self.device = endpoint.host
        self.note = note
        self._endpoint = endpoint

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture (uint8, (height, width, 3)) to what the model sees; idempotent."""
        return self.info.fit(image)

    def count_tokens(self, text: str) -> None:
        """Return None: the protocol has no way to count without writing."""

    @takes_requests
    def stream(
        self,
        request: Request,
        settings: GenerationSettings | None = None,
        stop: threading.Event | None = None,
    ) -> Generator[TextDelta | Answer, None, None]:
        """Yield TextDelta pieces as they arrive, then one Answer.

        Setting `stop`, or closing the iterator, cuts the connection, upon which servers end their
        work. Where the connection breaks after the first text, the Answer is what had come, "cut",
        with the reason in `fault`. The number of tokens is the server's own, or else that of the
        pieces.

        Raises:
            InputError: an unfit question, template or history, too many pictures, at once.
            ModelError: the endpoint is down, refuses, or breaks off before the first text.
        """
        settings = settings or self.info.defaults
        return self._stream(self._body(request, settings), settings, any_set(stop))

    def _stream(
        self, body: dict[str, Any], settings: GenerationSettings, stopped: Callable[[], bool]
    ) -> Generator[TextDelta | Answer, None, None]:
        growing = _Growing()
        if not stopped():
            with Transfer(self._endpoint, [body]) as transfer:
                while not (growing.ended or stopped()):
                    arrival = transfer.wait(_WAIT)
                    if arrival is None:
                        continue
                    growing.take(arrival)
                    if arrival.chunk.text:
                        yield TextDelta(arrival.chunk.text)
        yield growing.answer(self.info.name, settings)

    @takes_requests
    def generate(
        self,
        requests: Iterable[Request],
        settings: GenerationSettings | None = None,
        batch_size: int = 8,
        stop: threading.Event | None = None,
    ) -> Sequence[Answer]:
        """Answer requests, `batch_size` at the same time; the answers come in their order.

        Setting `stop` cuts what is on its way; the finished answers before it come back.

        Raises:
            InputError: an unfit request or batch size.
            ModelError: the endpoint failed in one of them; no answer is made up from a part.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; give at least 1.")
        settings = settings or self.info.defaults
        bodies = [self._body(request, settings) for request in requests]
        stopped = any_set(stop)
        growing = [_Growing() for _ in bodies]
        with Transfer(self._endpoint, bodies, at_once=batch_size) as transfer:
            while not (stopped() or all(one.ended for one in growing)):
                if (arrival := transfer.wait(_WAIT)) is None:
                    continue
                one = growing[arrival.question]
                one.take(arrival)
                if one.fault:
                    raise ModelError(one.fault)
        whole = [one for one in growing if one.ended]
        return tuple(one.answer(self.info.name, settings, len(bodies)) for one in whole)

    def close(self) -> None:
        """Do nothing: no connection outlives its question."""

    def __enter__(self) -> "RemoteEngine":
        """Return the engine."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing."""

    def _body(self, request: Request, settings: GenerationSettings) -> dict[str, Any]:
        """Write the JSON body of a question, with the pictures inside."""
        messages = write_turns(self.info, request)
        parts = [part for part in messages[0]["content"] if part["type"] == "image"]
        for part, picture in zip(parts, request.images, strict=True):
            url = images.data_url(self.fit(picture))
            part |= {"type": "image_url", "image_url": {"url": url}}
        return {
            "model": self._endpoint.model,
            "messages": messages,
            "max_tokens": settings.max_new_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "seed": settings.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


class _Growing:
    """Put an answer together from what arrives of it."""

    def __init__(self) -> None:
        self.ended = False
        self._watch = Watch()
        self._pieces: list[str] = []
        self._finish: Finish = "stopped"
        self._tokens: int | None = None
        self.fault = ""

    def take(self, arrival: Arrival) -> None:
        """Add an arrival; raises its fault where no text had come before it."""
        chunk = arrival.chunk
        if chunk.text:
            self._watch.see_text()
            self._pieces.append(chunk.text)
        if chunk.tokens is not None:
            self._tokens = chunk.tokens
        if chunk.finish and self._finish == "stopped":
            self._finish = "length" if chunk.finish == "length" else "stop"
        if arrival.ended:
            self.ended = True
            # What breaks after the end, while the connection is closed, takes nothing away.
            if arrival.fault is not None and self._finish == "stopped":
                if not self._pieces:
                    raise arrival.fault
                self._finish, self.fault = "cut", str(arrival.fault)

    def answer(self, model: str, settings: GenerationSettings, share: int = 1) -> Answer:
        """Return the answer as far as it has come; `share` tells how many came together."""
        self._watch.stop(share)
        text = "".join(self._pieces)
        return Answer(
            text=text,
            parsed=parse(text),
            tokens=len(self._pieces) if self._tokens is None else self._tokens,
            seconds=self._watch.seconds,
            first_text_seconds=self._watch.first_text if share == 1 else None,
            finish=self._finish,
            model=model,
            settings=settings,
            fault=self.fault,
        )


def connect(name: str, environ: Mapping[str, str] = os.environ) -> RemoteEngine:
    """Find the endpoint that a name such as http://host:8000/v1#model means, and look whether it is
    there.

    Without a name after #, the only model that is served is taken.

    Raises:
        InputError: an address that cannot be read, or no name where several models are served.
        ModelError: the endpoint cannot be reached, or refuses the key.
    """
    endpoint = parse_endpoint(name, environ)
    endpoint = choose_model(endpoint, list_models(endpoint))
    engine = RemoteEngine(endpoint)
    if not _known(endpoint.model):
        engine.note = (
            f"Whether {endpoint.model} was trained to write chains is not known here; it is asked "
            "for one all the same."
        )
    return engine


def describe(endpoint: Endpoint) -> ModelInfo:
    """Describe the model behind an endpoint; of one with a name of the catalog all is known."""
    known = _known(endpoint.model)
    info = known or catalog.find("someone/something")
    about = f"Served at {endpoint.host}; its name is not in the catalog."
    return replace(
        info,
        name=endpoint.name,
        label=f"{info.label if known else endpoint.model} at {endpoint.host}",
        source=endpoint.base,
        bundled=False,
        memory={},
        about=f"Served at {endpoint.host}. {info.about}" if known else about,
        at_once=AT_ONCE,
    )


def _known(model: str) -> ModelInfo | None:
    """Find a served model in the catalog by its name, its hub id, or its folder on this machine."""
    for info in catalog.models():
        if model in (info.name, info.source):
            return info
    return None
