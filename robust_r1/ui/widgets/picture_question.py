"""A picture and what is asked about it, for the tabs that look at a model from several sides."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import gradio as gr
from gradio.components import Component

from robust_r1.ask.case import Case
from robust_r1.ask.examples import Suggestion, find_example, gallery
from robust_r1.ask.kept_pictures import KeptPictures
from robust_r1.ask.links import picture_pairs, read_picture
from robust_r1.ask.picture import Picture, example_of
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.ui.widgets.layout import QUIET, Updates, Values, html
from robust_r1.ui.widgets.links import read_value
from robust_r1.ui.widgets.old_answer import pixels_of
from robust_r1.ui.widgets.picture_input import (
    arrive,
    bring,
    build_sources,
    is_awaited,
    thumbnails,
)
from robust_r1.ui.widgets.question import (
    dataset,
    notice,
    question_labels,
    questions_alone,
    suggestions_for,
    write_line,
)
from robust_r1.ui.widgets.toasts import warn, with_toasts

MAX_TEXT = 20_000
_OPENING_SCENE = 1


def _keep(values: Values) -> Updates:
    return {}


class PictureQuestion:
    """Lay out and wire the choice of a picture and of questions, inside a `gr.Blocks` context.

    Call `build_picture`, `build_question` and `wire` in this order. `tab` begins the elements' ids;
    with `several`, a question that is chosen is added to those that are there. `kept` holds
    pictures of links, where the operator keeps them. `opening` is what the tab opens with, about
    an example of the gallery.
    """

    def __init__(
        self, tab: str, engines: Mapping[str, Engine], several: bool, kept: KeptPictures | None,
        opening: Case | None = None,
    ) -> None:
        self.tab = tab
        self.engines = engines
        self.several = several
        self.kept = kept
        self.examples = gallery()
        self.opening = [one for one in self.examples if one.is_scene][_OPENING_SCENE]
        self._first_line = _line(self.opening.questions[0])
        if opening is not None and opening.picture is not None:
            self.opening = find_example(opening.picture.example)
            self._first_line = _line_of(opening)

    def build_picture(self) -> None:
        """Lay out the examples and a person's own picture."""
        self.picture = gr.State(Picture(example=self.opening.id))
        self.awaited = gr.State(None)  # the link whose picture is not here yet
        self.gallery, self.own = build_sources(
            self.examples, thumbnails(self.examples), f"{self.tab}-",
            self.examples.index(self.opening),
        )

    def build_question(self) -> None:
        """Lay out the questions, those that fit the picture, and what a model cannot know."""
        fitting = self.opening.questions
        self.text = gr.Textbox(
            self._first_line,
            label="Questions, one a line" if self.several else "Question",
            info="A line may go on with choices and the true answer: "
            "Which shape is red? | star | circle => star",
            lines=3 if self.several else 2, max_lines=8 if self.several else 2,
            max_length=MAX_TEXT, elem_id=f"{self.tab}-question",
            elem_classes="rr-question",
        )
        self.suggestions = gr.Dataset(
            components=[gr.Textbox(visible=False)], type="index",
            samples=question_labels(fitting),
            label="Questions that fit this picture", show_label=False, samples_per_page=6,
            container=False, elem_id=f"{self.tab}-suggestions", elem_classes="rr-suggestions",
        )
        picture = Picture(example=self.opening.id)
        self.notice = html(notice(picture, self._first), elem_id=f"{self.tab}-notice")

    def wire(
        self,
        fields: Collection[Component],
        restore: Callable[[Mapping[str, str], Picture], Updates],
        renew: Callable[[Values], Updates] = _keep,
    ) -> list:
        """Wire all of it; return the events after which there is another picture.

        Args:
            fields: the tab's other components that a link sets.
            restore: returns the updates that show a link, with its picture.
            renew: returns updates of `fields` that belong to a new picture.
        """
        self._restore, self._renew = restore, renew
        known = {self.own, self.picture, self.text, self.awaited, *fields}
        shown = {*self.opened, self.own, *fields}
        chosen = self.gallery.select(self._choose, known, shown, **QUIET)
        brought = self.own.input(with_toasts(self._bring), known, shown, **QUIET)
        removed = self.own.clear(self._remove, known, shown, **QUIET)
        self.suggestions.click(
            self._suggest, [self.suggestions, self.picture, self.text], self.text, **QUIET
        )
        return [chosen, brought, removed]

    @property
    def opened(self) -> list:
        """Return the components that `open` writes to."""
        return [
            self.picture, self.awaited, self.gallery, self.text, self.suggestions, self.notice,
        ]

    def open(self, values: Mapping[str, str], brought: Picture | None = None) -> Updates:
        """Return updates that put the picture and the questions of a link on the page.

        `brought` is the link's picture, where somebody has brought it.
        """
        picture = brought or self._picture_of(values)
        example = example_of(picture)
        index = self.examples.index(example) if example in self.examples else None
        text = values.get("ask") or (_line(example.questions[0]) if example else "")
        return {
            self.gallery: gr.Gallery(selected_index=index),
            self.text: text[:MAX_TEXT],
            self.awaited: dict(values) if brought or (picture and picture.absent) else None,
            **self._show(picture),
        }

    def _picture_of(self, values: Mapping[str, str]) -> Picture | None:
        """Return the picture of a link; none where it cannot be, as no other is asked about."""
        if example := read_value(values, "example", find_example):
            return Picture(example=example.id)
        try:
            found = arrive(read_picture(values), self.kept)
        except InputError as error:
            warn(f"The link's picture was left out: {error}")
            found = None
        named = values.get("example") or values.get("picture")
        return found if named else Picture(example=self.opening.id)

    def holds(self, case: Case, values: Values) -> bool:
        """Tell whether picture and question of a case, where it has them, are those of the tab."""
        picture, lines = case.picture, (values[self.text] or "").splitlines()
        here = picture is not None and not picture.absent
        if here and pixels_of(picture) != pixels_of(values[self.picture]):
            return False
        return not case.question or _line_of(case) in (line.strip() for line in lines)

    def take(self, case: Case, values: Values) -> Updates:
        """Return the updates that show picture and question of a case, where it has them."""
        update: Updates = {self.text: _line_of(case)} if case.question else {}
        picture = case.picture
        if picture is None or picture.absent or self.holds(replace(case, question=""), values):
            return update
        example = example_of(picture)
        index = self.examples.index(example) if example in self.examples else None
        return {
            self.text: questions_alone(values[self.text]),
            **update,
            self.gallery: gr.Gallery(selected_index=index),
            self.own: picture.path or None,
            self.awaited: None,
            **self._show(picture),
        }

    @property
    def taken(self) -> set[Component]:
        """Return the components that `take` writes to."""
        return {*self.opened, self.own}

    def describe(self, picture: Picture | None, text: str) -> dict[str, str]:
        """Return what a link says about the picture and the questions."""
        return {**dict(picture_pairs(picture)), "ask": (text or "").strip()}

    def title(self, picture: Picture) -> str:
        """Return what the page calls a picture."""
        example = example_of(picture)
        return example.title if example else "Your picture"

    @property
    def _first(self) -> Engine:
        return next(iter(self.engines.values()))

    def _choose(self, values: Values, event: gr.SelectData) -> Updates:
        example = self.examples[event.index]
        return {
            self.own: None,
            self.text: _line(example.questions[0]),
            **self._show(Picture(example=example.id)),
            **self._renew(values),
        }

    def _bring(self, values: Values) -> Updates:
        path, previous = values[self.own], values[self.picture]
        if path is None:
            return self._remove(values)
        picture, file = bring(path, previous)
        update: Updates = {self.own: file} if file != path else {}
        if picture is None or picture is previous:
            return {self.picture: picture, **update}
        link = values[self.awaited]
        update[self.gallery] = gr.Gallery(selected_index=None)
        if not is_awaited(picture, previous, read_picture(link) if link else None):
            update |= self._begin(values)
        elif not (previous and previous.absent):  # else all is on the page already
            update |= self._restore(link, picture)
        return {**update, **self._show(picture)}

    def _remove(self, values: Values) -> Updates:
        return {
            self.picture: None, self.suggestions: dataset(()), self.notice: "",
            **self._begin(values),
        }

    def _begin(self, values: Values) -> Updates:
        """Leave behind what was known about the picture before: answers, choices, damage."""
        return {self.text: questions_alone(values[self.text]), **self._renew(values)}

    def _suggest(self, index: int, picture: Picture | None, text: str) -> str:
        line = _line(suggestions_for(picture)[index])
        lines = [kept.strip() for kept in (text or "").splitlines() if kept.strip()]
        if not self.several:
            return line
        return "\n".join(lines if line in lines else [*lines, line])

    def _show(self, picture: Picture | None) -> Updates:
        """Return the updates of what follows from a picture."""
        return {
            self.picture: picture,
            self.suggestions: dataset(suggestions_for(picture)),
            self.notice: notice(picture, self._first),
        }


def _line_of(case: Case) -> str:
    return write_line(case.question, case.choices, case.truth)


def _line(suggestion: Suggestion) -> str:
    return write_line(suggestion.text, suggestion.choices, suggestion.answer)
