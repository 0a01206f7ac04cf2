"""Take Explore's case over into another tab: a button that is there where the two differ."""

from collections.abc import Callable

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from robust_r1.ask.case import Case
from robust_r1.ui.widgets.layout import QUIET, UNQUEUED, Updates, Values


class TakeOver:
    """Lay out the button, hidden at first; nothing moves until it is pressed.

    `tab` begins the element's id; `held` is the page's state that holds Explore's case.
    """

    def __init__(self, tab: str, held: gr.State) -> None:
        self.held = held
        self.button = gr.Button(
            "Take over from Explore", size="sm", visible=False, elem_id=f"{tab}-take-over",
            elem_classes="rr-take-over",
        )

    def wire(
        self,
        holds: Callable[[Case, Values], bool],
        take: Callable[[Case, Values], Updates],
        inputs: set[Component],
        outputs: set[Component],
    ) -> Dependency:
        """Wire it, and return the event after which the tab has the case.

        Args:
            holds: tells whether a case is what these values show already.
            take: returns the updates of `outputs` that show a case.
            inputs: what both read.
            outputs: what `take` writes to.
        """
        self._holds, self._take, self._inputs = holds, take, {self.held, *inputs}
        return self.button.click(self._bring, self._inputs, {*outputs, self.button}, **QUIET)

    def offer_after(self, listen: Callable) -> None:
        """Show or hide the button after what `listen` listens to."""
        listen(
            self._offer, self._inputs, {self.button}, trigger_mode="always_last", **UNQUEUED
        )

    def _offer(self, values: Values) -> Updates:
        case: Case | None = values[self.held]
        differs = case is not None and not self._holds(case, values)
        return {self.button: gr.Button(visible=differs)}

    def _bring(self, values: Values) -> Updates:
        case: Case | None = values[self.held]
        taken = self._take(case, values) if case else {}
        return {**taken, self.button: gr.Button(visible=False)}
