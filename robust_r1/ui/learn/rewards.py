"""Learn, third part: edit a chain by hand and watch the four rewards move."""

from collections.abc import Mapping

import gradio as gr
from gradio.components import Component

from robust_r1.analysis import MAX_TEXT, Judgment, judge, variants
from robust_r1.ask.case import Reply
from robust_r1.chain import render
from robust_r1.engine import Answer, Engine, GenerationSettings
from robust_r1.errors import InputError
from robust_r1.ui.learn.cases import LessonCase, lesson_case
from robust_r1.ui.learn.menus import build_case_menu, read_case
from robust_r1.ui.learn.views import case_view, findings_table
from robust_r1.ui.widgets.chain import problems_list
from robust_r1.ui.widgets.layout import QUIET, Updates, Values, chosen_in, html
from robust_r1.ui.widgets.links import read_value
from robust_r1.ui.widgets.scores import rewards_list
from robust_r1.ui.widgets.toasts import with_toasts

_WORDS = (
    "Reinforcement learning knows a chain only by these four numbers. Change a name, an intensity, "
    "a tag, the answer, and see which of them notices. The buttons make one mistake each."
)


class RewardsPlayground:
    """Lay out and wire the playground; it opens with the true chain once `tab` is looked at."""

    def __init__(self, tab: gr.Tab, engines: tuple[Engine, ...]) -> None:
        self.engine = engines[0]
        first = lesson_case("")
        names = [variant.name for variant in variants(first.reference)]
        html(f'<p class="rr-lead">{_WORDS}</p>')
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=340, scale=1, elem_classes="rr-side"):
                self.case = build_case_menu("playground-case")
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
        judged = {self.text, self.case}
        tab.select(self._show, judged, {self.shown, self.verdict}, **QUIET)
        # The change of the text is what has it judged.
        chosen_in(self.case)(self._choose, self.case, self.opened - {self.case}, **QUIET)
        self.starts.click(self._start, [self.starts, self.case], self.text, **QUIET)
        self.text.change(
            with_toasts(self._judge), judged, self.verdict, trigger_mode="always_last", **QUIET
        )

    @property
    def described(self) -> set[Component]:
        """Return the components that `describe` reads."""
        return {self.case, self.text}

    @property
    def opened(self) -> set[Component]:
        """Return the components that `open` writes to."""
        return {self.case, self.shown, self.truth, self.text, self.starts}

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about this part: the case, and its chain where it was edited."""
        text, title = values[self.text], values[self.case]
        edited = text != render(lesson_case(title).reference)
        return {"case": title, **({"chain": text} if edited else {})}

    def open(self, link: Mapping[str, str]) -> Updates:
        """Return the updates that show what a link says."""
        title = read_case(link)
        shown = {self.case: title, **self._choose(title)}
        if "chain" in link:
            shown[self.text] = read_value(link, "chain", _chain, shown[self.text])
        return shown

    def _show(self, values: Values) -> Updates:
        case = lesson_case(values[self.case])
        return {self.shown: self._draw_case(case), self.verdict: self._judge(values)}

    def _choose(self, title: str) -> Updates:
        """Show a case, and begin with its true chain."""
        case = lesson_case(title)
        true = render(case.reference)
        samples = [[variant.name] for variant in variants(case.reference)]
        return {
            self.shown: self._draw_case(case),
            self.truth: true,
            self.text: true,
            self.starts: gr.Dataset(samples=samples),
        }

    def _start(self, index: int, title: str) -> str:
        return variants(lesson_case(title).reference)[index].text

    def _judge(self, values: Values) -> str:
        case = lesson_case(values[self.case])
        judgment = judge(
            values[self.text], render(case.reference), case.case.choices, self.engine.count_tokens
        )
        return verdict(judgment, case)

    def _draw_case(self, case: LessonCase) -> str:
        return case_view(self.engine, case.case, self.shown.GRADIO_CACHE)


def _chain(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise InputError(f"it has {len(text)} characters, and a chain at most {MAX_TEXT}")
    return text


def verdict(judgment: Judgment, case: LessonCase) -> str:
    """Draw the rewards with how each came about, the findings held against the truth, problems."""
    sides = [("Your chain", judgment.parsed.chain.findings)]
    return (
        rewards_list(judgment.score)
        + problems_list(_reply(judgment))
        + findings_table(case.reference.findings, sides)
    )


def _reply(judgment: Judgment) -> Reply:
    """Return a chain that was written by hand in the form in which a model's is drawn."""
    answer = Answer(
        judgment.text, judgment.parsed, judgment.tokens or 0, 0.0, None, "stop", "by hand",
        GenerationSettings(),
    )
    return Reply(judgment.text, judgment.parsed, answer)
