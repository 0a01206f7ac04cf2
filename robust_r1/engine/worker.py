"""Run a generation in a thread of its own and hand its tokens over as they come."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import torch
from transformers.generation.streamers import BaseStreamer

from robust_r1.errors import InputError, ModelError


class TokenSource(BaseStreamer):
    """Iterate over the token ids that a thread generates, errors included.

    A context manager: the thread starts with the block and has ended when the block is left, in
    whatever way it is left.
    """

    def __init__(self, work: Callable[[BaseStreamer], object], cancel: threading.Event):
        """Take the work, which passes its argument to `generate`, and what makes it end early."""
        self._work = work
        self._cancel = cancel
        self._items: queue.SimpleQueue[list[int] | Exception | None] = queue.SimpleQueue()
        self._prompt = True
        # A daemon, so that an interrupted program does not wait for the rest of an answer.
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)

    def put(self, value: torch.Tensor) -> None:
        """Take what `generate` hands over: first the prompt, then one token at a time."""
        if self._prompt:
            self._prompt = False
        else:
            self._items.put(value.tolist())

    def end(self) -> None:
        """Do nothing: the end of the work is the end."""

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End the generation within one token and wait for the thread."""
        self._cancel.set()
        self._thread.join()

    def __iter__(self) -> Iterator[list[int]]:
        """Yield new token ids; raises ModelError for what went wrong in the thread."""
        while (item := self._items.get()) is not None:
            if isinstance(item, Exception):
                with as_model_errors():
                    raise item
            yield item

    def _run(self) -> None:
        try:
            self._work(self)
            self._items.put(None)
        except Exception as error:  # whatever it is, it is raised again where people iterate
            self._items.put(error)


@contextmanager
def as_model_errors() -> Iterator[None]:
    """Turn what torch and transformers raise into one sentence; the cause stays attached."""
    try:
        yield
    except (ModelError, InputError):
        raise
    except torch.OutOfMemoryError as error:
        raise ModelError(
            "The GPU ran out of memory; choose 4-bit, a smaller picture or fewer at a time."
        ) from error
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"The model failed while it was writing: {reason[:200]}") from error
