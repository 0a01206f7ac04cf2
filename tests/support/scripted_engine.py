"""A scripted engine: what a real model cannot be made to do on demand.

It says hostile or malformed things, or goes on until it is stopped. It lives here and nowhere in
the product.
"""

import threading
import time
from collections.abc import Iterator

import numpy as np

from robust_r1.chain import parse
from robust_r1.engine import Answer, GenerationSettings, ModelInfo, TextDelta, Turn
from robust_r1.engine.control import Ending, takes_requests
from robust_r1.engine.conversation import check_history, check_pictures

CHAIN = (
    "<TYPE>lens blur(0.35), scan lines(0.20)<TYPE_END>"
    "<INFLUENCE>The blur softens every outline, so small marks are hard to tell.<INFLUENCE_END>"
    "<REASONING>Without the damage the scene holds three objects: a star, a circle and a seven."
    "<REASONING_END><CONCLUSION>There are three objects.<CONCLUSION_END><ANSWER>three<ANSWER_END>"
)


class ScriptedEngine:
    """Answer by a script: the first text whose key the question contains, else a good chain.

    A question that contains "endlessly" is answered until somebody stops it. `asked` keeps the
    pictures, `further` those after them, `histories` the earlier turns, `running` counts the
    answers on their way.
    """

    precision, device = "fp32", "cpu"

    def __init__(self, name="scripted", label="Scripted", texts=None, pixels=36_864, note="",
                 converses=False, pictures=1):
        self.info = ModelInfo(
            name=name, label=label, source="tests", bundled=True, parameters=1, memory={},
            licence="MIT", about="It says what the test wants.", min_pixels=1024,
            max_pixels=pixels, multiple=32, knows_photographs=False, converses=converses,
            pictures=pictures, defaults=GenerationSettings(max_new_tokens=320), tiny=True,
        )
        self.note = note
        self.texts = texts or {}
        self.asked: list[np.ndarray] = []
        self.histories: list[tuple[Turn, ...]] = []
        self.templates: list[str] = []
        self.further: list[list[np.ndarray]] = []
        self.running = 0
        self._turn = threading.Lock()

    def fit(self, image):
        return self.info.fit(image)

    def count_tokens(self, text):
        return len(text.split())

    @takes_requests
    def stream(self, request, settings=None, stop=None):
        check_history(self.info, request.history)
        check_pictures(self.info, len(request.images))
        stop = stop or threading.Event()
        with self._turn:
            image, *further = (one.copy() for one in request.images)
            self.asked.append(image)
            self.further.append(further)
            self.histories.append(tuple(request.history))
            self.templates.append(request.template)
            self.running += 1
            try:
                yield from self._write(request, settings or self.info.defaults, stop)
            finally:
                self.running -= 1

    def _write(self, request, settings, stop) -> Iterator[TextDelta | Answer]:
        start, written, finish = time.perf_counter(), "", "stop"
        ending = Ending(request.until)
        for piece in self._pieces(request.question):
            if stop.is_set():
                finish = "stopped"
                break
            if piece := ending.feed(piece):
                written += piece
                yield TextDelta(piece)
            if ending.reached:
                break
        seconds = time.perf_counter() - start
        yield Answer(
            written, parse(written), len(written.split()), seconds, 0.01, finish, self.info.name,
            settings,
        )

    def _pieces(self, question) -> Iterator[str]:
        if "endlessly" in question:
            yield "<TYPE>lens blur(0.50)<TYPE_END><INFLUENCE>On and on"
            while True:
                time.sleep(0.25)  # a page that has little of a processor keeps up
                yield " and on"
        text = next((text for key, text in self.texts.items() if key in question), CHAIN)
        for start in range(0, len(text), 24):
            yield text[start : start + 24]

    @takes_requests
    def generate(self, requests, settings=None, batch_size=8, stop=None):
        return tuple(list(self.stream(request, settings, stop))[-1] for request in requests)

    def close(self):
        pass
