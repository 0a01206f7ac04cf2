"""The Explore tab: choose a picture, damage it, ask about it, read the chain and its scores.

Handlers first, then the wiring. The work is done in `picture_handlers` and `ask_handlers`; here it
is fitted to components. A handler that raises leaves picture and settings as they were.
"""

from collections.abc import Callable, Iterator

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.degradations import SPECS
from robust_r1.engine import Engine, GenerationSettings
from robust_r1.ui import ask_handlers, picture_handlers, record
from robust_r1.ui.ask_handlers import View
from robust_r1.ui.asking import Case, check_question
from robust_r1.ui.chain_view import idle_line, waiting_line
from robust_r1.ui.controls import AskSide, PictureSide, build_ask_side, build_picture_side
from robust_r1.ui.examples import gallery
from robust_r1.ui.links import PageState, decode, encode
from robust_r1.ui.pictures import Picture
from robust_r1.ui.runs import Runs
from robust_r1.ui.toasts import warn, with_toasts

PREVIEW, MODEL = "preview", "model"  # the two queues: looking never waits for a model
_PREVIEWS_AT_ONCE = 2
_SLIDERS = len(SPECS)
# What the page's own events are to the API: only the named endpoints of `api` are public.
PRIVATE = {"api_visibility": "private"}
# What the page opens with: damage that a person sees at once and a model can miss.
_OPENING = (("lens_blur", 0.4), ("gaussian_noise", 0.3))
_WRITE_LINK = "(query) => { history.replaceState(null, '', location.pathname + query); }"
_COPY_LINK = """async () => {
  try { await navigator.clipboard.writeText(location.href); return 'Link copied'; }
  catch (error) { return 'Copy it from the address bar'; }
}"""


