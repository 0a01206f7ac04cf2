"""The part Training of the tab Analyze: the curves of a run, and what its model said on the way."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from robust_r1.records.training_run import is_training_run
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
from robust_r1.ui.widgets.layout import QUIET, Updates, Values, chosen_in, html
from robust_r1.ui.widgets.share import Share, Shared
from robust_r1.ui.widgets.toasts import warn, with_toasts

_NONE_OPEN = (
    "No run of training is open: choose one, or give the folder of one above. The commands of "
    "training write them."
)
# Puts the width of the window in the place of the event's first input.
WIDTH = "(_, ...others) => [String(window.innerWidth), ...others]"
_EACH = "What each step learned from"
_QUESTION = 90  # characters of a question in the menu


class TrainingPart:
    """Lay out the part, inside its `gr.Tab`, and turn what is chosen there into updates.

    `view` is the state that says what a visitor looks at.
    """

    folders: TrainingFolders

    def __init__(self) -> None:
        self.view = gr.State(None)
        with gr.Row(elem_classes="rr-training", equal_height=False):
            self.runs = gr.Dropdown(
                [], value=[], multiselect=True, max_choices=MAX_RUNS, min_width=260, scale=3,
                label="Runs of training, two to lay them over one another",
                elem_id="training-runs",
            )
            self.smoothing = gr.Slider(
                0, 0.95, 0, step=0.05, label="Smoothing", min_width=160, scale=2,
                elem_id="training-smoothing",
            )
            self.every = gr.Checkbox(
                label="All curves", min_width=110, scale=0, elem_id="training-every"
            )
            self.again = _button("Read again", "training-again")
            self.link = _button("Copy link", "training-link")
        self.head = html(elem_id="training-head")
        with gr.Column(min_width=320, elem_classes="rr-chart"):
            self.chart = gr.Plot(
                show_label=False, container=False, elem_id="training-chart", elem_classes="rr-plot"
            )
        with gr.Row(elem_classes="rr-asked", equal_height=False):
            self.prompt = gr.Dropdown(
                [], label="What the model said about", min_width=260, scale=3, filterable=False,
                visible=False, elem_id="training-prompt",
            )
            self.step = gr.Slider(
                1, 2, 1, step=1, label="Step", min_width=260, scale=3, visible=False,
                elem_id="training-step",
            )
        self.rollouts = html(elem_id="rollouts")

    def wire(
        self, tab: gr.Tab, read: gr.Textbox, share: Share,
        admit: Callable[[str, Sequence[str]], None],
    ) -> None:
        """Wire the part with few events: each costs everybody time at the opening of the page.

        Args:
            tab: that the part lies in.
            read: a hidden text that scripts put what they read into.
            share: the dialogue of links.
            admit: refuses folders that visitors may not look into; it is given those in the list.
        """
        self.folders = TrainingFolders(admit)
        share.add(self.link, self._share, {self.view})
        tab.select(
            with_toasts(self._arrive), [read, *self.look], self.opened, js=WIDTH, **QUIET
        )
        gr.on(
            [chosen_in(self.runs), self.again.click], with_toasts(self._open_runs),
            [read, self.runs, *self.look], self.opened, js=WIDTH, **QUIET,
        )
        gr.on(
            [self.smoothing.change, self.every.input], with_toasts(self._redraw),
            self.look, self.chart, trigger_mode="always_last", **QUIET,
        )
        gr.on(
            [chosen_in(self.prompt), self.step.input], with_toasts(self._choose),
            [self.prompt, self.step, self.view],
            {self.view, self.prompt, self.step, self.rollouts},
            trigger_mode="always_last", **QUIET,
        )

    @property
    def look(self) -> list[Component]:
        """Return what opening runs reads besides their folders."""
        return [self.smoothing, self.every, self.view]

    @property
    def opened(self) -> set[Component]:
        """Return what opening runs writes to."""
        return {self.view, self.runs, self.head, self.chart, self.prompt, self.step, self.rollouts}

    def holds(self, folder: str) -> bool:
        """Tell whether a folder is a run of training, and no evaluation run.

        Raises InputError for one that visitors may not look into.
        """
        self.folders.admit(folder)
        return is_training_run(folder) and not (Path(folder) / "run.json").is_file()

    def _arrive(
        self, width: str, smoothing: float, every: bool, view: TrainingView | None,
        request: gr.Request,
    ) -> Updates:
        """Show the part; to somebody who comes first the link's runs, or the first one."""
        found = self.folders.found()
        if view is not None:
            return {self.runs: gr.Dropdown(choices=_named((*found, *view.runs)))}
        query = dict(request.query_params) if request else {}
        linked, problems = decode(query if "training" in query else {}, found)
        for problem in problems:
            warn(problem)
        wanted = replace(linked, runs=linked.runs or tuple(found[:1]), width=_pixels(width))
        return self._open(wanted, smoothing, every)

    def _open_runs(
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
            return {self.runs: gr.Dropdown(value=list(view.runs))}
        wanted = replace(view, runs=tuple(folders), width=_pixels(width))
        return self._open(wanted, smoothing, every)

    def add_folder(
        self, folder: str, width: str, smoothing: float, every: bool, _: TrainingView | None
    ) -> Updates:
        """Open the run of a folder alone; raise DataError where it is none."""
        return self._open(TrainingView((folder,), width=_pixels(width)), smoothing, every)

    def _redraw(self, smoothing: float, every: bool, view: TrainingView | None) -> go.Figure:
        """Draw the curves otherwise."""
        view = view or TrainingView()
        return training_chart(self.folders.runs(view.runs), smoothing, every, view.width)

    def _share(self, values: Values) -> Shared:
        """Return the link to what somebody looks at."""
        return Shared((values[self.view] or TrainingView()).query())

    def _choose(self, prompt: str, place: float, view: TrainingView | None) -> Updates:
        """Show what was said of another prompt, or at another of its steps."""
        if view is None or not view.runs:
            return {self.view: view}
        known = {one.name: one for one in self.folders.read(view.runs[0])[1]}
        if prompt not in known:
            return {self.view: view}
        if prompt != view.prompt:
            return self._said(replace(view, prompt=prompt))
        steps = known[prompt].steps
        at = steps[min(int(place), len(steps)) - 1]
        return self._said(replace(view, step=None if at == steps[-1] else at), held=True)

    def _open(self, view: TrainingView, smoothing: float, every: bool) -> Updates:
        runs = self.folders.runs(view.runs)
        return {
            self.runs: gr.Dropdown(
                choices=_named((*self.folders.found(), *view.runs)), value=list(view.runs)
            ),
            self.head: runs_head(runs) if runs else idle_line(_NONE_OPEN),
            self.chart: training_chart(runs, smoothing, every, view.width),
            **self._said(view),
        }

    def _said(self, view: TrainingView, held: bool = False) -> Updates:
        """Show what was said of the prompt at the step of a view, and the menu of the prompts.

        A slider that is `held` stays where the hand is, which may have gone on meanwhile.
        """
        run, prompts = self.folders.read(view.runs[0]) if view.runs else (None, ())
        if run is None or not prompts:
            none = idle_line("This run has kept nothing that its model said.") if run else ""
            return {
                self.view: view, self.rollouts: none,
                self.prompt: gr.Dropdown(visible=False), self.step: gr.Slider(visible=False),
            }  # fmt: skip
        prompt = next((one for one in prompts if one.name == view.prompt), prompts[0])
        place = _place(prompt, view.step)
        found = rollouts_at(run, prompt, place)
        drawn = rollouts_view(found, prompt, course_of(run, prompt), self.head.GRADIO_CACHE)
        words = step_words(found, prompt, run.planned)
        shown = {self.view: replace(view, prompt=prompt.name), self.rollouts: drawn}
        if held:
            return {**shown, self.step: gr.Slider(label=words)}
        return {
            **shown,
            self.prompt: gr.Dropdown(
                choices=[(_title(one), one.name) for one in prompts], value=prompt.name,
                visible=True, label=f"What {run.folder.name} said about",
            ),
            self.step: gr.Slider(
                1, max(len(prompt.steps), 2), place + 1, step=1, label=words,
                visible=len(prompt.steps) > 1,
            ),
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


def _button(words: str, id: str) -> gr.Button:
    return gr.Button(words, size="sm", min_width=100, scale=0, elem_id=id)
