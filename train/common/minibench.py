"""A look at MiniBench while a model learns: fewer of its items, scored as evaluation does."""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from PIL import Image
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from robust_r1.ask.pipeline import request_of
from robust_r1.chain import build_prompt, parse
from robust_r1.engine.types import Answer, Engine, GenerationSettings, ModelInfo
from robust_r1.evaluation import STRENGTHS, BenchmarkItem, Row, benchmark, row_of
from robust_r1.evaluation.figures import is_false_alarm
from robust_r1.metrics import mean, pool
from train.common.answering import Answering, Asked, Said
from train.common.logs import log_figures


class MiniBench(TrainerCallback):
    """Ask a part of MiniBench every so many steps and after the last one, and log the figures.

    Args:
        trainer: of the model.
        answering: has the model answer.
        info: says what the model sees of a picture.
        every: optimizer steps between two looks.
        count: items; see `some_items`.
    """

    def __init__(
        self, trainer: Any, answering: Answering, info: ModelInfo, every: int, count: int
    ) -> None:
        self._trainer, self._answering, self._info = trainer, answering, info
        self._every, self._count = every, count

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Ask where it is due; all processes answer."""
        if state.global_step % self._every and state.global_step < state.max_steps:
            return
        begun, items = time.monotonic(), some_items(self._count)
        said = self._answering.greedy([_asked(item, self._info) for item in items])
        figures = minibench_figures(rows_of(items, said, self._info.name))
        figures["minibench/seconds"] = round(time.monotonic() - begun, 1)
        log_figures(self._trainer, figures)


@cache
def some_items(count: int) -> tuple[BenchmarkItem, ...]:
    """Return about so many items of MiniBench, always the same ones, from all of its parts.

    Each scene comes at its four levels, one of them clean.
    """
    every = benchmark("minibench")
    sources = list(dict.fromkeys(item.source for item in every))
    wanted = max(count // len(STRENGTHS), 1)
    # Evenly over multiple choice, short answers and captions, which follow one another.
    taken = {sources[place * len(sources) // wanted] for place in range(wanted)}
    return tuple(item for item in every if item.source in taken)


def rows_of(items: Sequence[BenchmarkItem], said: Sequence[Said], model: str) -> list[Row]:
    """Return rows of an evaluation: answers to items, scored as `evaluate` does."""
    return [row_of(item, _answer(one, model)) for item, one in zip(items, said, strict=True)]


def minibench_figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return the figures of rows, under the names that the log has; what is not measured lacks."""
    clean = [row for row in rows if not row.plan]
    damaged = [row for row in rows if row.plan]
    found = pool(row.matching for row in damaged)
    figures = {
        "answers_clean": mean(row.accuracy for row in clean),
        "answers_damaged": mean(row.accuracy for row in damaged),
        "type_f1": found.f1,
        "intensity_mae": found.mae,
        "false_alarms": mean(float(is_false_alarm(row)) for row in clean),
        "well_formed": mean(float(row.well_formed) for row in rows),
        "items": float(len(rows)),
    }
    return {f"minibench/{name}": value for name, value in figures.items() if value is not None}


def _asked(item: BenchmarkItem, info: ModelInfo) -> Asked:
    def draw() -> Image.Image:
        return Image.fromarray(request_of(cast(Engine, _Sees(info)), item.case).images[0])

    return Asked(build_prompt(item.case.prompt), draw)


class _Sees:
    """Stand for an engine as far as fitting a picture goes."""

    def __init__(self, info: ModelInfo) -> None:
        self.info, self.fit = info, info.fit


def _answer(said: Said, model: str) -> Answer:
    return Answer(
        text=said.text,
        parsed=parse(said.text),
        tokens=len(said.ids) - said.ended,
        seconds=0.0,
        first_text_seconds=None,
        finish="stop" if said.ended else "length",
        model=model,
        settings=GenerationSettings(),
    )
