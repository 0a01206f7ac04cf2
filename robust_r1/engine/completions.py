"""Ask an endpoint many questions for whole replies, each until it is answered.

What fails is asked again, after a pause that doubles; a server that says when to come back is asked
then, by nobody before. A question that fails in the end is reported and the others go on, unless
the endpoint itself is gone or refuses whatever it is asked.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from robust_r1.engine.endpoint import Endpoint, retry_after
from robust_r1.engine.events import NOT_A_COMPLETION, BrokenStream, read_completion
from robust_r1.engine.loops import run_to_end
from robust_r1.engine.transfer import client_options
from robust_r1.errors import ModelError

# Seconds before each further try of a question, where the server names no time of its own.
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
LONGEST_WAIT = 120.0  # seconds; a server that wants longer is not asked again by this process
GONE_AFTER = 10  # questions that fail one after the other, with none answered between
_MAX_TOKENS = 1024  # room for models that think before they say a word
# Tries of one question, by what became of them: a rate is kept to by waiting, not by giving up, and
# a try that waits for the whole time-out is dear.
_TRIES = {"limited": 30, "stalled": 2, "failed": 6}
_HELLOS = 2  # tries to reach somebody who was never there
_LONGEST = 5  # times the time-out: what trickles longer than that is a stall as well
_REFUSALS = (401, 403, 404, 405)  # key, right, model or path: no other question would fare better
_PASSING = (408, 409, 425)  # and all from 500 on


@dataclass(frozen=True)
class Completion:
    """Report what came of a question: a text, or what went wrong.

    Attributes:
        question: its place among the questions, from 0.
        text: what the model wrote; empty with a fault.
        fault: None where there is a text.
    """

    question: int
    text: str = ""
    fault: ModelError | None = None


@dataclass(frozen=True)
class WholeReply:
    """Hold what came of a question.

    Attributes:
        text: what the model wrote; empty where it is `refused`.
        refused: why there is no answer, in words that follow "The endpoint"; empty where there is.
        prompt_tokens, completion_tokens: as far as the server told.
        tries: how often it was asked.
    """

    text: str
    refused: str
    prompt_tokens: int | None
    completion_tokens: int | None
    tries: int


class Failure(Exception):
    """Report a question, or a try of one, that brought no answer.

    Attributes:
        fault: what went wrong.
        kind: a key of _TRIES, or empty where another try would do no better.
        gone: whether, once it is given up, no other question would do better either.
        wait: how many seconds the server asks for.
    """

    def __init__(
        self, fault: ModelError, kind: str = "failed", gone: bool = False, wait: float = 0.0
    ) -> None:
        super().__init__(str(fault))
        self.fault, self.kind, self.gone, self.wait = fault, kind, gone, wait


class Insistence:
    """Ask an endpoint, again where that may help; an async context manager.

    Those who ask at the same time share the time before which the server wants nobody.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Take where to ask."""
        self._endpoint = endpoint
        self._not_before = 0.0
        self._met = False  # whether anybody answered yet

    async def __aenter__(self) -> Self:
        """Open what the connections come from."""
        self._client = httpx.AsyncClient(**client_options(self._endpoint))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def ask(self, body: Mapping[str, Any]) -> WholeReply:
        """Return the reply to a question's JSON body; raises Failure once it is given up."""
        content = json.dumps(body).encode()
        tries = dict.fromkeys((*_TRIES, ""), 0)
        while True:
            while (rest := self._not_before - time.monotonic()) > 0:
                await asyncio.sleep(rest)
            try:
                return await self._try(content, sum(tries.values()) + 1)
            except Failure as failure:
                tries[failure.kind] += 1
                here = _TRIES.get(failure.kind, 0)
                if tries[failure.kind] >= (here if self._met else min(here, _HELLOS)):
                    raise
                if failure.wait > LONGEST_WAIT:
                    raise Failure(failure.fault, failure.kind, gone=True) from None
                pause = failure.wait or PAUSES[min(tries[failure.kind], len(PAUSES)) - 1]
                if failure.wait:  # for everybody
                    self._not_before = max(self._not_before, time.monotonic() + pause)
                else:
                    await asyncio.sleep(pause)

    async def _try(self, content: bytes, tries: int) -> WholeReply:
        """Ask once; raises Failure where that brings nothing."""
        address = f"{self._endpoint.base}/chat/completions"
        headers = {"Content-Type": "application/json"}
        try:
            async with asyncio.timeout(_LONGEST * self._endpoint.timeout):
                response = await self._client.post(address, content=content, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            fault = error if isinstance(error, httpx.HTTPError) else httpx.ReadTimeout("")
            kind = "stalled" if isinstance(fault, httpx.TimeoutException) else "failed"
            nobody = isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout)
            self._met = self._met or not nobody
            raise Failure(self._endpoint.connection_fault(fault), kind, nobody) from error
        self._met = True
        if (status := response.status_code) == 200:
            return self._reply(response, tries)
        kind = "failed" if status in _PASSING or status >= 500 else ""
        raise Failure(
            self._endpoint.status_fault(status, response.headers, response.text),
            "limited" if status == 429 else kind,
            gone=status in _REFUSALS or 300 <= status < 400,
            wait=retry_after(response.headers) or 0.0,
        )

    def _reply(self, response: httpx.Response, tries: int) -> WholeReply:
        """Return what the model wrote; raises Failure where that is nothing."""
        try:
            content = response.json()
            reply = read_completion(content)
        except BrokenStream as error:
            raise Failure(self._endpoint.stream_fault(str(error))) from error
        except NOT_A_COMPLETION:
            fault = self._endpoint.stream_fault("sent something else than a chat completion")
            raise Failure(fault) from None
        refused = reply.why_refused
        if not (refused or reply.text.strip()):
            raise Failure(self._endpoint.stream_fault("sent a chat completion without a word"))
        asked = (content.get("usage") or {}).get("prompt_tokens")
        return WholeReply("" if refused else reply.text, refused, asked, reply.tokens, tries)


