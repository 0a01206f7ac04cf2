"""The Compare tab: models, or plans, side by side on one picture."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import AnswerCache, Comparison, Side, compare, comparison_json
from robust_r1.analysis.compare import MAX_QUERIES, MAX_SIDES
from robust_r1.analysis.trials import THUMBNAIL_PIXELS
from robust_r1.ask.links import MAX_QUESTION, MAX_SEED, read_seed
from robust_r1.ask.pictures import Picture, load_picture, seen
from robust_r1.engine import Engine
from robust_r1.errors import RobustR1Error
from robust_r1.images import fit
from robust_r1.ui.compare.handlers import (
    MODELS,
    PLANS,
    check_sides,
    model_sides,
    plan_sides,
)
from robust_r1.ui.compare.views import LETTERS, comparison_view, heads, side_words
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.job import Working, progress_line
from robust_r1.ui.widgets.layout import QUIET, chosen_in, html
from robust_r1.ui.widgets.links import build_link, read_value, values_of
from robust_r1.ui.widgets.model_choice import engine_of
from robust_r1.ui.widgets.picture import picture_tag
from robust_r1.ui.widgets.picture_handlers import caption, checked_seed
from robust_r1.ui.widgets.picture_question import Inquiry
from robust_r1.ui.widgets.plan_input import CLEAN, build_plan, read_plan
from robust_r1.ui.widgets.question import read_lines

_OPENING_PLAN = "lens_flare=0.5,gaussian_noise=0.4"
_IDLE = "Choose what to compare. The same questions go to every side, about the same picture."
_FILE = "robust-r1-comparison.json"
_AT_ONCE = {"queue": False, **QUIET}


class Compare:
    """Lay out and wire the Compare tab; make one inside a `gr.Blocks` context.

    `cache` holds the answers that are known from before.
    """

    def __init__(self, page: gr.Blocks, engines: tuple[Engine, ...], cache: AnswerCache) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        self.cache = cache
        self.shown = gr.State(None)
        self.inquiry = Inquiry("compare", self.engines, several=True)
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=340, scale=11, elem_classes="rr-side"):
                self.inquiry.build_picture()
                self.preview = html(elem_id="compare-preview")
            with gr.Column(min_width=340, scale=12, elem_classes="rr-side"):
                self._build_sides()
                self.inquiry.build_question()
                self.working = Working("compare", "Compare", _IDLE)
        self._build_results()
        self._wire(page)

    def _build_sides(self) -> None:
        names = [(engine.info.label, name) for name, engine in self.engines.items()]
        several = len(names) > 1
        start = MODELS if several else PLANS
        self.by = gr.Radio([MODELS, PLANS], value=start, label="Compare", elem_id="compare-by")
        with gr.Row(elem_classes="rr-sides"):
            self.models = gr.Dropdown(
                names, value=[name for _, name in names[:MAX_SIDES]], multiselect=True,
                max_choices=MAX_SIDES, label="Models, two or three", visible=several,
                elem_id="compare-models", min_width=240,
            )
            self.model = gr.Dropdown(
                names, value=names[0][1], label="Model", visible=not several, filterable=False,
                elem_id="compare-model", min_width=200,
            )
            self.seed = gr.Number(
                1, label="Seed of the damage", precision=0, minimum=0, maximum=MAX_SEED,
                min_width=120, elem_id="compare-seed",
            )
        with gr.Row(elem_classes="rr-sides"):
            self.plan = build_plan(_plan_label(start), _OPENING_PLAN, "compare-plan")
            self.other = build_plan("Plan B", CLEAN, "compare-other", visible=not several)

    def _build_results(self) -> None:
        with gr.Row(elem_classes="rr-tools rr-after", equal_height=True):
            self.reference = gr.Dropdown(
                [], label="Reference", show_label=True, filterable=False, visible=False,
                min_width=320, elem_id="compare-reference",
            )
            self.sort = gr.Checkbox(
                label="Most different first", visible=False, container=False, min_width=160,
                elem_id="compare-sort",
            )
            self.swap = gr.Button("Swap", size="sm", interactive=False, min_width=80,
                                  elem_id="compare-swap")
            self.pin = gr.Button("Pin the reference", size="sm", interactive=False, min_width=120,
                                 elem_id="compare-pin")
            self.download = gr.DownloadButton(
                "Download JSON", size="sm", interactive=False, min_width=120,
                elem_id="compare-download",
            )
            build_link(
                "compare", self._describe,
                [self.inquiry.picture, self.inquiry.text, *self.choice],
            )
        self.view = html(comparison_view(None, False, ""), elem_id="compare-view")

    def _wire(self, page: gr.Blocks) -> None:
        choice = self.choice
        self.opened = page.load(self._open, None, [*self.inquiry.opened, *choice], **QUIET)
        for event in (self.opened, *self.inquiry.wire()):
            self.look_after(event.then)
        switched = self.by.input(
            self._switch, self.by, [self.models, self.model, self.plan, self.other], **_AT_ONCE
        )
        self.look_after(switched.then)
        touched = [control.change for control in choice[1:]]
        self.look_after(lambda *args, **options: gr.on(touched, *args, **options))
        after = [self.shown, self.reference, self.sort, self.swap, self.pin, self.download,
                 self.view]
        self.working.wire(
            page, self._check, self._work,
            [self.inquiry.picture, self.inquiry.text, self.shown, self.sort, *choice], after,
        )
        shown = [self.shown, self.reference, self.pin, self.download, self.view]
        self.swap.click(self._swap, [self.shown, self.sort], shown, **_AT_ONCE)
        chosen_in(self.reference)(
            self._refer, [self.shown, self.sort, self.reference], shown, **_AT_ONCE
        )
        self.pin.click(self._pin, [self.shown, self.sort], shown, **_AT_ONCE)
        self.sort.input(self._draw, [self.shown, self.sort], self.view, **_AT_ONCE)

    def look_after(self, listen: Callable) -> None:
        """Show the pictures that the sides will see, after what `listen` listens to.

        No two at once: a link's values come one after the other, each with a `change` that asks
        with the old ones of those behind it; what was asked last must be answered last.
        """
        listen(
            self._look, [self.inquiry.picture, *self.choice], self.preview,
            trigger_mode="always_last", concurrency_id="compare-look", concurrency_limit=1,
            **QUIET,
        )

    @property
    def choice(self) -> list:
        """Return the components that say what is compared."""
        return [self.by, self.models, self.model, self.seed, self.plan, self.other]

    def _open(self, request: gr.Request) -> list:
        """Put the tab into the state of a link that names it."""
        values = values_of(request, "compare")
        if values is None:
            return [gr.skip()] * (len(self.inquiry.opened) + len(self.choice))

        def names(text: str) -> list[str]:
            return [engine_of(self.engines, name).info.name for name in text.split(",")]

        models = read_value(values, "models", names, list(self.engines)[:1])[:MAX_SIDES]
        by = MODELS if values.get("by") == MODELS.lower() else PLANS
        several = by == MODELS
        return [
            *self.inquiry.open(values), by,
            gr.Dropdown(value=models, visible=several),
            gr.Dropdown(value=models[0], visible=not several),
            read_value(values, "seed", read_seed, 1),
            gr.Dropdown(value=values.get("plan", CLEAN)[:MAX_QUESTION], label=_plan_label(by)),
            gr.Dropdown(value=values.get("other", CLEAN)[:MAX_QUESTION], visible=not several),
        ]

    def _describe(self, picture, text, by, models, model, seed, plan, other) -> dict[str, str]:
        return {
            **self.inquiry.describe(picture, text),
            "by": by.lower(),
            "models": ",".join(models or ()) if by == MODELS else model,
            "seed": str(checked_seed(seed)),
            "plan": plan or CLEAN,
            "other": "" if by == MODELS else other or CLEAN,
        }

    def _switch(self, by: str) -> list:
        models = by == MODELS
        return [
            gr.Dropdown(visible=models), gr.Dropdown(visible=not models),
            gr.Dropdown(label=_plan_label(by)), gr.Dropdown(visible=not models),
        ]

    def _sides(self, picture: Picture, by, models, model, seed, plan, other) -> list:
        title = self.inquiry.title(picture)
        if by == MODELS:
            return model_sides(self.engines, models or [], read_plan(plan, seed), title)
        plans = [read_plan(text, seed) for text in (plan, other)]
        return plan_sides(engine_of(self.engines, model), plans, title)

    def _look(self, picture: Picture | None, *choice) -> str:
        """Show what each side will see; what cannot be read yet is left for Compare to say."""
        if picture is None:
            return caption(None, None, None)
        try:
            sides = self._sides(picture, *choice)
            drawn = [(side, self._tag(picture, engine, side)) for engine, side in sides]
        except RobustR1Error as error:
            return idle_line(str(error))
        return heads(drawn)

    def _tag(self, picture: Picture, engine: Engine, side: Side) -> str:
        image = fit(seen(picture, engine, side.plan), THUMBNAIL_PIXELS)
        return picture_tag(image, f"What {side_words(side)} will see", self.view.GRADIO_CACHE)

    def _check(self, picture, text, shown: Comparison | None, sort, by, *choice) -> None:
        load_picture(picture)
        read_lines(text, MAX_QUERIES)
        check_sides(self._sides(picture, by, *choice), by, bool(shown and shown.pin))

    def _work(
        self, request: gr.Request, picture, text, shown: Comparison | None, sort, *choice
    ) -> Iterator[dict]:
        queries, sides = read_lines(text, MAX_QUERIES), self._sides(picture, *choice)
        total, begun, result = len(queries) * len(sides), False, None
        pinned = shown.pin if shown else None
        with self.working.runs.begin(request.session_hash) as stop:
            results = compare(
                sides, load_picture(picture), queries, stop=stop, cache=self.cache, pinned=pinned
            )
            known = None
            for result in results:
                known = result.done if known is None else known
                words = _now(result.done - known, sides)
                yield {
                    **({} if begun else self.working.begun()),
                    self.working.status: progress_line(result.done - known, total, words),
                    self.view: self._draw(result, sort),
                }
                begun = True
        done = result.done - known
        told = "Complete." if done == total else "Stopped; what was answered is kept for next time."
        yield {
            self.working.status: progress_line(done, total, told),
            self.sort: gr.Checkbox(visible=len(queries) > 1),
            self.swap: gr.Button(interactive=True),
            **self._show(result, sort),
        }

    def _swap(self, shown: Comparison, sort: bool) -> dict:
        return self._show(shown.swapped(), sort)

    def _refer(self, shown: Comparison, sort: bool, index: int) -> dict:
        return self._show(replace(shown, reference=int(index)), sort)

    def _pin(self, shown: Comparison, sort: bool) -> dict:
        """Pin the reference, or let it go where it is pinned."""
        pinned = shown.columns[shown.reference].side.pinned
        return self._show(shown.pinned(None if pinned else shown.reference), sort)

    def _show(self, shown: Comparison, sort: bool) -> dict:
        """Return the updates that put a visitor's comparison on the page."""
        names = [side_words(column.side) for column in shown.columns]
        pinned = shown.columns[shown.reference].side.pinned
        file = save_bytes_to_cache(
            comparison_json(shown).encode(), _FILE, self.download.GRADIO_CACHE
        )
        return {
            self.shown: shown,
            self.reference: gr.Dropdown(
                [(f"{letter}: {name}", index)
                 for index, (letter, name) in enumerate(zip(LETTERS, names, strict=False))],
                value=shown.reference, visible=True,
            ),
            self.pin: gr.Button(
                "Let the pinned run go" if pinned else "Pin the reference", interactive=True
            ),
            self.download: gr.DownloadButton(value=file, interactive=True),
            self.view: self._draw(shown, sort),
        }

    def _draw(self, shown: Comparison | None, sort: bool) -> str:
        return comparison_view(shown, sort, self.view.GRADIO_CACHE)


def _plan_label(by: str) -> str:
    return "Plan" if by == MODELS else "Plan A"


def _now(done: int, sides: Sequence[tuple[Engine, Side]]) -> str:
    """Say who is being asked."""
    return f"Asking {side_words(sides[done % len(sides)][1])}"
