"""Explore: the answers since the page was loaded, in a strip, and the way back to each of them.

What stands on the page and was never asked is kept as well, when somebody goes back to an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import gradio as gr

from robust_r1 import images
from robust_r1.ask.conversation import Conversation
from robust_r1.ask.picture import Picture, example_of
from robust_r1.ask.pipeline import Outcome
from robust_r1.errors import InputError
from robust_r1.markup import escape
from robust_r1.ui.widgets.badges import said_words, verdict_badge
from robust_r1.ui.widgets.layout import Updates, html
from robust_r1.ui.widgets.old_answer import Answered
from robust_r1.ui.widgets.picture import picture_tag
from robust_r1.ui.widgets.strip import Card, strip

MOST = 30
_THUMBNAIL = 96 * 96  # pixels
_SAID = 80  # characters of an answer on its card
_BUSY = "An answer is on its way: wait for its end, or stop it, then go back to another one."
# Says which card was pressed, and nothing while an answer is on its way.
_PRESSED = "() => document.getElementById('ask').disabled ? '' : window.rrBack"
# By the page itself: the strip, drawn anew, would lose the focus and how far it is scrolled. Where
# it has to be, for what was never asked, the focus follows the pressed card.
_MARK = """() => setTimeout(() => {
  for (const card of document.querySelectorAll('.rr-back')) {
    const pressed = card.dataset.index === window.rrBack;
    if (pressed) card.ariaCurrent = 'true'; else card.removeAttribute('aria-current');
    if (pressed && document.activeElement.matches('body, .rr-back')) card.focus();
  }
}, 50)"""
_SHOW_NEWEST = "() => { document.querySelector('#visit ul')?.scrollTo(0, 0); }"
_SCRIPT = """() => document.addEventListener('click', (event) => {
  const card = event.target.closest?.('.rr-back');
  if (!card) return;
  window.rrBack = card.dataset.index;
  document.getElementById('visit-back').click();
})"""


@dataclass(frozen=True)
class Beside:
    """Keep what stood beside an answer.

    Attributes:
        conversation: what had been said before.
        answered: what the answer is of.
        settings: the values of the fields of the settings, in their order on the page.
        file: the path of the download, which Gradio clears from its cache one day; empty without
            an answer.
    """

    conversation: Conversation
    answered: Answered
    settings: tuple[object, ...]
    file: str


@dataclass(frozen=True)
class KeptAnswer:
    """Keep all that shows an answer again, or a question that was never asked.

    Attributes:
        number: counts the answers of the visit.
        outcome: the finished one, with its case, without pixels; without a reply, where nobody
            asked.
        picture: the picture as the model saw it, small, as an image element.
        beside: what stood beside it.
    """

    number: int
    outcome: Outcome
    picture: str
    beside: Beside


class VisitAnswers:
    """Lay out the strip, and keep what it shows: at most `MOST` answers, the oldest go first."""

    def __init__(self) -> None:
        self.kept = gr.State(())
        self.strip = html(elem_id="visit", elem_classes="rr-visit")
        self.pressed = gr.Textbox(visible="hidden", elem_id="visit-pressed", label="Pressed")
        self.back = gr.Button("Go back to it", visible="hidden", elem_id="visit-back")

    @property
    def scripts(self) -> tuple[str, str, str]:
        """Return the scripts that listen, that say what was pressed, and that mark it."""
        return _SCRIPT, _PRESSED, _MARK

    @property
    def newest_script(self) -> str:
        """Return the script that shows the newest card, for after an answer."""
        return _SHOW_NEWEST

    @property
    def outputs(self) -> list:
        """Return what `add` writes to."""
        return [self.kept, self.strip]

    def press(self, number: str) -> str:
        """Keep which card was pressed, as the page says."""
        return number

    def add(
        self, before: Sequence[KeptAnswer], outcome: Outcome, beside: Beside, current: str = ""
    ) -> Updates:
        """Return the updates that keep one more answer; one that has no word is left out.

        `current` is the number of the answer on the page, where it is not this one.
        """
        if outcome.reply is not None and not outcome.reply.text.strip():
            return {}
        number = before[-1].number + 1 if before else 1
        picture = self._picture(outcome)
        answer = KeptAnswer(number, replace(outcome, thumbnail=None), picture, beside)
        asked = [one for one in before if one.outcome.reply or not _is_of(one, beside.answered)]
        answers = (*asked, answer)[-MOST:]
        drawn = visit_strip(answers, current or str(number))
        return {self.kept: answers, self.strip: drawn}

    def holds(self, kept: Sequence[KeptAnswer], now: Answered) -> bool:
        """Tell whether what stands on the page is kept already."""
        return any(_is_of(one, now) for one in kept)

    def _picture(self, outcome: Outcome) -> str:
        assert outcome.thumbnail is not None  # it is there from the start of an answer
        small = images.fit(outcome.thumbnail, _THUMBNAIL)
        return picture_tag(small, _title(outcome.case.picture), self.strip.GRADIO_CACHE)


def visit_strip(kept: Sequence[KeptAnswer], current: str) -> str:
    """Draw the answers of a visit, the newest first; `current` is the number of the marked one."""
    cards = [_card(one) for one in reversed(kept)]
    hint = "Go back to this: nothing is asked again"
    return strip("Answers of this visit", cards, "rr-back", hint, int(current))


def find_answer(kept: Sequence[KeptAnswer], number: str) -> KeptAnswer:
    """Return the answer of a card; raise InputError where none can be gone back to."""
    if not number:
        raise InputError(_BUSY)
    found = [one for one in kept if str(one.number) == number]
    if not found:
        raise InputError("This answer is not kept any more: ask again.")
    return found[0]


def _is_of(kept: KeptAnswer, now: Answered) -> bool:
    return not kept.beside.answered.changed(now.asked)


def _card(kept: KeptAnswer) -> Card:
    outcome = kept.outcome
    if outcome.reply is None:
        return Card(kept.number, kept.picture, outcome.case.question, "<i>not asked yet</i>")
    said = escape(said_words(outcome), _SAID) or "no answer"
    verdict = verdict_badge(outcome.score.accuracy if outcome.score else None)
    return Card(kept.number, kept.picture, outcome.case.question, f"<b>{said}</b>{verdict}")


def _title(picture: Picture | None) -> str:
    example = example_of(picture)
    if example:
        return example.title
    return (picture.own.name if picture and picture.own else "") or "Your picture"
