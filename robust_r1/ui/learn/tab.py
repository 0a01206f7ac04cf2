"""The Learn tab: what the method does, in five parts that can be tried.

Each part is a tab of its own with a module of its own; nothing is asked or drawn before it is
looked at.
"""

from functools import partial

import gradio as gr

from robust_r1.engine import Engine
from robust_r1.ui.api.learn import LearnEndpoints
from robust_r1.ui.learn.anatomy import Anatomy
from robust_r1.ui.learn.game import BeatTheModel
from robust_r1.ui.learn.links import PARTS, Lesson, read_part
from robust_r1.ui.learn.method import Method
from robust_r1.ui.learn.rewards import Playground
from robust_r1.ui.learn.story import Story
from robust_r1.ui.widgets.layout import QUIET
from robust_r1.ui.widgets.links import build_link, values_of
from robust_r1.ui.widgets.toasts import with_toasts

_AT_ONCE = {"queue": False, **QUIET}


class Learn:
    """Lay out and wire the Learn tab; make one inside its `gr.Tab`, which is `tab`."""

    def __init__(self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...]) -> None:
        self.part = gr.State(PARTS[0])
        with gr.Tabs(elem_id="learn-tabs") as self.parts:
            with gr.Tab("Degradations", id="method"):
                method = Method(tab)
            with gr.Tab("Chain", id="anatomy"):
                anatomy = Anatomy(page, engines)
            with gr.Tab("Rewards", id="rewards") as rewards:
                playground = Playground(rewards, engines)
            with gr.Tab("Training", id="story"):
                story = Story(page, engines)
            with gr.Tab("Game", id="game") as game:
                beat = BeatTheModel(page, game, engines)
        self.lesson = Lesson(method, anatomy, playground, story, beat)
        for inner in self.parts.children:
            if isinstance(inner, gr.Tab):
                inner.select(partial(str, inner.id), None, self.part, **_AT_ONCE)
        with gr.Row(elem_classes="rr-keep"):
            build_link("learn", self.lesson.describe, [self.part, *self.lesson.described])
        page.load(
            with_toasts(self._open), None, [self.parts, self.part, *self.lesson.opened],
            **QUIET,
        )
        LearnEndpoints(engines)

    def _open(self, request: gr.Request):
        """Put the tab into the state of a link that names it."""
        values = values_of(request, "learn")
        if values is None:
            return gr.skip()
        part = read_part(values)
        return {
            self.parts: gr.Tabs(selected=part), self.part: part, **self.lesson.open(part, values)
        }
