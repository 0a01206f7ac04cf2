"""Put answers of an endpoint together from what arrives: of one question, or of many at a time."""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from robust_r1.chain import parse
from robust_r1.engine.control import Ending, Watch
from robust_r1.engine.endpoint import Endpoint, NoAnswer
from robust_r1.engine.transfer import Arrival, Patience, Transfer
from robust_r1.engine.types import Answer, Finish, GenerationSettings, ListedToken
from robust_r1.errors import ModelError, RobustR1Error
from robust_r1.thoughts import CLOSE, OPEN

# For work that nobody sits before: with these waits a server may be busy for a minute and longer.
PATIENCE = Patience(tries=7)
_WAIT = 0.05  # seconds between looks at Stop while nothing arrives


class Growing:
    """Put an answer together from what arrives of it, up to the text that it is asked until.

    Servers leave that text out, write it, or do not know how to stop at one: here all are the same.
    What a server keeps apart as a thought stands between marks before the answer.
    """

    def __init__(self, until: str = "") -> None:
        self.ended = False
        self._ending = Ending(until)
        self._watch = Watch()
        self._pieces: list[str] = []
        self._thinking = False
        self._finish: Finish = "stopped"
        self._tokens: int | None = None
        self._listed: list[ListedToken] = []
        self.fault = ""

    def take_whole(self, arrival: Arrival) -> ModelError | None:
        """Add an arrival, and return why the answer is not whole where that is known now.

        A question that the model would not answer is answered with `fault`.
        """
        try:
            self.take(arrival)
        except NoAnswer as error:
            self._finish, self.fault = "cut", str(error)
        except ModelError as error:
            return error
        refused = isinstance(arrival.fault, NoAnswer)
        return ModelError(self.fault) if self.fault and not refused else None

    def take(self, arrival: Arrival) -> str:
        """Add an arrival and return its text; raises its fault where no text had come before."""
        if self.ended:
            return ""
        chunk = arrival.chunk
        text = self._marked(chunk.thought, chunk.text)
        text += self._ending.close() if arrival.ended else ""
        if text:
            self._watch.see_text()
            self._pieces.append(text)
        self._listed += chunk.listed
        if chunk.tokens is not None:
            self._tokens = chunk.tokens
        if chunk.finish and self._finish == "stopped":
            self._finish = "length" if chunk.finish == "length" else "stop"
        if self._ending.reached:
            self._finish, self.ended = "stop", True
        elif arrival.ended:
            self.ended = True
            # What breaks after the end, while the connection is closed, takes nothing away.
            refused = isinstance(arrival.fault, NoAnswer)
            if arrival.fault is not None and (refused or self._finish == "stopped"):
                if not self._pieces:
                    raise arrival.fault
                self._finish, self.fault = "cut", str(arrival.fault)
        return text

    def _marked(self, thought: str, text: str) -> str:
        """Return what is new: a thought and its marks, and the text up to the answer's end."""
        said = ""
        if thought:
            said = thought if self._thinking else OPEN + thought
            self._thinking = True
        if text and self._thinking:
            said += CLOSE
            self._thinking = False
        return said + self._ending.feed(text)

    def answer(self, model: str, settings: GenerationSettings, alone: bool = True) -> Answer:
        """Return the answer as far as it has come; not `alone` if others were under way with it."""
        self._watch.stop()
        text = "".join(self._pieces)
        return Answer(
            text=text,
            parsed=parse(text),
            tokens=len(self._pieces) if self._tokens is None else self._tokens,
            seconds=self._watch.seconds,
            first_text_seconds=self._watch.first_text if alone else None,
            finish=self._finish,
            model=model,
            settings=settings,
            fault=self.fault,
            listed=tuple(self._listed),
        )


def ask_many(
    endpoint: Endpoint,
    questions: Iterable[tuple[dict[str, Any], str]],
    at_once: int,
    stopped: Callable[[], bool],
) -> Generator[tuple[int, Growing], None, None]:
    """Ask questions, `at_once` at a time, and yield (number from 0, answer) of each at its end.

    `questions` are JSON bodies, each with the text that its answer is asked until; one more is made
    ahead of those that are on their way. What goes wrong, there or on the way, is raised once what
    is on its way has ended.

    Raises:
        RobustR1Error: a question could not be made, or the endpoint failed in one.
    """
    waiting = _Ahead(iter(questions))
    under_way: dict[int, Growing] = {}
    fault: RobustR1Error | None = None
    with Transfer(endpoint, PATIENCE) as transfer:
        while not stopped() and (under_way or not (fault or waiting.ended)):
            if len(under_way) < at_once and not (fault or waiting.ended):
                number, body = waiting.number, waiting.body
                under_way[number] = Growing(waiting.until)
                transfer.ask(number, body)
                waiting.step()
            elif (arrival := transfer.wait(_WAIT)) is not None:
                one = under_way.get(arrival.question)
                if one is None:  # it had come to its end, and is being cut
                    continue
                failed = one.take_whole(arrival)
                fault = fault or failed
                if one.ended:
                    del under_way[arrival.question]
                    transfer.cut(arrival.question)
                    if failed is None:
                        yield arrival.question, one
    if fault := fault or waiting.fault:
        raise fault


class _Ahead:
    """Hold the next question, which is made while others are on their way."""

    def __init__(self, questions: Iterator[tuple[dict[str, Any], str]]) -> None:
        self._questions, self.number = questions, -1
        self.body: dict[str, Any] = {}
        self.until = ""
        self.ended = False
        self.fault: RobustR1Error | None = None
        self.step()

    def step(self) -> None:
        """Make the next one; what goes wrong there is kept, and is the end."""
        try:
            self.body, self.until = next(self._questions)
            self.number += 1
        except StopIteration:
            self.ended = True
        except RobustR1Error as error:
            self.ended, self.fault = True, error
