"""A piece of work of many answers: start, progress, Stop, and a place in a queue of its own."""

from collections.abc import Callable

import gradio as gr

from robust_r1.markup import escape
from robust_r1.ui.widgets.active_answers import Runs
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, html
from robust_r1.ui.widgets.toasts import with_toasts

# Apart from the queue of single questions: those get their turns in between, since the engine takes
# whoever is next. Two at a time, so that one long sweep does not keep everybody else's waiting.
ANALYSIS, AT_ONCE = "analysis", 2
_AT_ONCE = {"queue": False, **QUIET}


def progress_line(done: int, total: int, words: str) -> str:
    """Say how far the work is, as a bar and in words."""
    return (
        '<div class="rr-progress" role="status" aria-live="polite">'
        f'<progress value="{done}" max="{total}" aria-label="Progress"></progress>'
        f"<span>{done} of {total}</span><span>{escape(words, 200)}</span></div>"
    )


class Working:
    """Lay out and wire the buttons and the status line of one tab's work.

    `verb` is on the button that starts it; `idle` is what the status line says before that.
    """

    def __init__(self, tab: str, verb: str, idle: str) -> None:
        self.runs = Runs()
        with gr.Row(elem_classes="rr-work", equal_height=True):
            self.stop = gr.Button("Stop", interactive=False, min_width=80, elem_id=f"{tab}-stop")
            self.leave = gr.Button(
                "Leave queue", visible=False, min_width=80, elem_id=f"{tab}-leave"
            )
            self.start = gr.Button(
                verb, variant="primary", min_width=140, elem_id=f"{tab}-start", scale=2
            )
        self.status = html(idle_line(idle), elem_id=f"{tab}-status")

    def begun(self) -> dict:
        """Return the updates that offer Stop, once the work has begun."""
        return {
            self.leave: gr.Button(visible=False),
            self.stop: gr.Button(visible=True, interactive=True),
        }

    def wire(
        self, page: gr.Blocks, check: Callable, work: Callable, inputs: list, outputs: list
    ) -> None:
        """Wire it: `check` refuses what cannot be begun, `work` yields dictionaries of updates."""
        buttons = [self.start, self.stop, self.leave]

        def checked(*values) -> dict:
            check(*values)
            return {
                self.start: gr.Button(interactive=False),
                self.stop: gr.Button(visible=False),
                self.leave: gr.Button(visible=True),
                self.status: idle_line("Waiting for its turn."),
            }

        ready = self.start.click(
            with_toasts(checked), inputs, [*buttons, self.status], concurrency_limit=None,
            **QUIET,
        )
        working = ready.success(
            with_toasts(work), inputs, [*buttons, self.status, *outputs], concurrency_id=ANALYSIS,
            concurrency_limit=AT_ONCE, show_progress="minimal", show_progress_on=self.status,
            **PRIVATE,
        )
        working.then(self._settle, None, buttons, **_AT_ONCE)
        self.stop.click(self._stop, None, None, **_AT_ONCE)
        self.leave.click(
            self._leave, None, [*buttons, self.status], cancels=[working], **_AT_ONCE
        )
        page.unload(self._stop)

    def _stop(self, request: gr.Request) -> None:
        self.runs.stop(request.session_hash)

    def _settle(self) -> dict:
        return {
            self.start: gr.Button(interactive=True),
            self.stop: gr.Button(visible=True, interactive=False),
            self.leave: gr.Button(visible=False),
        }

    def _leave(self, request: gr.Request) -> dict:
        self._stop(request)
        return {self.status: idle_line("Left the queue."), **self._settle()}