def ask_texts(
    endpoint: Endpoint,
    questions: Sequence[str],
    take: Callable[[Completion], None],
    at_once: int,
) -> None:
    """Ask for a completion of each question at temperature 0, and hand over each as it comes.

    Args:
        take: called by one thread, in the order in which the completions come.
        at_once: how many questions are on their way at the same time.

    Raises:
        ModelError: the endpoint cannot be reached, refuses the key or the model, wants to be left
            alone for longer than LONGEST_WAIT, or failed GONE_AFTER times in a row. What came
            before was handed over.
    """
    run_to_end(_Asking(endpoint, questions, take).run(at_once))


class _Asking:
    """Hold what the workers share: the questions that wait, and how many failed in a row."""

    def __init__(
        self, endpoint: Endpoint, questions: Sequence[str], take: Callable[[Completion], None]
    ) -> None:
        self._endpoint, self._take = endpoint, take
        self._waiting: Iterator[tuple[int, str]] = iter(enumerate(questions))
        self._failed = 0

    async def run(self, at_once: int) -> None:
        try:
            async with Insistence(self._endpoint) as insistence, asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(self._work(insistence))
        except ExceptionGroup as faults:  # the first worker's ended the others
            raise faults.exceptions[0] from None

    async def _work(self, insistence: Insistence) -> None:
        for number, question in self._waiting:
            try:
                reply = await insistence.ask(self._body(question))
                if reply.refused:
                    raise Failure(self._endpoint.no_answer(reply.refused))
            except Failure as failure:
                self._failed += 1
                if failure.gone or self._failed >= GONE_AFTER:
                    raise failure.fault from None
                self._take(Completion(number, fault=failure.fault))
            else:
                self._failed = 0
                self._take(Completion(number, reply.text))

    def _body(self, question: str) -> dict[str, Any]:
        return {
            "model": self._endpoint.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": _MAX_TOKENS,
        }
