"""The public endpoints of the analyses: /compare and /sweep."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import gradio as gr

from robust_r1.analysis import (
    Side,
    Sweep,
    compare,
    comparison_json,
    run_sweep,
    sweep_json,
)
from robust_r1.analysis.compare import MAX_QUESTIONS
from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.case import Case, check_question
from robust_r1.ask.picture import load_picture, uploaded
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.ui.compare.sides import side_of
from robust_r1.ui.widgets.api_values import strictly, whole
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.job import ANALYSIS, AT_ONCE, ActiveAnswers
from robust_r1.ui.widgets.picture_input import build_picker
from robust_r1.ui.widgets.plan_input import read_plan
from robust_r1.ui.widgets.question import parse_choices, read_lines

_TITLE = "uploaded"


class AnalysisEndpoints:
    """Add the endpoints to the current `gr.Blocks`; they have no visible part."""

    def __init__(
        self, engines: tuple[Engine, ...], active: ActiveAnswers, cache: AnswerCache,
        eyes: PageEyes,
    ) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        self.active, self.cache, self.eyes = active, cache, eyes
        names = f"{', '.join(self.engines)}{eyes.offer}"
        with gr.Group(visible=False):
            image = build_picker(label="image")
            questions = gr.Textbox(label="questions, one a line: text | choice | choice => truth")
            models = gr.Textbox(engines[0].info.name, label=f"models, one a line, of {names}")
            plans = gr.Textbox("clean", label="plans, one a line: lens_blur=0.4, or clean")
            seed = gr.Number(0, label="seed of the plans, a whole number")
            question = gr.Textbox(label="question")
            degradations = gr.Textbox(label="degradations, such as lens_blur,gaussian_noise")
            levels = gr.Number(Sweep.levels, label="intensities from 0 to 1")
            together = gr.Checkbox(False, label="all at a time, not one after the other")
            choices = gr.Textbox("", label="answer choices, one a line")
            answer = gr.Textbox("", label="known answer; of choices, a text or a number from 0")
            model = gr.Textbox(engines[0].info.name, label=f"model, one of {names}")
            result = gr.JSON(label="result")
            queue = {"concurrency_id": ANALYSIS, "concurrency_limit": AT_ONCE}
            gr.Button().click(
                strictly(self.compare), [image, questions, models, plans, seed], result,
                api_name="compare", **queue,
                api_description="Ask two or three sides (each model under each plan) the same "
                "questions; streams what differs from the first side.",
            )
            gr.Button().click(
                strictly(self.sweep),
                [image, question, degradations, levels, together, seed, choices, answer, model],
                result, api_name="sweep", **queue,
                api_description="Ask the same question at rising intensities; streams the steps.",
            )

    def compare(
        self, request: gr.Request, image: str | None, questions: str, models: str = "",
        plans: str = "", seed: float = 0,
    ) -> Iterator[dict]:
        """Yield the comparison as it grows."""
        asked = read_lines(questions, MAX_QUESTIONS)
        names, number = _lines(models) or [""], whole("seed", seed)
        sides = [
            side
            for text in _lines(plans) or [""]
            for side in self._sides(names, read_plan(text, number))
        ]
        picture = uploaded(image)
        load_picture(picture)
        cases = [replace(case, picture=picture) for case in asked]
        with self.active.begin(request.session_hash if request else None) as stop:
            for found in compare(sides, cases, stop, self.cache):
                yield json.loads(comparison_json(found))

    def _sides(
        self, names: Sequence[str], plan: DegradationPlan
    ) -> list[tuple[Engine, Side]]:
        engines = [self.eyes.find(self.engines, name) for name in names]
        return [side_of(engine, plan, _TITLE) for engine in engines]

    def sweep(
        self, request: gr.Request, image: str | None, question: str, degradations: str,
        levels: float = Sweep.levels, together: bool = False, seed: float = 0,
        choices: str = "", answer: str = "", model: str = "",
    ) -> Iterator[dict]:
        """Yield the sweep as it grows."""
        engine = self.eyes.find(self.engines, model)
        case = Case(
            uploaded(image),
            question=check_question(question or ""),
            choices=parse_choices(choices),
            truth=answer,
        )
        ids = tuple(name.strip() for name in (degradations or "").split(",") if name.strip())
        sweep = Sweep(ids, whole("levels", levels), together, whole("seed", seed))
        load_picture(case.picture)
        with self.active.begin(request.session_hash if request else None) as stop:
            for found in run_sweep(engine, case, sweep, stop, self.cache):
                yield json.loads(sweep_json(found))


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]
