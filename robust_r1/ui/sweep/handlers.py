"""What happens in the Sweep tab: links, the preview, the answers, their charts and files."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import gradio as gr
from gradio.components import Component
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import MAX_STEPS, Sweep, SweepResult, run_sweep, sweep_csv, sweep_json
from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.case import Case
from robust_r1.ask.links import read_seed
from robust_r1.ask.picture import Picture, fitted, load_picture
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.errors import RobustR1Error
from robust_r1.ui.sweep.charts import calibration_chart, length_chart
from robust_r1.ui.sweep.views import Strip, series_label, step_words, summary
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.job import Job, progress_line
from robust_r1.ui.widgets.layout import Updates, Values
from robust_r1.ui.widgets.links import read_value, values_of
from robust_r1.ui.widgets.model_menu import engine_of
from robust_r1.ui.widgets.old_answer import TabAnswer, pixels_of
from robust_r1.ui.widgets.picture import caption, picture_row
from robust_r1.ui.widgets.picture_question import PictureQuestion
from robust_r1.ui.widgets.plan_input import checked_seed
from robust_r1.ui.widgets.question import read_lines

LEVELS = 6
_LINKED = ("lens_flare", "gaussian_noise")  # what a link sweeps that names no degradation
ONE_BY_ONE, TOGETHER = "One after the other", "All together"
_PREVIEWED = 3
# Steps that are known from before come in bursts; each update carries the whole strip.
_UPDATE_SECONDS = 0.3


@dataclass(frozen=True)
class SweepFields:
    """Name the components that say what is swept, and whom it is asked."""

    ids: gr.CheckboxGroup
    order: gr.Radio
    levels: gr.Number
    seed: gr.Number
    model: gr.Dropdown
    eyes: gr.Checkbox
    size: gr.HTML

    @property
    def swept(self) -> set[Component]:
        """Return what says what is swept."""
        return {self.ids, self.order, self.levels, self.seed}

    def read(self, values: Values) -> Sweep:
        """Return the sweep; raise InputError for one that cannot be."""
        return Sweep(
            tuple(values[self.ids] or ()), int(values[self.levels] or 0),
            values[self.order] == TOGETHER, checked_seed(values[self.seed]),
        )


@dataclass(frozen=True)
class ChartPlace:
    """Name where a chart stands, and the words that stand there before there is one."""

    hint: gr.HTML
    plot: gr.Plot


@dataclass(frozen=True)
class SweepResults:
    """Name the components beneath, which show a sweep."""

    answer: TabAnswer
    summary: gr.HTML
    strip: gr.HTML
    calibration: ChartPlace
    length: ChartPlace
    csv: gr.DownloadButton
    json: gr.DownloadButton

    @property
    def all(self) -> set[Component]:
        """Return the components."""
        charts = (self.calibration, self.length)
        places = {component for chart in charts for component in (chart.hint, chart.plot)}
        return {
            self.summary, self.strip, self.csv, self.json, *places, *self.answer.outputs,
        }


@dataclass(frozen=True)
class SweepLink:
    """Describe the tab as the values of a link, and put it into a link's state."""

    engines: Mapping[str, Engine]
    asked: PictureQuestion
    fields: SweepFields
    eyes: PageEyes

    def open(self, request: gr.Request) -> Updates:
        """Put the tab into the state of a link that names it."""
        link = values_of(request, "sweep")
        return gr.skip() if link is None else self.show(link)

    def show(self, link: Mapping[str, str], brought: Picture | None = None) -> Updates:
        """Return the updates that show what a link says; `brought` is its picture, if it came."""
        fields = self.fields

        def name(text: str) -> str:
            return engine_of(self.engines, text).info.name

        model = read_value(link, "model", name) or next(iter(self.engines))
        return {
            **self.asked.open(link, brought),
            fields.model: model,
            fields.eyes: self.eyes.switch(self.engines[model], bool(link.get("eyes"))),
            fields.ids: list(read_value(link, "vary", _read_ids, _LINKED)),
            fields.order: TOGETHER if link.get("together") else ONE_BY_ONE,
            fields.levels: read_value(link, "levels", read_seed, LEVELS),
            fields.seed: read_value(link, "seed", read_seed, 1),
        }

    def asked_of(self, values: Values) -> dict[str, object]:
        """Return what a sweep is of, by the names that people know."""
        fields = self.fields
        plan = [values[one] for one in (fields.ids, fields.order, fields.levels, fields.seed)]
        return {
            "picture": pixels_of(values[self.asked.picture]),
            "question": (values[self.asked.text] or "").strip(),
            "plan": plan,
            "model": values[fields.model],
            "eyes": bool(values[fields.eyes]),
        }

    def holds(self, case: Case, values: Values) -> bool:
        """Tell whether the tab shows picture, kinds of damage and question of a case already."""
        kinds = set(case.plan.intensities)
        known = not kinds or kinds == set(values[self.fields.ids] or ())
        return known and self.asked.holds(case, values)

    def take(self, case: Case, values: Values) -> Updates:
        """Return the updates that show picture, kinds of damage and question of a case.

        Not its strengths, which are what is swept.
        """
        fields, update = self.fields, self.asked.take(case, values)
        if not case.plan:
            return update
        return {**update, fields.ids: list(case.plan.intensities), fields.seed: case.seed}

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about the tab."""
        fields = self.fields
        return {
            **self.asked.describe(values[self.asked.picture], values[self.asked.text]),
            "model": values[fields.model],
            "eyes": self.eyes.name if values[fields.eyes] else "",
            "vary": ",".join(values[fields.ids] or ()),
            "together": "1" if values[fields.order] == TOGETHER else "",
            "levels": str(int(values[fields.levels] or 0)),
            "seed": str(checked_seed(values[fields.seed])),
        }


@dataclass(frozen=True)
class SweepHandlers:
    """Turn what a visitor does, with the values of the components, into their updates."""

    engines: Mapping[str, Engine]
    answers: AnswerCache
    asked: PictureQuestion
    fields: SweepFields
    before: gr.HTML
    job: Job
    results: SweepResults
    eyes: PageEyes

    def choose_model(self, model: str) -> gr.Checkbox:
        """Lend eyes to a model that has them by default."""
        return self.eyes.switch(self.engines[model])

    def preview(self, values: Values) -> Updates:
        """Show the picture at no and at full intensity, and say how many steps there are."""
        picture = values[self.asked.picture]
        if picture is None or picture.absent:
            return {self.before: caption(picture, None, DegradationPlan()), self.fields.size: ""}
        try:
            clean = fitted(picture, self.engines[values[self.fields.model]])
        except RobustR1Error as error:
            return {self.before: idle_line(str(error)), self.fields.size: ""}
        pictures = [(clean, "Clean")]
        try:
            sweep = self.fields.read(values)
            told = f"{sweep.count} steps of at most {MAX_STEPS}."
            pictures += [
                (plan.apply(clean), f"{series_label(series)} 1.00")
                for series, level, plan in sweep.plans()
                if level == 1
            ][:_PREVIEWED]
        except RobustR1Error as error:
            told = str(error)
        return {
            self.before: picture_row(pictures, self.before.GRADIO_CACHE),
            self.fields.size: idle_line(told),
        }

    def check(self, values: Values) -> None:
        """Raise InputError for what cannot be swept."""
        load_picture(values[self.asked.picture])
        read_lines(values[self.asked.text], 1)
        self.fields.read(values)

    def ask_all(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Ask at every step, and show the strip and the charts as they grow."""
        (case,) = read_lines(values[self.asked.text], 1)
        case = replace(case, picture=values[self.asked.picture])
        fields = self.fields
        sweep = fields.read(values)
        engine = self.eyes.of(self.engines[values[fields.model]], bool(values[fields.eyes]))
        strip = Strip(self.results.strip.GRADIO_CACHE)
        result, shown = SweepResult(sweep, case, engine.info.name), 0.0
        # Nothing is taken off the page before the first step has been answered.
        begun = self._begin(values)
        with self.job.active.begin(request.session_hash) as stop:
            yield {**self.job.begun(), **self._progress(result)}
            for result in run_sweep(engine, case, sweep, stop, self.answers):
                if time.monotonic() - shown < _UPDATE_SECONDS:
                    continue
                shown = time.monotonic()
                yield {**self._progress(result), **self._show(result, strip), **begun}
                begun = {}
        done = len(result.steps)
        told = "Complete." if result.finished else "Stopped; the next sweep goes on from here."
        update: Updates = {self.job.status: progress_line(done, sweep.count, told)}
        if done:
            update |= {**begun, **self._show(result, strip), **self._files(result)}
        yield update

    def _begin(self, values: Values) -> Updates:
        """Return the updates that take the files of the sweep before away."""
        buttons = (self.results.csv, self.results.json)
        waiting = {button: gr.DownloadButton(interactive=False) for button in buttons}
        return {**waiting, **self.results.answer.begin_with(values)}

    def _progress(self, result: SweepResult) -> Updates:
        done, sweep = len(result.steps), result.sweep
        return {self.job.status: progress_line(done, sweep.count, step_words(sweep, done))}

    def _show(self, result: SweepResult, strip: Strip) -> Updates:
        results = self.results
        return {
            results.strip: strip.draw(result),
            results.summary: summary(result),
            results.calibration.hint: gr.HTML(visible=False),
            results.calibration.plot: gr.Plot(calibration_chart(result), visible=True),
            results.length.hint: gr.HTML(visible=False),
            results.length.plot: gr.Plot(length_chart(result), visible=True),
        }

    def _files(self, result: SweepResult) -> Updates:
        """Return the updates that offer the files of a sweep, whole or stopped."""
        texts = {self.results.csv: ("csv", sweep_csv), self.results.json: ("json", sweep_json)}
        return {
            button: gr.DownloadButton(
                value=save_bytes_to_cache(
                    write(result).encode(), f"robust-r1-sweep.{kind}", button.GRADIO_CACHE
                ),
                interactive=True,
            )
            for button, (kind, write) in texts.items()
        }


def _read_ids(text: str) -> tuple[str, ...]:
    return Sweep(tuple(text.split(","))).ids
