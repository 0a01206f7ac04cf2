"""The Learn tab: what the method does, in five parts that can be tried.

Each part is a tab of its own with a module of its own; nothing is asked or drawn before it is
looked at.
"""

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import gradio as gr
from gradio.components import Component

from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.ui.learn.chain import ExplainedChain
from robust_r1.ui.learn.degradations import Degradations
from robust_r1.ui.learn.game import BeatTheModel
from robust_r1.ui.learn.rewards import RewardsPlayground
from robust_r1.ui.learn.training import TrainingStory
from robust_r1.ui.widgets.layout import QUIET, UNQUEUED, Updates, Values
from robust_r1.ui.widgets.links import build_link, read_value, values_of
from robust_r1.ui.widgets.toasts import with_toasts

# The names of the parts in links, which stay as they are.
PARTS = ("method", "anatomy", "rewards", "story", "game")


class Part(Protocol):
    """Say of a part of the lesson how a link tells of it."""

    @property
    def described(self) -> set[Component]:
        """Return the components that `describe` reads."""

    @property
    def opened(self) -> set[Component]:
        """Return the components that `open` writes to."""

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about this part."""

    def open(self, link: Mapping[str, str]) -> Updates:
        """Return the updates that show what a link says; what it leaves out keeps its default."""


class Learn:
    """Lay out and wire the Learn tab; make one inside its `gr.Tab`, which is `tab`."""

    def __init__(self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...]) -> None:
        self.part = gr.State(PARTS[0])
        with gr.Tabs(elem_id="learn-tabs") as self.tabs:
            with gr.Tab("Degradations", id="method"):
                method = Degradations(tab)
            with gr.Tab("Chain", id="anatomy"):
                chain = ExplainedChain(page, engines)
            with gr.Tab("Rewards", id="rewards") as second:
                rewards = RewardsPlayground(second, engines)
            with gr.Tab("Training", id="story"):
                story = TrainingStory(page, engines)
            with gr.Tab("Game", id="game") as last:
                game = BeatTheModel(page, last, engines)
        parts: tuple[Part, ...] = (method, chain, rewards, story, game)
        self.parts = dict(zip(PARTS, parts, strict=True))
        for inner in self.tabs.children:
            if isinstance(inner, gr.Tab):
                inner.select(partial(str, inner.id), None, self.part, **UNQUEUED)
        with gr.Row(elem_classes="rr-keep"):
            described = set[Component]().union(*(part.described for part in parts))
            build_link("learn", self._describe, {self.part, *described})
        opened = set[Component]().union(*(part.opened for part in parts))
        page.load(
            with_toasts(self._open), None, {self.tabs, self.part, *opened}, **QUIET
        )

    def _describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about the open part; what another part shows is left out."""
        part = values[self.part]
        return {"part": part, **self.parts[part].describe(values)}

    def _open(self, request: gr.Request) -> Updates:
        """Put the tab into the state of a link that names it."""
        link = values_of(request, "learn")
        if link is None:
            return gr.skip()
        part = read_value(link, "part", _part, PARTS[0])
        return {
            self.tabs: gr.Tabs(selected=part), self.part: part, **self.parts[part].open(link)
        }


def _part(text: str) -> str:
    if text not in PARTS:
        raise InputError(f"the lesson has no part {text[:40]!r}; choose {' or '.join(PARTS)}")
    return text
