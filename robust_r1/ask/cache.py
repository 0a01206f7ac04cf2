"""Answers that are known from before: what determines an answer is its key."""

import hashlib
import threading

import numpy as np
from cachetools import LRUCache

from robust_r1.engine import Answer, Engine, GenerationSettings, Request

# Some hundred bytes to a few kilobytes an answer: 20 MB at most.
_CACHED_ANSWERS = 4096


class AnswerCache:
    """Remember answers by model, pixels, prompt and settings, which together determine them.

    Bounded: the answers that were used longest ago go first. Safe to use from several threads.
    """

    def __init__(self, size: int = _CACHED_ANSWERS) -> None:
        self._answers: LRUCache[tuple, Answer] = LRUCache(size)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._answers)

    @staticmethod
    def key(engine: Engine, request: Request, settings: GenerationSettings | None) -> tuple:
        """Return what determines the answer of a model to a request."""
        pictures = tuple((image.shape, _digest(image)) for image in request.images)
        info = engine.info
        eyes = (info.eyes.name, info.eyes.source) if info.eyes else ()
        model = (info.name, info.source, engine.precision, eyes)
        asked = (request.question, request.history, request.template, request.until)
        return (*model, pictures, *asked, settings or info.defaults)

    def get(self, key: tuple) -> Answer | None:
        """Return the answer under a key, or None."""
        with self._lock:
            return self._answers.get(key)

    def put(self, key: tuple, answer: Answer) -> None:
        """Keep an answer; one that was stopped or cut is not whole, and is not kept."""
        if answer.finish in ("stopped", "cut"):
            return
        with self._lock:
            self._answers[key] = answer


def _digest(image: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()
