"""Run a Qwen2.5-VL model in this process."""

import gc
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image
from transformers import BatchFeature, PreTrainedModel, ProcessorMixin
from transformers.generation.streamers import BaseStreamer

from robust_r1.chain import parse
from robust_r1.engine import machine
from robust_r1.engine.control import Ending, Watch, any_set, takes_requests
from robust_r1.engine.conversation import write_turns
from robust_r1.engine.decoding import TextDecoder, TokenBytes
from robust_r1.engine.options import Slot, read_slots, slot_of
from robust_r1.engine.processing import ImageTextProcessor
from robust_r1.engine.sampling import StopAt, StopWhen, generation_config, processors_for
from robust_r1.engine.threads import one_thread
from robust_r1.engine.types import (
    Answer,
    Finish,
    GenerationSettings,
    ModelInfo,
    Request,
    TextDelta,
)
from robust_r1.engine.worker import TokenSource, as_model_errors
from robust_r1.errors import InputError, ModelError
from robust_r1.metrics import answer_start

_WAIT = 0.05  # seconds between looks at Stop while another request has the model
# Pictures and the messages of the conversation about them.
_Chat = tuple[tuple[np.ndarray, ...], list[dict]]


class LocalEngine:
    """Answer questions about pictures with one loaded model; see `types.Engine`.

    One request has the model at a time, others wait. Nothing is kept between requests.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        processor: ProcessorMixin,
        info: ModelInfo,
        precision: str,
        note: str = "",
    ):
        self.info = info
        self.precision = precision
        self.note = note
        self.device = str(model.device)
        self._model: PreTrainedModel | None = model
        self._processor = processor
        self._tokens = TokenBytes(processor.tokenizer)
        self._ends = _end_tokens(model)
        self._on_one_thread = model.device.type == "cpu" and info.tiny
        self._lock = threading.Lock()

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Fit a picture (uint8, (height, width, 3)) to what the model sees; idempotent."""
        return self.info.fit(image)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has for this model; `Answer.tokens` counts the same."""
        return len(self._processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    @takes_requests
    def stream(
        self,
        request: Request,
        settings: GenerationSettings | None = None,
        stop: threading.Event | None = None,
    ) -> Generator[TextDelta | Answer, None, None]:
        """Yield TextDelta pieces as the model writes them, then one Answer.

        Args:
            request: what is asked; each of its pictures has the whole pixel budget.
            settings: how to generate; None for the model's own, `info.defaults`.
            stop: set it to end the generation within one token; the Answer then says "stopped".
                Closing the iterator ends it likewise, and waits for the thread.

        Raises:
            InputError: an unfit question, template or history, too many pictures, at once.
            ModelError: the model failed, or was closed.
        """
        self._require_model()
        chat, settings = self._chat(request), settings or self.info.defaults
        return self._stream(chat, request.until, settings, stop)

    def _stream(
        self,
        chat: _Chat,
        until: str,
        settings: GenerationSettings,
        stop: threading.Event | None,
    ) -> Generator[TextDelta | Answer, None, None]:
        closed = threading.Event()
        stopped = any_set(stop, closed)
        with self._turn(stopped) as model:
            watch = Watch()
            finish: Finish = "stopped"
            ending = Ending(until)
            indices: list[int] = []
            pieces: list[str] = []

            def work(streamer: BaseStreamer) -> None:
                self._run(model, [chat], [until], settings, stopped, streamer)

            if model is not None:
                with TokenSource(work, closed) as source:
                    for text in self._texts(source, indices, ending):
                        watch.see_text()
                        pieces.append(text)
                        yield TextDelta(text)
                    watch.stop()
                    finish = "stop" if ending.reached else self._finish(indices, stopped)
        # The model is free again, also for whoever does not ask for more after the answer.
        yield self._answer(indices, "".join(pieces), finish, watch, settings)

    def _texts(
        self, source: Iterable[list[int]], indices: list[int], ending: Ending
    ) -> Iterator[str]:
        """Yield the text of tokens as they come, and collect their ids in `indices`."""
        decoder = TextDecoder(self._tokens)
        for fresh in source:
            indices += fresh
            if text := ending.feed(decoder.feed(fresh)):
                yield text
        if text := ending.feed(decoder.close()) + ending.close():
            yield text

    @takes_requests
    def generate(
        self,
        requests: Iterable[Request],
        settings: GenerationSettings | None = None,
        batch_size: int = 8,
        stop: threading.Event | None = None,
    ) -> Sequence[Answer]:
        """Answer requests in batches; the answers come in their order.

        The text is what `stream` gives for the same request and settings: padding is on the left
        and every request draws from a generator of its own. Setting `stop` ends the current batch
        within one token and leaves the rest out, so fewer answers than requests come back.

        Raises:
            InputError: an unfit request or batch size.
            ModelError: the model failed, or was closed.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; give at least 1.")
        settings = settings or self.info.defaults
        asked = [(self._chat(request), request.until) for request in requests]
        stopped = any_set(stop)
        answers: list[Answer] = []
        for start in range(0, len(asked), batch_size):
            chats, untils = zip(*asked[start : start + batch_size], strict=True)
            with self._turn(stopped) as model:
                if model is None or stopped():
                    break
                watch = Watch()
                with as_model_errors():
                    rows = self._run(model, chats, untils, settings, stopped)
                watch.stop(share=len(chats))
            for row, until in zip(rows, untils, strict=True):
                text, reached = self._decode(row, until)
                finish = "stop" if reached else self._finish(row, stopped)
                answers.append(self._answer(row, text, finish, watch, settings))
        return tuple(answers)

    def option_logprobs(
        self,
        requests: Sequence[Request],
        answers: Sequence[Answer],
        labels: Sequence[Sequence[str]],
        batch_size: int = 8,
    ) -> list[tuple[float, ...]]:
        """Return the odds of each option's label, see `Engine.option_logprobs`.

        Each answer is given to the model again up to the place where it begins, and what it would
        write there is read. Raises ModelError where the model fails, or was closed.
        """
        chats = [self._chat(request) for request in requests]
        slots = []
        for number, (answer, own) in enumerate(zip(answers, labels, strict=True)):
            start = answer_start(answer.text) if own else None
            if start is not None:
                prompt = self._prompt(chats[number][1])
                told = answer.text[:start]
                slots.append(slot_of(number, self._processor.tokenizer, prompt, told, own))

        def inputs(some: Sequence[Slot]) -> BatchFeature:
            return self._inputs([chats[slot.number] for slot in some], [one.start for one in some])

        with self._lock, one_thread(wanted=self._on_one_thread), as_model_errors():
            found = read_slots(self._require_model(), slots, inputs, batch_size)
        return [found.get(number, ()) for number in range(len(chats))]

    def close(self) -> None:
        """Free the model's memory, after the request that is running; again does nothing."""
        with self._lock:
            self._model = None
            gc.collect()
            machine.release_cache()

    def __enter__(self) -> "LocalEngine":
        """Return the engine, to be closed at the end of the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the engine."""
        self.close()

    def _chat(self, request: Request) -> _Chat:
        return request.images, write_turns(self.info, request)

    def _require_model(self) -> PreTrainedModel:
        if self._model is None:
            raise ModelError(f"The model {self.info.name} was closed; load it again.")
        return self._model

    @contextmanager
    def _turn(self, stopped: Callable[[], bool]) -> Iterator[PreTrainedModel | None]:
        """Wait for the model and hold it; give None where Stop came first."""
        while not self._lock.acquire(timeout=_WAIT):
            if stopped():
                yield None
                return
        try:
            yield self._require_model()
        finally:
            self._lock.release()

    def _run(
        self,
        model: PreTrainedModel,
        batch: Sequence[_Chat],
        untils: Sequence[str],
        settings: GenerationSettings,
        stopped: Callable[[], bool],
        streamer: BaseStreamer | None = None,
    ) -> list[list[int]]:
        """Generate the next turn of each chat: its tokens, end tokens included.

        Those of one that was asked until a text end where that text does.
        """
        ends = StopAt(self._tokens, untils)
        with one_thread(wanted=self._on_one_thread), torch.inference_mode():
            inputs = self._inputs(batch).to(model.device)
            output = model.generate(
                **inputs,
                generation_config=generation_config(settings, model.generation_config),
                logits_processor=processors_for(settings, len(batch)),
                stopping_criteria=[StopWhen(stopped), *([ends] if any(untils) else [])],
                streamer=streamer,
            )
        rows = output[:, inputs["input_ids"].shape[1] :].tolist()
        return [
            self._until_end(row[:length]) for row, length in zip(rows, ends.lengths, strict=True)
        ]

    def _prompt(self, messages: list[dict]) -> str:
        return self._processor.apply_chat_template(messages, add_generation_prompt=True)

    def _inputs(self, batch: Sequence[_Chat], starts: Sequence[str] = ()) -> BatchFeature:
        """Make the model's inputs; `starts` are what it wrote of each answer already."""
        pictures = [Image.fromarray(self.fit(one)) for shown, _ in batch for one in shown]
        begun = starts or [""] * len(batch)
        texts = [
            self._prompt(messages) + start
            for (_, messages), start in zip(batch, begun, strict=True)
        ]
        # Fitted pictures are not resized again: what was shown is what the model sees. Models of
        # other kinds know one size only.
        fixed = {"do_resize": False} if isinstance(self._processor, ImageTextProcessor) else {}
        return self._processor(
            images=pictures, text=texts, padding=True, return_tensors="pt", **fixed
        )

    def _until_end(self, row: list[int]) -> list[int]:
        for place, index in enumerate(row):
            if index in self._ends:
                return row[: place + 1]
        return row

    def _finish(self, row: list[int], stopped: Callable[[], bool]) -> Finish:
        if row and row[-1] in self._ends:
            return "stop"
        return "stopped" if stopped() else "length"

    def _decode(self, row: list[int], until: str) -> tuple[str, bool]:
        """Return a row's text, and whether it came to the one that it was asked until."""
        decoder, ending = TextDecoder(self._tokens), Ending(until)
        text = ending.feed(decoder.feed(row) + decoder.close()) + ending.close()
        return text, ending.reached

    def _answer(
        self,
        row: list[int],
        text: str,
        finish: Finish,
        watch: Watch,
        settings: GenerationSettings,
    ) -> Answer:
        return Answer(
            text=text,
            parsed=parse(text),
            tokens=sum(index not in self._ends for index in row),
            seconds=watch.seconds,
            first_text_seconds=watch.first_text,
            finish=finish,
            model=self.info.name,
            settings=settings,
        )


def _end_tokens(model: PreTrainedModel) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    if ends is None:
        return frozenset()
    return frozenset([ends] if isinstance(ends, int) else ends)
