"""Mark an answer that is of something else than what the page shows by now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from robust_r1.ask.picture import Picture
from robust_r1.markup import escape
from robust_r1.ui.widgets.layout import PRIVATE, UNQUEUED, Updates, Values, html
from robust_r1.ui.widgets.links import write_address
from robust_r1.ui.widgets.share import ANSWER, PAGE, Share, Shared, build_link, tab_query


@dataclass(frozen=True)
class Answered:
    """Keep what an answer is of: what was asked, by names that people read, and its link."""

    asked: Mapping[str, object]
    shared: Shared | None = None

    def changed(self, now: Mapping[str, object]) -> list[str]:
        """Return the names of what is otherwise by now, in the order of `now`."""
        return [name for name, value in now.items() if self.asked.get(name) != value]


class OldAnswer:
    """Lay out the mark; what follows it in the same column is dimmed while it says something.

    `kept` holds what the answer on the page is of.
    """

    def __init__(self, tab: str) -> None:
        self.kept = gr.State(None)
        self.mark = html(elem_id=f"{tab}-old", elem_classes="rr-mark")

    @property
    def outputs(self) -> set[Component]:
        """Return what `begin` writes to."""
        return {self.kept, self.mark}

    def begin(self, asked: Mapping[str, object], shared: Shared | None = None) -> Updates:
        """Return the updates for an answer that begins now."""
        return {self.kept: Answered(asked, shared), self.mark: ""}

    def compare(self, kept: Answered | None, now: Mapping[str, object]) -> Updates:
        """Return the update that marks an answer, or takes the mark away again."""
        return {self.mark: old_mark(kept.changed(now) if kept else [])}


class TabAnswer(OldAnswer):
    """Keep a tab's address, and the mark on its answer, in step with its fields.

    Args:
        tab: its name in links; the address is written while `element` is in sight.
        describe: returns what a link says about the tab.
        asked: returns what an answer is of, by the names that people know.
        inputs: what both read.
        picture: the picture that is asked about, if there is one.
    """

    def __init__(
        self,
        tab: str,
        element: str,
        describe: Callable[[Values], Mapping[str, str]],
        asked: Callable[[Values], Mapping[str, object]],
        inputs: set[Component],
        picture: gr.State | None = None,
    ) -> None:
        super().__init__(tab)
        self._tab, self._element, self._picture = tab, element, picture
        self._describe, self._asked, self._inputs = describe, asked, inputs
        self.query = gr.Textbox(visible="hidden", elem_id=f"{tab}-query", label="Link")

    def build_link(self, share: Share) -> None:
        """Lay out and wire the button that shares the answer, or the tab where there is none."""
        build_link(share, self._tab, self._share, {self.kept, *self._inputs})

    def begin_with(self, values: Values) -> Updates:
        """Return the updates for an answer that begins with these values."""
        return self.begin(self._asked(values), self._shared(values, ANSWER))

    def follow_after(self, listen: Callable) -> None:
        """Write the address and mark the answer, after what `listen` listens to."""
        followed = listen(
            self._follow, {self.kept, *self._inputs}, {self.query, self.mark},
            trigger_mode="always_last", **UNQUEUED,
        )
        followed.then(None, self.query, None, js=write_address(self._element), **PRIVATE)

    def _follow(self, values: Values) -> Updates:
        query = self._shared(values).query
        return {self.query: query, **self.compare(values[self.kept], self._asked(values))}

    def _share(self, values: Values) -> Shared:
        answered: Answered | None = values[self.kept]
        return (answered.shared if answered else None) or self._shared(values)

    def _shared(self, values: Values, title: str = PAGE) -> Shared:
        picture = values[self._picture] if self._picture else None
        return Shared(tab_query(self._tab, self._describe(values)), picture, title)


def old_mark(changed: Sequence[str]) -> str:
    """Say in one line what an answer is of, by the names of what has changed since."""
    if not changed:
        return ""
    *first, last = changed
    names = f"{', '.join(first)} and {last}" if first else last
    return (
        f'<p class="rr-old" role="status" data-changed="{escape(" ".join(changed))}">What follows '
        f"is for the {escape(names)} before: ask again, or set it back.</p>"
    )


def pixels_of(picture: Picture | None) -> object:
    """Return what tells a picture from others: the same file brought twice is the same picture."""
    if picture is None or picture.own is None or picture.example:
        return picture
    return picture.own.identity
