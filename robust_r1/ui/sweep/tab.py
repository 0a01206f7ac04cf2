"""The Sweep tab: the same question at rising intensities of some degradations."""

import time
from collections.abc import Callable, Iterator

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import (
    MAX_STEPS,
    AnswerCache,
    Sweep,
    SweepResult,
    run_sweep,
    sweep_csv,
    sweep_json,
)
from robust_r1.ask.links import MAX_SEED, read_seed
from robust_r1.ask.pictures import Picture, fitted, load_picture
from robust_r1.degradations import SPECS
from robust_r1.engine import Engine
from robust_r1.errors import RobustR1Error
from robust_r1.ui.sweep.charts import calibration_chart, length_chart
from robust_r1.ui.sweep.views import Strip, empty_strip, series_label, step_words, summary
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.job import Working, progress_line
from robust_r1.ui.widgets.layout import QUIET, chosen_in, html
from robust_r1.ui.widgets.links import build_link, read_value, values_of
from robust_r1.ui.widgets.model_choice import engine_of
from robust_r1.ui.widgets.picture import figure_row
from robust_r1.ui.widgets.picture_handlers import caption, checked_seed
from robust_r1.ui.widgets.picture_question import Inquiry
from robust_r1.ui.widgets.question import read_lines

_OPENING = ("lens_flare", "gaussian_noise")
_LEVELS = 6
_PREVIEWED = 3
# Steps that are known from before come in bursts; each update carries the whole strip.
_UPDATE_SECONDS = 0.3
_IDLE = "Choose what to sweep. Every step is a whole answer of the model."
ONE_BY_ONE, TOGETHER = "One after the other", "All together"
_TITLES = ("Calibration: perceived against applied intensity",
           "Chain length against total intensity")