class Explore:
    """Lay out and wire the Explore tab; make one inside a `gr.Blocks` context.

    Attributes:
        engines: the models of the menu by name, the first one chosen at the start.
        runs: what is being answered for whom.
    """

    def __init__(self, engines: tuple[Engine, ...], runs: Runs) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        self.runs = runs
        self.examples = gallery()
        self.picture = gr.State(None)
        self.query = gr.Textbox(visible="hidden", elem_id="query", label="Link")
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=340, scale=11, elem_classes="rr-side"):
                self.left: PictureSide = build_picture_side(
                    self.examples, picture_handlers.thumbnails(self.examples)
                )
            with gr.Column(min_width=340, scale=12, elem_classes="rr-side"):
                self.right: AskSide = build_ask_side(engines)
        self._state = [
            self.picture, self.left.seed, *self.left.sliders, self.right.question,
            self.right.choices, self.right.truth, self.right.model,
        ]

    # Handlers

    def open_link(self, request: gr.Request) -> list:
        """Put the page into the state of its link, or into the opening state without one."""
        pairs = list(request.query_params.multi_items()) if request else []
        state, problems = decode(pairs, list(self.engines))
        for problem in problems:
            warn(problem)
        if not any(key in ("example", "plan", "question") for key, _ in pairs):
            state = self._opening(state)
        model = state.model or next(iter(self.engines))
        picture = Picture(example=state.example) if state.example else None
        shown = [example.id for example in self.examples]
        index = shown.index(state.example) if state.example in shown else None
        fitting = picture_handlers.suggestions_for(picture)
        return [
            picture,
            state.seed,
            *picture_handlers.slider_values(dict(state.strengths)),
            state.question,
            "\n".join(state.choices),
            state.answer,
            model,
            gr.Gallery(selected_index=index),
            picture_handlers.dataset(fitting if picture else ()),
            picture_handlers.notice(picture, self.engines[model]),
        ]

    def choose_example(self, event: gr.SelectData, model: str) -> list:
        """Take an example from the gallery, with its first question."""
        example = self.examples[event.index]
        picture = Picture(example=example.id)
        first = example.questions[0]
        return [
            picture, None, first.text, "\n".join(first.choices), first.answer,
            picture_handlers.dataset(example.questions),
            picture_handlers.notice(picture, self.engines[model]),
        ]

    def bring(self, path: str | None, previous: Picture | None, truth: str, model: str) -> list:
        """Take a person's own picture; the question stays, a known answer does not."""
        picture, file = picture_handlers.bring(path, previous)
        new = picture is not previous
        return [
            picture,
            gr.skip() if file == path else file,
            gr.Gallery(selected_index=None) if new else gr.skip(),
            "" if new else truth,
            picture_handlers.dataset(picture_handlers.suggestions_for(picture)),
            picture_handlers.notice(picture, self.engines[model]),
        ]

    def remove(self) -> list:
        """Take the person's own picture off the page."""
        return [None, picture_handlers.dataset(()), ""]

    def suggest(self, index: int, picture: Picture | None) -> list:
        """Fill in a suggested question with its choices and its known answer."""
        suggestion = picture_handlers.suggestions_for(picture)[index]
        return [suggestion.text, "\n".join(suggestion.choices), suggestion.answer]

    def preview(self, picture: Picture | None, model: str, seed: int | None, *strengths) -> list:
        """Show the picture before and after, at the size that the model sees."""
        cache = self.left.compare.GRADIO_CACHE
        return list(
            picture_handlers.preview(picture, self.engines[model], seed, strengths, cache)
        )

    def describe(self, picture: Picture | None, seed: int | None, *rest) -> str:
        """Return the query string of the page as it stands."""
        strengths, (question, choices, truth, model) = rest[:_SLIDERS], rest[_SLIDERS:]
        plan = picture_handlers.plan_of(seed, strengths)
        lines = tuple(line.strip() for line in choices.splitlines() if line.strip())
        state = PageState(
            example=picture.example if picture else "",
            strengths=tuple(plan.intensities.items()),
            seed=picture_handlers.checked_seed(seed),
            question=question.strip(),
            choices=lines,
            answer=truth.strip(),
            model="" if model == next(iter(self.engines)) else model,
        )
        return encode(state)

    def check(self, picture: Picture | None, question: str, choices: str) -> dict:
        """Refuse what cannot be asked; else get ready for the model."""
        ask_handlers.check(picture, question, choices)
        right = self.right
        return {
            right.ask: gr.Button(interactive=False),
            right.stop: gr.Button(visible=False),
            right.leave: gr.Button(visible=True),
            right.status: waiting_line(),
        }

    def answer(self, request: gr.Request, picture, seed, *rest) -> Iterator[dict]:
        """Stream the chain, then the scores."""
        strengths, fields = rest[:_SLIDERS], rest[_SLIDERS:]
        question, choices, truth, model, also_clean, tokens, temperature, top_p, draw = fields
        engine = self.engines[model]
        case = Case(
            picture=picture,
            plan=picture_handlers.plan_of(seed, strengths),
            question=check_question(question),
            choices=ask_handlers.parse_choices(choices),
            truth=truth.strip(),
            settings=GenerationSettings(
                int(tokens), float(temperature), float(top_p), picture_handlers.checked_seed(draw)
            ),
            also_clean=bool(also_clean),
        )
        session = request.session_hash if request else None
        for view in ask_handlers.views(engine, case, self.runs, session):
            update = self._show(view)
            if view.finished:
                text = record.to_json(engine, case, picture_handlers.checked_seed(seed),
                                      view.outcome)
                update[self.right.download] = gr.DownloadButton(
                    value=self._keep(text), interactive=True
                )
            yield update

    def stop(self, request: gr.Request) -> None:
        """End what runs for this visitor; the answer so far is then finished and scored."""
        self.runs.stop(request.session_hash)

    def settle(self) -> dict:
        """Offer Ask again, however the answer ended."""
        right = self.right
        return {
            right.ask: gr.Button(interactive=True),
            right.stop: gr.Button(visible=True, interactive=False),
            right.leave: gr.Button(visible=False),
        }

    def leave(self, request: gr.Request) -> dict:
        """Give up a place in the queue."""
        self.runs.stop(request.session_hash)
        return {self.right.status: idle_line("Left the queue."), **self.settle()}

    def unload(self, request: gr.Request) -> None:
        """Free the worker when a tab is closed."""
        self.runs.stop(request.session_hash)

    def _opening(self, state: PageState) -> PageState:
        knows = next(iter(self.engines.values())).info.knows_photographs
        example = next(one for one in self.examples if knows or one.is_scene)
        first = example.questions[0]
        return PageState(
            example.id, _OPENING, 1, first.text, first.choices, first.answer, state.model
        )

    def _show(self, view: View) -> dict:
        right = self.right
        update = {
            right.status: view.status,
            right.chain: view.chain,
            right.answer: view.answer,
            right.problems: view.problems,
            right.score: view.score,
            right.clean_chain: view.clean_chain,
            right.clean_fold: gr.Accordion(visible=bool(view.clean_chain)),
            right.raw: view.raw,
            right.leave: gr.Button(visible=False),
            right.stop: gr.Button(visible=True, interactive=not view.finished),
        }
        if view.chart is not None:
            update[right.chart] = view.chart
        return update

    def _keep(self, text: str) -> str:
        name = "robust-r1-answer.json"
        return save_bytes_to_cache(text.encode(), name, self.right.download.GRADIO_CACHE)

    # Wiring

    def wire(self, page: gr.Blocks) -> None:
        """Connect components and handlers."""
        self._wire_picture(page)
        self._wire_question()
        self._wire_answer(page)

    def _wire_picture(self, page: gr.Blocks) -> None:
        left, right = self.left, self.right
        suited = [right.suggestions, right.notice]
        question = [right.question, right.choices, right.truth]
        opened = page.load(
            self.open_link, None,
            [*self._state, left.gallery, *suited], show_progress="hidden", **PRIVATE,
        )
        chosen = left.gallery.select(
            self.choose_example, [right.model], [self.picture, left.own, *question, *suited],
            show_progress="hidden", **PRIVATE,
        )
        brought = left.own.input(
            with_toasts(self.bring), [left.own, self.picture, right.truth, right.model],
            [self.picture, left.own, left.gallery, right.truth, *suited],
            show_progress="hidden", **PRIVATE,
        )
        removed = left.own.clear(
            self.remove, None, [self.picture, *suited], show_progress="hidden", **PRIVATE
        )
        sliders = [left.seed, *left.sliders]
        named = left.preset.input(
            picture_handlers.preset_values, [left.preset], [*left.sliders],
            show_progress="hidden", **PRIVATE,
        )
        drawn = left.draw.click(
            lambda: _flat(picture_handlers.draw_random(np.random.default_rng())), None, sliders,
            show_progress="hidden", **PRIVATE,
        )
        reset = left.reset.click(
            lambda: [0, *picture_handlers.slider_values({}), ""], None, [*sliders, left.preset],
            show_progress="hidden", **PRIVATE,
        )
        for event in (opened, chosen, brought, removed, named, drawn, reset):
            self._preview_after(event.then)
        moved = [control.input for control in sliders]
        self._preview_after(lambda *args, **kw: gr.on([*moved, right.model.input], *args, **kw))
        right.model.input(
            lambda picture, model: picture_handlers.notice(picture, self.engines[model]),
            [self.picture, right.model], right.notice, show_progress="hidden", **PRIVATE,
        )

    def _preview_after(self, listen: Callable) -> None:
        """Preview after an event: the latest values win, and looking never waits for a model."""
        left, right = self.left, self.right
        options = {
            "trigger_mode": "always_last", "concurrency_id": PREVIEW,
            "concurrency_limit": _PREVIEWS_AT_ONCE, "show_progress": "hidden", **PRIVATE,
        }
        shown = listen(
            with_toasts(self.preview),
            [self.picture, right.model, left.seed, *left.sliders],
            [left.compare, left.caption],
            **options,
        )
        self._link_after(shown.then)

    def _wire_question(self) -> None:
        right = self.right
        question = [right.question, right.choices, right.truth]
        suggested = right.suggestions.click(
            self.suggest, [right.suggestions, self.picture], question, show_progress="hidden",
            **PRIVATE,
        )
        self._link_after(suggested.then)
        for field in question:
            self._link_after(field.blur)
        right.link.click(None, None, right.link, js=_COPY_LINK, **PRIVATE)

    def _link_after(self, listen: Callable) -> None:
        """Write the page's state into the address, without a trace in the browser's history."""
        described = listen(
            self.describe, self._state, self.query, trigger_mode="always_last", queue=False,
            show_progress="hidden", **PRIVATE,
        )
        described.then(None, self.query, None, js=_WRITE_LINK, **PRIVATE)

    def _wire_answer(self, page: gr.Blocks) -> None:
        right = self.right
        controls = [right.ask, right.stop, right.leave]
        checked = gr.on(
            [right.ask.click, right.question.submit],
            with_toasts(self.check), [self.picture, right.question, right.choices],
            [*controls, right.status], queue=False, show_progress="hidden", **PRIVATE,
        )
        asked = checked.success(
            with_toasts(self.answer),
            [*self._state, right.also_clean, right.max_tokens, right.temperature, right.top_p,
             right.sampling_seed],
            [*controls, right.status, right.chain, right.answer, right.problems, right.score,
             right.clean_chain, right.clean_fold, right.raw, right.chart, right.download],
            concurrency_id=MODEL, concurrency_limit=1, show_progress="minimal",
            show_progress_on=right.status, **PRIVATE,
        )
        asked.then(self.settle, None, controls, queue=False, show_progress="hidden", **PRIVATE)
        self._link_after(asked.then)
        right.stop.click(self.stop, None, None, queue=False, show_progress="hidden", **PRIVATE)
        right.leave.click(
            self.leave, None, [*controls, right.status], cancels=[asked], queue=False,
            show_progress="hidden", **PRIVATE,
        )
        page.unload(self.unload)


def _flat(drawn: tuple[int, list[float]]) -> list:
    seed, values = drawn
    return [seed, *values]
