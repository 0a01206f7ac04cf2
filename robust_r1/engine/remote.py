"""Ask a model behind an OpenAI-compatible endpoint: vLLM, SGLang, `transformers serve`, others."""

import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from robust_r1 import images
from robust_r1.engine import catalog
from robust_r1.engine.control import any_set, takes_requests
from robust_r1.engine.conversation import write_turns
from robust_r1.engine.endpoint import Endpoint, NoAnswer, choose_model, parse_endpoint
from robust_r1.engine.growing import Growing, ask_many
from robust_r1.engine.needs import Needs
from robust_r1.engine.odds import listed_logprobs
from robust_r1.engine.transfer import Transfer, look_up
from robust_r1.engine.types import (
    Answer,
    GenerationSettings,
    ModelInfo,
    Request,
    TextDelta,
)
from robust_r1.errors import InputError, ModelError

# Questions of one page that are on their way at the same time: the server batches them.
AT_ONCE = 32
_WAIT = 0.05  # seconds between looks at Stop while nothing arrives
LISTED = 20  # tokens that are told beside each one; vLLM and OpenAI give no more


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
        # Whether it is told where an answer is over. `transformers serve` 5.23 fails on that with
        # models that see; what is cut here costs it no more than a few tokens.
        self._tells_end = True

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
            ModelError: the endpoint is down, refuses, breaks off before the first text, or has
                none for an answer.
        """
        settings = settings or self.info.defaults
        return self._stream(request, self._body(request, settings), settings, any_set(stop))

    def _stream(
        self,
        request: Request,
        body: dict[str, Any],
        settings: GenerationSettings,
        stopped: Callable[[], bool],
    ) -> Generator[TextDelta | Answer, None, None]:
        growing = Growing(request.until)
        try:
            if not stopped():
                with Transfer(self._endpoint) as transfer:
                    transfer.ask(0, body)
                    while not (growing.ended or stopped()):
                        arrival = transfer.wait(_WAIT)
                        if arrival is None:
                            continue
                        if text := growing.take(arrival):
                            yield TextDelta(text)
        except ModelError as error:  # no text had come
            if "stop" not in body or isinstance(error, NoAnswer):
                raise
            self._tells_end = False
            yield from self._stream(request, self._body(request, settings), settings, stopped)
            return
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
        asked = tuple(requests)
        for request in asked:
            write_turns(self.info, request)  # an unfit one is refused before any is sent
        try:
            answers = dict(self.answers(asked, settings, batch_size, stop))
        except ModelError:
            if not (self._tells_end and any(request.until for request in asked)):
                raise
            self._tells_end = False
            answers = dict(self.answers(asked, settings, batch_size, stop))
        return tuple(answers[number] for number in sorted(answers))

    def answers(
        self,
        requests: Iterable[Request],
        settings: GenerationSettings | None = None,
        at_once: int = 8,
        stop: threading.Event | None = None,
        logprobs: bool = False,
    ) -> Generator[tuple[int, Answer], None, None]:
        """Yield (number from 0, answer) of each request as soon as it is there, in any order.

        At most `at_once` are on their way, and `requests` is asked for one more ahead, so it may be
        as long as a benchmark. A server that is busy (429, 503) is asked again after a while, the
        one that it names where it does. Once a question fails no further one is asked; the answers
        to those under way are yielded first. Setting `stop`, or closing the iterator, cuts these.
        A question that the model would not answer (a content filter, a refusal, no word) does not
        end the others: its answer is "cut", and `fault` says why.

        Args:
            logprobs: ask for the likeliest tokens beside the ones that were written, which
                `option_logprobs` reads.

        Raises:
            InputError: an unfit request or `at_once`, once it is its turn.
            ModelError: the endpoint failed in one of them; no answer is made up from a part.
        """
        if at_once < 1:
            raise InputError(f"--concurrency is {at_once}; give at least 1.")
        settings = settings or self.info.defaults
        questions = (
            (self._body(request, settings, logprobs), request.until) for request in requests
        )
        with closing(ask_many(self._endpoint, questions, at_once, any_set(stop))) as finished:
            for number, growing in finished:
                yield number, growing.answer(self.info.name, settings, alone=False)

    def option_logprobs(
        self,
        requests: Sequence[Request],
        answers: Sequence[Answer],
        labels: Sequence[Sequence[str]],
        batch_size: int = 8,
    ) -> list[tuple[float, ...]]:
        """Return the odds of each option's label, see `Engine.option_logprobs`.

        They are read from what the server told beside the answer (`answers` with `logprobs`), which
        are the likeliest tokens alone: where one of the labels is not among them, or takes several
        tokens, there are none.
        """
        return [
            listed_logprobs(answer.text, answer.listed, own)
            for answer, own in zip(answers, labels, strict=True)
        ]

    def close(self) -> None:
        """Do nothing: no connection outlives its question."""

    def __enter__(self) -> "RemoteEngine":
        """Return the engine."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing."""

    def _body(
        self, request: Request, settings: GenerationSettings, logprobs: bool = False
    ) -> dict[str, Any]:
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
            **({"logprobs": True, "top_logprobs": LISTED} if logprobs else {}),
            **({"stop": [request.until]} if request.until and self._tells_end else {}),
        }


def connect(name: str, environ: Mapping[str, str] = os.environ) -> RemoteEngine:
    """Find the endpoint that a name such as http://host:8000/v1#model means, and look whether it is
    there.

    Without a name after #, the only model that is served is taken; /v1 may be missing.

    Raises:
        InputError: an address that cannot be read, or no name where several models are served.
        ModelError: the endpoint cannot be reached, or refuses the key.
    """
    endpoint = choose_model(*look_up(parse_endpoint(name, environ)))
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
        needs=Needs(),
    )


def _known(model: str) -> ModelInfo | None:
    """Find a served model in the catalog by its name, its hub id, or its folder on this machine."""
    for info in catalog.models():
        if model in (info.name, info.source):
            return info
    return None
