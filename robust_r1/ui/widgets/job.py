"""What runs for a visitor: single answers and jobs of many, with their queues and their Stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gradio as gr
from gradio.components import Component

from robust_r1.markup import escape
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, UNQUEUED, Updates, Values, html
from robust_r1.ui.widgets.toasts import with_toasts

PREVIEW, MODEL = "preview", "model"  # looking never waits for a model
# Apart from the queue of single questions: those get their turns in between, since the engine takes
# whoever is next. Two at a time, so that one long sweep does not keep everybody else's waiting.
ANALYSIS, AT_ONCE = "analysis", 2


def progress_line(done: int, total: int, words: str) -> str:
    """Say how far the work is, as a bar and in words."""
    return (
        '<div class="rr-progress" role="status" aria-live="polite">'
        f'<progress value="{done}" max="{total}" aria-label="Progress"></progress>'
        f"<span>{done} of {total}</span><span>{escape(words, 200)}</span></div>"
    )


class ActiveAnswers:
    """Know which visitor's question is being answered, so that Stop and a closed tab can end it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, set[threading.Event]] = {}

    @contextmanager
    def begin(self, session: str | None) -> Iterator[threading.Event]:
        """Register an answer for as long as the block runs; the event is set at its end."""
        event, key = threading.Event(), session or ""
        with self._lock:
            self._events.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            event.set()
            with self._lock:
                events = self._events.get(key, set())
                events.discard(event)
                if not events:
                    self._events.pop(key, None)

    def stop(self, session: str | None) -> bool:
        """Stop what this visitor has running; tell whether there was anything."""
        with self._lock:
            events = tuple(self._events.get(session or "", ()))
        for event in events:
            event.set()
        return bool(events)

    def __len__(self) -> int:
        with self._lock:
            return sum(len(events) for events in self._events.values())


class Job:
    """Lay out and wire the buttons and the status line of one tab's job of many answers.

    `verb` is on the button that starts it; `idle` is what the status line says before that.
    """

    def __init__(self, tab: str, verb: str, idle: str) -> None:
        self.active = ActiveAnswers()
        with gr.Row(elem_classes="rr-work", equal_height=True):
            self.stop = gr.Button("Stop", interactive=False, min_width=80, elem_id=f"{tab}-stop")
            self.leave = gr.Button(
                "Leave queue", visible=False, min_width=80, elem_id=f"{tab}-leave"
            )
            self.start = gr.Button(
                verb, variant="primary", min_width=140, elem_id=f"{tab}-start", scale=2
            )
        self.status = html(idle_line(idle), elem_id=f"{tab}-status")

    def begun(self) -> Updates:
        """Return the updates that offer Stop, once the work has begun."""
        return {
            self.leave: gr.Button(visible=False),
            self.stop: gr.Button(visible=True, interactive=True),
        }

    def wire(
        self,
        page: gr.Blocks,
        check: Callable[[Values], None],
        work: Callable[[Values, gr.Request], Iterator[Updates]],
        inputs: set[Component],
        outputs: set[Component],
    ) -> None:
        """Wire it: `check` refuses what cannot be begun, `work` yields updates as they come."""
        buttons = [self.start, self.stop, self.leave]

        def checked(values: Values) -> Updates:
            check(values)
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
        working.then(self._settle, None, buttons, **UNQUEUED)
        self.stop.click(self._stop, None, None, **UNQUEUED)
        self.leave.click(
            self._leave, None, [*buttons, self.status], cancels=[working], **UNQUEUED
        )
        page.unload(self._stop)

    def _stop(self, request: gr.Request) -> None:
        self.active.stop(request.session_hash)

    def _settle(self) -> Updates:
        return {
            self.start: gr.Button(interactive=True),
            self.stop: gr.Button(visible=True, interactive=False),
            self.leave: gr.Button(visible=False),
        }

    def _leave(self, request: gr.Request) -> Updates:
        self._stop(request)
        return {self.status: idle_line("Left the queue."), **self._settle()}
