"""A picture and what is asked about it, for the tabs that look at a model from several sides."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from robust_r1.ask.examples import Suggestion, find_example, gallery
from robust_r1.ask.picture import Picture, example_of
from robust_r1.engine import Engine
from robust_r1.ui.widgets.layout import QUIET, html
from robust_r1.ui.widgets.links import read_value
from robust_r1.ui.widgets.picture_input import bring, build_sources, thumbnails
from robust_r1.ui.widgets.question import (
    dataset,
    notice,
    question_labels,
    suggestions_for,
    write_line,
)
from robust_r1.ui.widgets.toasts import with_toasts

MAX_TEXT = 20_000
_OPENING_SCENE = 1


class PictureQuestion:
    """Lay out and wire the choice of a picture and of questions, inside a `gr.Blocks` context.

    Call `build_picture`, `build_question` and `wire` in this order. `tab` begins the elements' ids;
    with `several`, a question that is chosen is added to those that are there.
    """

    def __init__(self, tab: str, engines: Mapping[str, Engine], several: bool) -> None:
        self.tab = tab
        self.engines = engines
        self.several = several
        self.examples = gallery()
        self.opening = [one for one in self.examples if one.is_scene][_OPENING_SCENE]

    def build_picture(self) -> None:
        """Lay out the examples and a person's own picture."""
        self.picture = gr.State(Picture(example=self.opening.id))
        self.gallery, self.own = build_sources(
            self.examples, thumbnails(self.examples), f"{self.tab}-",
            self.examples.index(self.opening),
        )

    def build_question(self) -> None:
        """Lay out the questions, those that fit the picture, and what a model cannot know."""
        fitting = self.opening.questions
        self.text = gr.Textbox(
            _line(fitting[0]),
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

    def wire(self) -> list:
        """Wire all of it; return the events after which there is another picture."""
        suited = [self.suggestions, self.notice]
        chosen = self.gallery.select(
            self._choose, None, [self.picture, self.own, self.text, *suited], **QUIET
        )
        brought = self.own.input(
            with_toasts(self._bring), [self.own, self.picture],
            [self.picture, self.own, self.gallery, *suited], **QUIET,
        )
        removed = self.own.clear(self._remove, None, [self.picture, *suited], **QUIET)
        self.suggestions.click(
            self._suggest, [self.suggestions, self.picture, self.text], self.text, **QUIET
        )
        return [chosen, brought, removed]

    @property
    def opened(self) -> list:
        """Return the components that `open` writes to."""
        return [self.picture, self.gallery, self.text, self.suggestions, self.notice]

    def open(self, values: Mapping[str, str]) -> dict:
        """Return updates that put the picture and the questions of a link on the page."""
        example = read_value(values, "example", find_example, self.opening)
        index = self.examples.index(example) if example in self.examples else None
        text = values.get("ask") or _line(example.questions[0])
        return {
            self.gallery: gr.Gallery(selected_index=index),
            self.text: text[:MAX_TEXT],
            **self._show(Picture(example=example.id)),
        }

    def describe(self, picture: Picture | None, text: str) -> dict[str, str]:
        """Return what a link says about the picture and the questions."""
        return {"example": picture.example if picture else "", "ask": (text or "").strip()}

    def title(self, picture: Picture) -> str:
        """Return what the page calls a picture."""
        example = example_of(picture)
        return example.title if example else "Your picture"

    @property
    def _first(self) -> Engine:
        return next(iter(self.engines.values()))

    def _choose(self, event: gr.SelectData) -> dict:
        example = self.examples[event.index]
        text = _line(example.questions[0])
        return {self.own: None, self.text: text, **self._show(Picture(example=example.id))}

    def _bring(self, path: str | None, previous: Picture | None) -> dict:
        picture, file = bring(path, previous)
        shown = self._show(picture) if picture else {self.picture: None, self.notice: ""}
        update: dict[Any, Any] = dict(shown)
        if file != path:
            update[self.own] = file
        if picture is not previous:
            update[self.gallery] = gr.Gallery(selected_index=None)
        return update

    def _remove(self) -> dict:
        return {self.picture: None, self.suggestions: dataset(()), self.notice: ""}

    def _suggest(self, index: int, picture: Picture | None, text: str) -> str:
        line = _line(suggestions_for(picture)[index])
        lines = [kept.strip() for kept in (text or "").splitlines() if kept.strip()]
        if not self.several:
            return line
        return "\n".join(lines if line in lines else [*lines, line])

    def _show(self, picture: Picture) -> dict:
        """Return the updates of what follows from a picture."""
        return {
            self.picture: picture,
            self.suggestions: dataset(suggestions_for(picture)),
            self.notice: notice(picture, self._first),
        }


def _line(suggestion: Suggestion) -> str:
    return write_line(suggestion.text, suggestion.choices, suggestion.answer)
