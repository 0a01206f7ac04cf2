"""Ask an endpoint many short questions in words, several at a time, each until it is answered.

What fails is asked again, after a pause that doubles; a server that says when to come back is asked
then, by nobody before. A question that fails in the end is reported and the others go on, unless
the endpoint itself is gone or refuses whatever it is asked.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx

from robust_r1.engine.endpoint import Endpoint, retry_after
from robust_r1.engine.events import NOT_A_COMPLETION, BrokenStream, read_completion
from robust_r1.engine.loops import run_to_end
from robust_r1.engine.transfer import client_options
from robust_r1.errors import ModelError

# Seconds before each further try of a question, where the server names no time of its own.
PAUSES = (1.0, 2.0, 4.0, 8.0)
LONGEST_WAIT = 90.0  # seconds; a server that wants longer pauses is not asked again by this process
GONE_AFTER = 10  # questions that fail one after the other, with none answered between
_MAX_TOKENS = 1024  # room for models that think before they say a word
# Tries of one question, by what became of them: a rate is kept to by waiting, not by giving up, and
# a try that waits for the whole time-out is dear.
_TRIES = {"limited": 30, "stalled": 2, "failed": 5}
_REFUSALS = (401, 403, 404)  # key, right, model or path: the next question would fare no better
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


class _Failure(Exception):
    """Report a try that brought no answer.

    `kind` is a key of _TRIES, or empty where another try would do no better; `gone` tells whether,
    once it is given up, no other question would do better either; `wait` is how many seconds the
    server asks for.
    """

    def __init__(
        self, fault: ModelError, kind: str = "failed", gone: bool = False, wait: float = 0.0
    ) -> None:
        super().__init__(str(fault))
        self.fault, self.kind, self.gone, self.wait = fault, kind, gone, wait


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
    """Hold what the workers share: the questions that wait, and when the server may be asked."""

    def __init__(
        self, endpoint: Endpoint, questions: Sequence[str], take: Callable[[Completion], None]
    ) -> None:
        self._endpoint, self._take = endpoint, take
        self._waiting: Iterator[tuple[int, str]] = iter(enumerate(questions))
        self._not_before = 0.0
        self._failed = 0

    async def run(self, at_once: int) -> None:
        try:
            options = client_options(self._endpoint)
            async with httpx.AsyncClient(**options) as client, asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(self._work(client))
        except ExceptionGroup as faults:  # the first worker's ended the others
            raise faults.exceptions[0] from None

    async def _work(self, client: httpx.AsyncClient) -> None:
        for number, question in self._waiting:
            try:
                text = await self._answer(client, question)
            except _Failure as failure:
                self._failed += 1
                if failure.gone or self._failed >= GONE_AFTER:
                    raise failure.fault from None
                self._take(Completion(number, fault=failure.fault))
            else:
                self._failed = 0
                self._take(Completion(number, text))

    async def _answer(self, client: httpx.AsyncClient, question: str) -> str:
        """Return a completion; raises _Failure once it is given up."""
        tries = dict.fromkeys((*_TRIES, ""), 0)
        while True:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            try:
                return await self._try(client, question)
            except _Failure as failure:
                tries[failure.kind] += 1
                if tries[failure.kind] >= _TRIES.get(failure.kind, 0):
                    raise
                if failure.wait > LONGEST_WAIT:
                    raise _Failure(failure.fault, gone=True) from None
                pause = failure.wait or PAUSES[min(tries[failure.kind], len(PAUSES)) - 1]
                if failure.wait:  # for everybody
                    self._not_before = max(self._not_before, time.monotonic() + pause)
                else:
                    await asyncio.sleep(pause)

    async def _try(self, client: httpx.AsyncClient, question: str) -> str:
        """Ask once; raises _Failure where that brings nothing."""
        body = {
            "model": self._endpoint.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": _MAX_TOKENS,
        }
        try:
            response = await client.post(f"{self._endpoint.base}/chat/completions", json=body)
        except httpx.HTTPError as error:
            kind = "stalled" if isinstance(error, httpx.TimeoutException) else "failed"
            nobody = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise _Failure(self._endpoint.connection_fault(error), kind, nobody) from error
        if (status := response.status_code) != 200:
            fault = self._endpoint.status_fault(status, response.headers, response.text)
            kind = "failed" if status in _PASSING or status >= 500 else ""
            gone = status in _REFUSALS or 300 <= status < 400
            kind = "limited" if status == 429 else kind
            raise _Failure(fault, kind, gone, retry_after(response.headers) or 0.0)
        return self._text(response)

    def _text(self, response: httpx.Response) -> str:
        """Return what the model wrote; raises _Failure where that is nothing."""
        try:
            reply = read_completion(response.json())
        except BrokenStream as error:
            raise _Failure(self._endpoint.stream_fault(str(error))) from error
        except NOT_A_COMPLETION:
            fault = self._endpoint.stream_fault("sent something else than a chat completion")
            raise _Failure(fault) from None
        if why := reply.why_refused:
            raise _Failure(self._endpoint.no_answer(why), kind="")
        if not reply.text.strip():
            raise _Failure(self._endpoint.stream_fault("sent a chat completion without a word"))
        return reply.text
