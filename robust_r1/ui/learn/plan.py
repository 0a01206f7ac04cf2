"""The plan of a lesson of 45 minutes: each step opens the part that it names."""

from collections.abc import Sequence

import gradio as gr

from robust_r1.markup import escape
from robust_r1.ui.widgets.layout import PRIVATE, html

# Minutes, the tabs that the step opens by their names, outermost first, and what to do there.
_STEPS = (
    ("0 to 8", ("Learn", "Degradations"), "Move Intensity from 0 to 1: what vanishes first, "
     "color, edges or small things? Change the seed: the same damage in another place. Which of "
     "the four stages could a photographer have avoided?"),
    ("8 to 15", ("Learn", "Chain"), "Write a chain for the light, the heavy and the undamaged "
     "case. Read the five sections against their explanations: which are checked by anything, and "
     "what grows with the damage?"),
    ("15 to 25", ("Learn", "Rewards"), "Press One missed, False alarm, Said twice, and say "
     "beforehand which figures will fall. Then edit by hand: is it worth naming a degradation "
     "that you half believe in? (A match turns the -1 of a miss into as much as +1, a false alarm "
     "costs 1: it pays from a belief of a third.) Find a chain with a wrong answer and a high "
     "sum."),
    ("25 to 30", ("Learn", "Training"), "Ask each of them about the typical cases: what does a "
     "model say before it has seen chains, after imitating them, after being rewarded? Hold it "
     "against the means beside."),
    ("30 to 42", ("Learn", "Game"), "Type a seed that all share, New game, five rounds. Set the "
     "sliders, Submit, compare with the truth, Next round. Who beats the model, and on which "
     "degradations does nobody?"),
    ("42 to 45", ("Sweep",), "The degradation that the class found hardest, in six steps: from "
     "where on does the model see it, and where does its answer flip?"),
)
# By a press on the tabs themselves, as a person opens them: what they show is drawn then.
_OPEN = """() => {
  for (const name of NAMES) {
    [...document.querySelectorAll('[role=tab]')].find((tab) => tab.innerText.trim() === name)
      ?.click();
  }
  window.scrollTo({top: 0});
}"""


def build_lesson() -> None:
    """Lay out the plan, folded at first."""
    with gr.Accordion("A lesson of 45 minutes", open=False, elem_id="lesson"):
        html(
            '<p class="rr-lead">On one projector or on everybody\'s screen; nothing but the page '
            "is needed, and a phone will do.</p>"
        )
        for number, step in enumerate(_STEPS, 1):
            _build_step(number, *step)


def _build_step(number: int, minutes: str, tabs: Sequence[str], words: str) -> None:
    with gr.Row(elem_classes="rr-step", equal_height=False):
        button = gr.Button(
            f"{minutes}: {tabs[-1]}", size="sm", min_width=170, scale=0,
            elem_id=f"lesson-{number}",
        )
        html(f"<p>{escape(words, 600)}</p>", scale=1)
    names = ", ".join(f"'{name}'" for name in tabs)
    button.click(None, None, None, js=_OPEN.replace("NAMES", f"[{names}]"), **PRIVATE)
