"""The page's public endpoints: /degrade and /ask, for gradio_client and for plain HTTP."""

from collections.abc import Iterator

import gradio as gr

from robust_r1.ask.case import Case, check_question
from robust_r1.ask.json_values import reply_fields
from robust_r1.ask.picture import Picture, load_picture, seen, uploaded
from robust_r1.ask.pipeline import Outcome, ask
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.ui.widgets.api_values import settings_of, strictly, whole
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.job import MODEL, PREVIEW, ActiveAnswers
from robust_r1.ui.widgets.model_menu import engine_of
from robust_r1.ui.widgets.picture import write_png
from robust_r1.ui.widgets.picture_input import build_picker
from robust_r1.ui.widgets.question import parse_choices, parse_template


class Endpoints:
    """Add the endpoints to the current `gr.Blocks`; they have no visible part."""

    def __init__(
        self, engines: tuple[Engine, ...], active: ActiveAnswers, eyes: PageEyes
    ) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        self.active, self.eyes = active, eyes
        default = engines[0].info.name
        models = f"one of {', '.join(self.engines)}{eyes.offer}"
        with gr.Group(visible=False):
            image = build_picker(label="image")
            question = gr.Textbox(label="question")
            plan = gr.Textbox("", label="plan, such as lens_blur=0.4,gaussian_noise=0.25")
            seed = gr.Number(0, label="seed of the plan, a whole number")
            choices = gr.Textbox("", label="answer choices, one a line")
            answer = gr.Textbox("", label="known answer; of choices, a text or a number from 0")
            model = gr.Textbox(default, label=f"model, {models}")
            full_size = gr.Checkbox(False, label="degrade at full size, not as the model sees it")
            tokens = gr.Number(
                None, label="longest answer in tokens; empty for the model's own"
            )
            temperature = gr.Number(0.0, label="temperature, 0 for greedy")
            top_p = gr.Number(1.0, label="top p")
            sampling_seed = gr.Number(0, label="sampling seed, a whole number")
            prompt = gr.Textbox(
                "", label="prompt with {question} in it; empty for the model's own"
            )
            further = gr.File(
                label="further pictures, for models that take several", file_count="multiple"
            )
            self.degraded = gr.Image(format="png", type="filepath", label="degraded")
            reply = gr.JSON(label="reply")
            gr.Button().click(
                strictly(self.degrade), [image, plan, seed, model, full_size], self.degraded,
                api_name="degrade", concurrency_id=PREVIEW,
                api_description="Degrade a picture, at the size that the model sees it.",
            )
            gr.Button().click(
                strictly(self.ask),
                [image, question, plan, seed, choices, answer, model, tokens, temperature, top_p,
                 sampling_seed, prompt, further],
                reply, api_name="ask", concurrency_id=MODEL,
                concurrency_limit=min(engine.info.at_once for engine in engines),
                api_description="Degrade a picture and ask about it; streams the parsed chain.",
            )

    def degrade(
        self, image: str | None, plan: str = "", seed: float = 0, model: str = "",
        full_size: bool = False,
    ) -> str:
        """Return the file of the degraded picture, a PNG."""
        steps = DegradationPlan.parse(plan, seed=whole("seed", seed))
        picture = uploaded(image)
        engine = engine_of(self.engines, model)
        result = steps.apply(load_picture(picture)) if full_size else seen(picture, engine, steps)
        return write_png(result, "degraded.png", self.degraded.GRADIO_CACHE)

    def ask(
        self, request: gr.Request, image: str | None, question: str, plan: str = "",
        seed: float = 0, choices: str = "", answer: str = "", model: str = "",
        tokens: float | None = None, temperature: float = 0.0, top_p: float = 1.0,
        sampling_seed: float = 0, prompt: str = "", further: list[str] | None = None,
    ) -> Iterator[dict]:
        """Yield the reply as it grows; the last one has the scores."""
        engine = self.eyes.find(self.engines, model)
        case = Case(
            picture=uploaded(image),
            plan=DegradationPlan.parse(plan, seed=whole("seed", seed)),
            question=check_question(question or ""),
            choices=parse_choices(choices),
            truth=answer,
            settings=settings_of(engine, tokens, temperature, top_p, sampling_seed),
            template=parse_template(prompt, engine),
            further=tuple(Picture(path=str(path)) for path in further or ()),
        )
        with self.active.begin(request.session_hash if request else None) as stop:
            for outcome in ask(engine, case, stop):
                yield _fields(engine, outcome)


def _fields(engine: Engine, outcome: Outcome) -> dict:
    applied = {finding.name: finding.intensity for finding in outcome.applied}
    fields = reply_fields(outcome.reply, outcome.score) or {}
    return {"model": engine.info.name, "applied": applied, **fields}