class SweepTab:
    """Lay out and wire the Sweep tab; make one inside a `gr.Blocks` context.

    `cache` holds the answers that are known from before.
    """

    def __init__(self, page: gr.Blocks, engines: tuple[Engine, ...], cache: AnswerCache) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        self.cache = cache
        self.inquiry = Inquiry("sweep", self.engines, several=False)
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=340, scale=11, elem_classes="rr-side"):
                self.inquiry.build_picture()
                self.preview = html(elem_id="sweep-preview")
            with gr.Column(min_width=340, scale=12, elem_classes="rr-side"):
                self.inquiry.build_question()
                self._build_sweep()
                self.working = Working("sweep", "Sweep", _IDLE)
        self._build_results()
        self._wire(page)

    def _build_sweep(self) -> None:
        names = [(engine.info.label, name) for name, engine in self.engines.items()]
        self.ids = gr.CheckboxGroup(
            [(spec.label, spec.id) for spec in SPECS], value=list(_OPENING),
            label="Degradations", elem_id="sweep-ids", elem_classes="rr-ids",
        )
        with gr.Row(elem_classes="rr-sides"):
            self.order = gr.Radio(
                [ONE_BY_ONE, TOGETHER], value=ONE_BY_ONE, label="Order", elem_id="sweep-order",
                min_width=300,
            )
            self.levels = gr.Number(
                _LEVELS, label="Levels from 0 to 1", precision=0, min_width=110,
                elem_id="sweep-levels",
            )
            self.seed = gr.Number(
                1, label="Seed of the damage", precision=0, minimum=0, maximum=MAX_SEED,
                min_width=110, elem_id="sweep-seed",
            )
            self.model = gr.Dropdown(
                names, value=names[0][1], label="Model", filterable=False, min_width=220,
                elem_id="sweep-model",
            )
        self.size = html(elem_id="sweep-size")

    def _build_results(self) -> None:
        self.summary = html(elem_id="sweep-summary")
        self.strip = html(empty_strip(), elem_id="sweep-strip")
        charts = []
        with gr.Row(elem_classes="rr-charts", equal_height=True):
            for title, name in zip(_TITLES, ("calibration", "length"), strict=True):
                with gr.Column(min_width=320, elem_classes="rr-chart"):
                    html(f'<h4 class="rr-chart-title">{title}</h4>')
                    # Hidden until there is something to draw: Plotly is by far the largest script.
                    hint = html('<p class="rr-hint">Nothing to draw yet.</p>')
                    plot = gr.Plot(show_label=False, container=False, visible=False,
                                   elem_id=f"sweep-{name}", elem_classes="rr-plot")
                    charts += [hint, plot]
        self.hint, self.calibration, self.other_hint, self.length = charts
        with gr.Row(elem_classes="rr-keep"):
            build_link(
                "sweep", self._describe,
                [self.inquiry.picture, self.inquiry.text, self.model, *self.choice],
            )
            self.csv, self.json = (
                gr.DownloadButton(f"Download {kind.upper()}", size="sm", interactive=False,
                                  min_width=120, elem_id=f"sweep-{kind}")
                for kind in ("csv", "json")
            )

    def _wire(self, page: gr.Blocks) -> None:
        choice, inquiry = self.choice, self.inquiry
        self.opened = page.load(
            self._open, None, [*inquiry.opened, self.model, *choice], **QUIET
        )
        for event in (self.opened, *inquiry.wire()):
            self.look_after(event.then)
        # Not `change`: a link's values come one after the other, each with a `change` that would
        # ask with the old ones of those behind it.
        touched = [chosen_in(self.model), *(control.input for control in choice)]
        self.look_after(lambda *args, **options: gr.on(touched, *args, **options))
        self.working.wire(
            page, self._check, self._work,
            [inquiry.picture, inquiry.text, self.model, *choice],
            [self.summary, self.strip, self.hint, self.calibration, self.other_hint, self.length,
             self.csv, self.json],
        )

    def look_after(self, listen: Callable) -> None:
        """Show the pictures and the number of steps, after what `listen` listens to.

        No two at once: what was asked last is also answered last.
        """
        listen(
            self._look, [self.inquiry.picture, self.model, *self.choice],
            [self.preview, self.size],
            trigger_mode="always_last", concurrency_id="sweep-look", concurrency_limit=1,
            **QUIET,
        )

    @property
    def choice(self) -> list:
        """Return the components that say what is swept."""
        return [self.ids, self.order, self.levels, self.seed]

    def _open(self, request: gr.Request) -> list:
        """Put the tab into the state of a link that names it."""
        values = values_of(request, "sweep")
        if values is None:
            return [gr.skip()] * (len(self.inquiry.opened) + 1 + len(self.choice))
        sweep = read_value(values, "vary", _read_ids, _OPENING)
        model = read_value(values, "model", lambda name: engine_of(self.engines, name).info.name)
        return [
            *self.inquiry.open(values),
            model or next(iter(self.engines)),
            list(sweep),
            TOGETHER if values.get("together") else ONE_BY_ONE,
            read_value(values, "levels", read_seed, _LEVELS),
            read_value(values, "seed", read_seed, 1),
        ]

    def _describe(self, picture, text, model, ids, order, levels, seed) -> dict[str, str]:
        return {
            **self.inquiry.describe(picture, text),
            "model": model,
            "vary": ",".join(ids or ()),
            "together": "1" if order == TOGETHER else "",
            "levels": str(int(levels or 0)),
            "seed": str(checked_seed(seed)),
        }

    def _sweep(self, ids, order, levels, seed) -> Sweep:
        together = order == TOGETHER
        return Sweep(tuple(ids or ()), int(levels or 0), together, checked_seed(seed))

    def _look(self, picture: Picture | None, model: str, *choice) -> list[str]:
        """Show the picture at no and at full intensity, and say how many steps there are."""
        if picture is None:
            return [caption(None, None, None), ""]
        try:
            clean = fitted(picture, self.engines[model])
        except RobustR1Error as error:
            return [idle_line(str(error)), ""]
        pictures = [(clean, "Clean")]
        try:
            sweep = self._sweep(*choice)
            told = f"{sweep.count} steps of at most {MAX_STEPS}."
            pictures += [
                (plan.apply(clean), f"{series_label(series)} 1.00")
                for series, level, plan in sweep.plans()
                if level == 1
            ][:_PREVIEWED]
        except RobustR1Error as error:
            told = str(error)
        return [figure_row(pictures, self.strip.GRADIO_CACHE), idle_line(told)]

    def _check(self, picture, text, model, *choice) -> None:
        load_picture(picture)
        read_lines(text, 1)
        self._sweep(*choice)

    def _work(self, request: gr.Request, picture, text, model, *choice) -> Iterator[dict]:
        (query,), sweep, engine = read_lines(text, 1), self._sweep(*choice), self.engines[model]
        strip, result = Strip(self.strip.GRADIO_CACHE), SweepResult(sweep, query, model)
        status, shown = self.working.status, 0.0
        with self.working.runs.begin(request.session_hash) as stop:
            yield {
                **self.working.begun(),
                status: progress_line(0, sweep.count, step_words(sweep, 0)),
            }
            results = run_sweep(
                engine, load_picture(picture), query, sweep, stop=stop, cache=self.cache
            )
            for result in results:
                if time.monotonic() - shown < _UPDATE_SECONDS:
                    continue
                shown, done = time.monotonic(), len(result.steps)
                line = progress_line(done, sweep.count, step_words(sweep, done))
                yield {status: line, **self._show(result, strip)}
        done = len(result.steps)
        told = "Complete." if result.finished else "Stopped; the next sweep goes on from here."
        update = {status: progress_line(done, sweep.count, told)}
        if done:
            update |= {**self._show(result, strip), **self._files(result)}
        yield update

    def _show(self, result: SweepResult, strip: Strip) -> dict:
        return {
            self.strip: strip.draw(result),
            self.summary: summary(result),
            **self._charts(result),
        }

    def _charts(self, result: SweepResult) -> dict:
        return {
            self.hint: gr.HTML(visible=False),
            self.other_hint: gr.HTML(visible=False),
            self.calibration: gr.Plot(calibration_chart(result), visible=True),
            self.length: gr.Plot(length_chart(result), visible=True),
        }

    def _files(self, result: SweepResult) -> dict:
        """Return the updates that offer the files of a sweep, whole or stopped."""
        texts = ((self.csv, sweep_csv(result), "csv"), (self.json, sweep_json(result), "json"))
        return {
            button: gr.DownloadButton(
                value=save_bytes_to_cache(
                    text.encode(), f"robust-r1-sweep.{kind}", button.GRADIO_CACHE
                ),
                interactive=True,
            )
            for button, text, kind in texts
        }


def _read_ids(text: str) -> tuple[str, ...]:
    return Sweep(tuple(text.split(","))).ids
