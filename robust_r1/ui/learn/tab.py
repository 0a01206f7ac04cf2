"""The Learn tab: what the method does, in five parts that can be tried.

Each part is a tab of its own with a module of its own; nothing is asked or drawn before it is
looked at.
"""

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.ui.learn.chain import ExplainedChain
from robust_r1.ui.learn.degradations import Degradations
from robust_r1.ui.learn.game import BeatTheModel
from robust_r1.ui.learn.plan import build_lesson
from robust_r1.ui.learn.rewards import RewardsPlayground
from robust_r1.ui.learn.training import TrainingStory
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, UNQUEUED, Updates, Values
from robust_r1.ui.widgets.links import read_value, values_of, write_address
from robust_r1.ui.widgets.share import Share, Shared, build_link, tab_query
from robust_r1.ui.widgets.toasts import with_toasts

# The names of the parts in links, which stay as they are.
PARTS = ("method", "anatomy", "rewards", "story", "game")
# The label of the part that is in sight once all is drawn. The first part says that it was selected
# also where a link opens another one, before or after that one says so.
_PART_IN_SIGHT = """async () => {
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  return document.querySelector('#learn-tabs [role=tab][aria-selected=true]')?.innerText.trim();
}"""


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
    """Lay out and wire the Learn tab; make one inside its `gr.Tab`, which is `tab`.

    `held` is the page's state of Explore's case, `memory` what keeps the scores of the game.
    """

    def __init__(
        self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...], share: Share,
        held: gr.State, memory: gr.BrowserState,
    ) -> None:
        self.part = gr.State(PARTS[0])
        self.query = gr.Textbox(visible="hidden", elem_id="learn-query", label="Link")
        build_lesson()
        with gr.Tabs(elem_id="learn-tabs") as self.tabs:
            with gr.Tab("Degradations", id="method"):
                method = Degradations(tab, share.kept)
            with gr.Tab("Chain", id="anatomy") as first:
                chain = ExplainedChain(page, first, engines)
            with gr.Tab("Rewards", id="rewards") as second:
                rewards = RewardsPlayground(second, engines)
            with gr.Tab("Training", id="story") as third:
                story = TrainingStory(page, third, engines, share, held)
            with gr.Tab("Game", id="game") as last:
                game = BeatTheModel(page, last, engines, memory)
        parts: tuple[Part, ...] = (method, chain, rewards, story, game)
        self.parts = dict(zip(PARTS, parts, strict=True))
        self._pictures = {PARTS[0]: method.brought, PARTS[3]: story.brought}
        inner = [child for child in self.tabs.children if isinstance(child, gr.Tab)]
        self._names = {one.label: str(one.id) for one in inner}
        sight = gr.Textbox(visible="hidden", label="Part in sight")
        entered = gr.on(
            [one.select for one in inner], self._enter, sight, self.part, js=_PART_IN_SIGHT,
            trigger_mode="always_last", **UNQUEUED,
        )
        with gr.Row(elem_classes="rr-keep"):
            described = set[Component]().union(*(part.described for part in parts))
            build_link(share, "learn", self._share, {self.part, *described})
        self._follow({self.part, *described}, tab, entered)
        opened = set[Component]().union(*(part.opened for part in parts))
        arrived = page.load(
            with_toasts(self._open), None, {self.tabs, self.part, *opened}, **QUIET
        )
        game.remember_after(arrived.then)

    def _follow(
        self, described: set[Component], tab: gr.Tab, entered: Dependency
    ) -> None:
        """Keep the address in step with the open part, after the event that enters one too."""
        changed = [tab.select, *(component.change for component in described)]
        for listen in (partial(gr.on, changed), entered.then):
            followed = listen(
                self._describe, described, self.query, trigger_mode="always_last", **UNQUEUED
            )
            followed.then(None, self.query, None, js=write_address("learn-link"), **PRIVATE)

    def _enter(self, label: str) -> str:
        return self._names.get(label, PARTS[0])

    def _share(self, values: Values) -> Shared:
        brought = self._pictures.get(values[self.part])
        return Shared(self._describe(values), brought(values) if brought else None)

    def _describe(self, values: Values) -> str:
        """Return the link of the open part; what another part shows is left out."""
        part = values[self.part]
        return tab_query("learn", {"part": part, **self.parts[part].describe(values)})

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
