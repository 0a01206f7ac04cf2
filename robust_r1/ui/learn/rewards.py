"""Learn, third part: edit a chain by hand and watch the four rewards move."""

import gradio as gr

from robust_r1.analysis import MAX_TEXT, Judgment, judge, variants
from robust_r1.chain import render
from robust_r1.engine import Engine
from robust_r1.ui.learn.cases import LessonCase, case_titles, lesson_case
from robust_r1.ui.learn.views import case_view, findings_table, hand_reply
from robust_r1.ui.widgets.chain import problems_list
from robust_r1.ui.widgets.layout import QUIET, chosen_in, html
from robust_r1.ui.widgets.scores import rewards_list
from robust_r1.ui.widgets.toasts import with_toasts

_WORDS = (
    "Reinforcement learning knows a chain only by these four numbers. Change a name, an intensity, "
    "a tag, the answer, and see which of them notices. The buttons make one mistake each."
)


class Playground:
    """Lay out and wire the playground; it opens with the true chain once `tab` is looked at."""

    def __init__(self, tab: gr.Tab, engines: tuple[Engine, ...]) -> None:
        self.engine = engines[0]
        first = lesson_case("")
        names = [variant.name for variant in variants(first.reference)]
        html(f'<p class="rr-lead">{_WORDS}</p>')
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=340, scale=1, elem_classes="rr-side"):
                self.case = gr.Dropdown(
                    case_titles(), value=first.title, label="Damage", filterable=False,
                    min_width=160, elem_id="playground-case",
                )
                self.shown = html(elem_id="playground-case-view")
                with gr.Accordion("The true chain", open=False, elem_classes="rr-fold"):
                    self.truth = gr.Textbox(
                        render(first.reference), label="True chain", show_label=False,
                        interactive=False, lines=4, max_lines=12, container=False,
                        elem_id="playground-truth",
                    )
                self.starts = gr.Dataset(
                    components=[gr.Textbox(visible=False)], samples=[[name] for name in names],
                    type="index", label="Begin with", show_label=False, container=False,
                    samples_per_page=12, elem_id="playground-starts",
                    elem_classes="rr-suggestions",
                )
            with gr.Column(min_width=340, scale=1, elem_classes="rr-side"):
                self.text = gr.Textbox(
                    render(first.reference), label="Your chain", lines=7, max_lines=16,
                    max_length=MAX_TEXT, elem_id="playground-text",
                )
                self.verdict = html(elem_id="playground-verdict")
        self._wire(tab)

    def _wire(self, tab: gr.Tab) -> None:
        judged = [self.text, self.case]
        tab.select(self._show, judged, [self.shown, self.verdict], **QUIET)
        # The change of the text is what has it judged.
        chosen_in(self.case)(self.choose, self.case, self.shows, **QUIET)
        self.starts.click(self._start, [self.starts, self.case], self.text, **QUIET)
        self.text.change(
            with_toasts(self._judge), judged, self.verdict, trigger_mode="always_last", **QUIET
        )

    def _show(self, text: str, title: str) -> list[str]:
        return [self._draw_case(lesson_case(title)), self._judge(text, title)]

    @property
    def shows(self) -> list:
        """Return the components that another case changes."""
        return [self.shown, self.truth, self.text, self.starts]

    def choose(self, title: str) -> dict:
        """Show a case, and begin with its true chain."""
        case = lesson_case(title)
        true = render(case.reference)
        samples = [[variant.name] for variant in variants(case.reference)]
        updates = (self._draw_case(case), true, true, gr.Dataset(samples=samples))
        return dict(zip(self.shows, updates, strict=True))

    def _start(self, index: int, title: str) -> str:
        return variants(lesson_case(title).reference)[index].text

    def _judge(self, text: str, title: str) -> str:
        case = lesson_case(title)
        judgment = judge(
            text, render(case.reference), case.case.choices, self.engine.count_tokens
        )
        return verdict(judgment, case)

    def _draw_case(self, case: LessonCase) -> str:
        return case_view(
            self.engine, case.case, self.shown.GRADIO_CACHE, case.reference.findings
        )


def verdict(judgment: Judgment, case: LessonCase) -> str:
    """Draw the rewards with how each came about, the findings held against the truth, problems."""
    sides = [("Your chain", judgment.parsed.chain.findings)]
    return (
        rewards_list(judgment.score)
        + problems_list(hand_reply(judgment))
        + findings_table(case.reference.findings, sides)
    )
