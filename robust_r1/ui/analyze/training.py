"""The part Training of the tab Analyze: the curves of a run, and what its model said on the way."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import plotly.graph_objects as go
from gradio.components import Component

from robust_r1.analysis.rollouts import (
    TRAINED,
    Prompt,
    course_of,
    rollouts_at,
)
from robust_r1.errors import RobustR1Error
from robust_r1.ui.analyze.rollouts_view import rollouts_view, step_words
from robust_r1.ui.analyze.training_charts import training_chart
from robust_r1.ui.analyze.training_head import runs_head
from robust_r1.ui.analyze.training_view import (
    MAX_RUNS,
    USUAL_WIDTH,
    TrainingFolders,
    TrainingView,
    decode,
)
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.layout import Updates, Values, html
from robust_r1.ui.widgets.share import Shared
from robust_r1.ui.widgets.toasts import warn

NO_RUN = (
    "No run of training is here yet. Give the folder of one above; train.sft, train.grpo and "
    "train.tiny write them."
)
# Puts the width of the window in the place of the event's first input.
WIDTH = "(_, ...others) => [String(window.innerWidth), ...others]"
_EACH = "What each step learned from"
_QUESTION = 90  # characters of a question in the menu


@dataclass(frozen=True)
class TrainingPart:
    """Name the components of the part."""

    runs: gr.Dropdown
    smoothing: gr.Slider
    every: gr.Checkbox
    again: gr.Button
    link: gr.Button
    head: gr.HTML
    chart: gr.Plot
    prompt: gr.Dropdown
    step: gr.Slider
    rollouts: gr.HTML

    @property
    def opened(self) -> set[Component]:
        """Return those that opening runs writes to."""
        return {self.runs, self.head, self.chart, self.prompt, self.step, self.rollouts}


def build_training() -> TrainingPart:
    """Lay out the part."""
    with gr.Row(elem_classes="rr-training", equal_height=False):
        runs = gr.Dropdown(
            [], value=[], multiselect=True, max_choices=MAX_RUNS, min_width=260, scale=3,
            label="Runs of training, two to lay them over one another", elem_id="training-runs",
        )
        smoothing = gr.Slider(
            0, 0.95, 0, step=0.05, label="Smoothing", min_width=160, scale=2,
            elem_id="training-smoothing",
        )
        every = gr.Checkbox(label="All curves", min_width=110, scale=0, elem_id="training-every")
        again = gr.Button("Read again", size="sm", min_width=100, scale=0, elem_id="training-again")
        link = gr.Button("Copy link", size="sm", min_width=100, scale=0, elem_id="training-link")
    head = html(elem_id="training-head")
    with gr.Column(min_width=320, elem_classes="rr-chart"):
        chart = gr.Plot(
            show_label=False, container=False, elem_id="training-chart", elem_classes="rr-plot"
        )
    with gr.Row(elem_classes="rr-asked", equal_height=False):
        prompt = gr.Dropdown(
            [], label="What the model said about", min_width=260, scale=3, filterable=False,
            visible=False, elem_id="training-prompt",
        )
        step = gr.Slider(
            1, 2, 1, step=1, label="Step", min_width=260, scale=3, visible=False,
            elem_id="training-step",
        )
    rollouts = html(elem_id="rollouts")
    return TrainingPart(runs, smoothing, every, again, link, head, chart, prompt, step, rollouts)


class TrainingHandlers:
    """Turn the runs that a visitor opens, and a prompt and a step of them, into updates."""

    def __init__(self, folders: TrainingFolders, state: gr.State, part: TrainingPart) -> None:
        self.folders, self.state, self.part = folders, state, part

    @property
    def opened(self) -> set[Component]:
        """Return what opening runs writes to."""
        return {self.state, *self.part.opened}

    def arrive(
        self, width: str, smoothing: float, every: bool, view: TrainingView | None,
        request: gr.Request,
    ) -> Updates:
        """Show the part; to somebody who comes first the link's runs, or the first one."""
        found = self.folders.found()
        if view is not None:
            return {self.part.runs: gr.Dropdown(choices=_named((*found, *view.runs)))}
        query = dict(request.query_params) if request else {}
        linked, problems = decode(query if "training" in query else {}, found)
        for problem in problems:
            warn(problem)
        wanted = replace(linked, runs=linked.runs or tuple(found[:1]), width=_pixels(width))
        return self._open(wanted, smoothing, every)

    def open_runs(
        self, width: str, folders: Sequence[str], smoothing: float, every: bool,
        view: TrainingView | None,
    ) -> Updates:
        """Open the runs that were chosen, or read them again; on a bad one what was open stays.

        Whoever looks at the last step looks at the new last one of a run that has gone on.
        """
        view = view or TrainingView()
        try:
            self.folders.runs(folders)
        except RobustR1Error as error:
            warn(error)
            return {self.part.runs: gr.Dropdown(value=list(view.runs))}
        wanted = replace(view, runs=tuple(folders), width=_pixels(width))
        return self._open(wanted, smoothing, every)

    def add_folder(self, folder: str, view: TrainingView | None) -> Updates:
        """Open the run of a folder alone; raise DataError where it is none."""
        self.folders.read(folder)
        width = view.width if view else USUAL_WIDTH
        return self._open(TrainingView((folder,), width=width), 0.0, False)

    def redraw(self, smoothing: float, every: bool, view: TrainingView | None) -> go.Figure:
        """Draw the curves otherwise."""
        view = view or TrainingView()
        return training_chart(self.folders.runs(view.runs), smoothing, every, view.width)

    def share(self, values: Values) -> Shared:
        """Return the link to what somebody looks at."""
        return Shared((values[self.state] or TrainingView()).query())

    def choose(self, prompt: str, place: float, view: TrainingView | None) -> Updates:
        """Show what was said of another prompt, or at another of its steps."""
        if view is None or not view.runs:
            return {self.state: view}
        known = {one.name: one for one in self.folders.read(view.runs[0])[1]}
        if prompt not in known:
            return {self.state: view}
        steps = known[prompt].steps
        if prompt == view.prompt:
            at = steps[min(int(place), len(steps)) - 1]
            view = replace(view, step=None if at == steps[-1] else at)
        return self._said(replace(view, prompt=prompt))

    def _open(self, view: TrainingView, smoothing: float, every: bool) -> Updates:
        part, runs = self.part, self.folders.runs(view.runs)
        return {
            part.runs: gr.Dropdown(
                choices=_named((*self.folders.found(), *view.runs)), value=list(view.runs)
            ),
            part.head: runs_head(runs) if runs else idle_line(NO_RUN),
            part.chart: training_chart(runs, smoothing, every, view.width),
            **self._said(view),
        }

    def _said(self, view: TrainingView) -> Updates:
        """Show what was said of the prompt at the step of a view, and the menu of the prompts."""
        part = self.part
        run, prompts = self.folders.read(view.runs[0]) if view.runs else (None, ())
        if run is None or not prompts:
            none = idle_line("This run has kept nothing that its model said.") if run else ""
            return {
                self.state: view, part.rollouts: none,
                part.prompt: gr.Dropdown(visible=False), part.step: gr.Slider(visible=False),
            }  # fmt: skip
        prompt = next((one for one in prompts if one.name == view.prompt), prompts[0])
        place = _place(prompt, view.step)
        found = rollouts_at(run, prompt, place)
        drawn = rollouts_view(found, prompt, course_of(run, prompt), part.head.GRADIO_CACHE)
        return {
            self.state: replace(view, prompt=prompt.name),
            part.prompt: gr.Dropdown(
                choices=[(_title(one), one.name) for one in prompts], value=prompt.name,
                visible=True,
            ),
            part.step: gr.Slider(
                1, max(len(prompt.steps), 2), place + 1, step=1, visible=len(prompt.steps) > 1,
                label=step_words(found, prompt, run.planned),
            ),
            part.rollouts: drawn,
        }


def _place(prompt: Prompt, step: int | None) -> int:
    """Return the place of the last step up to this one; of the last one for None."""
    steps = prompt.steps
    return len(steps) - 1 if step is None else max(bisect_right(steps, step) - 1, 0)


def _title(prompt: Prompt) -> str:
    if prompt.name == TRAINED:
        return f"{_EACH} ({len(prompt.steps)} steps)"
    question = " ".join(prompt.question.split())
    short = question if len(question) <= _QUESTION else f"{question[: _QUESTION - 1]}\u2026"
    held = ", held out" if prompt.split == "validation" else ""
    return f"{short} ({len(prompt.steps)} steps{held})"


def _named(folders: Sequence[str]) -> list[tuple[str, str]]:
    return [(Path(folder).name, folder) for folder in dict.fromkeys(folders)]


def _pixels(width: str) -> int:
    return int(width) if width.isdigit() and len(width) < 6 else USUAL_WIDTH
