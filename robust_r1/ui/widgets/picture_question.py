"""A picture and what is asked about it, for the tabs that look at a model from several sides."""

from collections.abc import Mapping

import gradio as gr

from robust_r1.ask.examples import Suggestion, find_example, gallery
from robust_r1.ask.pictures import Picture, example_of
from robust_r1.engine import Engine
from robust_r1.ui.widgets import picture_handlers
from robust_r1.ui.widgets.layout import QUIET, html
from robust_r1.ui.widgets.links import read_value
from robust_r1.ui.widgets.picture_controls import build_sources
from robust_r1.ui.widgets.question import write_line
from robust_r1.ui.widgets.toasts import with_toasts

MAX_TEXT = 20_000
_OPENING_SCENE = 1


class Inquiry:
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
        small = picture_handlers.thumbnails(self.examples)
        self.gallery, self.own = build_sources(
            self.examples, small, f"{self.tab}-", self.examples.index(self.opening)
        )

    def build_question(self) -> None:
        """Lay out the questions, those that fit the picture, and what a model cannot know."""
        fitting = self.opening.questions
        self.text = gr.Textbox(
            write_line(fitting[0].text, fitting[0].choices, fitting[0].answer),
            label="Questions, one a line" if self.several else "Question",
            info="A line may go on with choices and the true answer: "
            "Which shape is red? | star | circle => star",
            lines=3 if self.several else 2, max_lines=8 if self.several else 2,
            max_length=MAX_TEXT, elem_id=f"{self.tab}-question",
            elem_classes="rr-question",
        )
        self.suggestions = gr.Dataset(
            components=[gr.Textbox(visible=False)], type="index",
            samples=picture_handlers.question_labels(fitting),
            label="Questions that fit this picture", show_label=False, samples_per_page=6,
            container=False, elem_id=f"{self.tab}-suggestions", elem_classes="rr-suggestions",
        )
        model = next(iter(self.engines.values()))
        picture = Picture(example=self.opening.id)
        self.notice = html(picture_handlers.notice(picture, model), elem_id=f"{self.tab}-notice")

    def wire(self) -> list:
        """Wire all of it; return the events after which there is another picture."""
        chosen = self.gallery.select(
            self._choose, None, [self.picture, self.own, self.text, self.suggestions, self.notice],
            **QUIET,
        )
        brought = self.own.input(
            with_toasts(self._bring), [self.own, self.picture],
            [self.picture, self.own, self.gallery, self.suggestions, self.notice], **QUIET,
        )
        removed = self.own.clear(
            lambda: [None, picture_handlers.dataset(()), ""], None,
            [self.picture, self.suggestions, self.notice], **QUIET,
        )
        self.suggestions.click(
            self._suggest, [self.suggestions, self.picture, self.text], self.text, **QUIET
        )
        return [chosen, brought, removed]

    @property
    def opened(self) -> list:
        """Return the components that `open` writes to."""
        return [self.picture, self.gallery, self.text, self.suggestions, self.notice]

    def open(self, values: Mapping[str, str]) -> list:
        """Return updates that put the picture and the questions of a link on the page."""
        example = read_value(values, "example", find_example, self.opening)
        picture = Picture(example=example.id)
        index = self.examples.index(example) if example in self.examples else None
        text = values.get("ask") or _line(example.questions[0])
        return [
            picture, gr.Gallery(selected_index=index), text[:MAX_TEXT], *self._suited(picture)
        ]

    def describe(self, picture: Picture | None, text: str) -> dict[str, str]:
        """Return what a link says about the picture and the questions."""
        return {"example": picture.example if picture else "", "ask": (text or "").strip()}

    def title(self, picture: Picture) -> str:
        """Return what the page calls a picture."""
        example = example_of(picture)
        return example.title if example else "Your picture"

    def _choose(self, event: gr.SelectData) -> list:
        picture = Picture(example=self.examples[event.index].id)
        fitting = picture_handlers.suggestions_for(picture)
        return [picture, None, _line(fitting[0]), *self._suited(picture)]

    def _bring(self, path: str | None, previous: Picture | None) -> list:
        picture, file = picture_handlers.bring(path, previous)
        new = picture is not previous
        return [
            picture,
            gr.skip() if file == path else file,
            gr.Gallery(selected_index=None) if new else gr.skip(),
            *(self._suited(picture) if picture else (gr.skip(), "")),
        ]

    def _suggest(self, index: int, picture: Picture | None, text: str) -> str:
        fitting = picture_handlers.suggestions_for(picture)
        line = _line(fitting[index])
        lines = [kept.strip() for kept in (text or "").splitlines() if kept.strip()]
        if not self.several:
            return line
        return "\n".join(lines if line in lines else [*lines, line])

    def _suited(self, picture: Picture) -> list:
        fitting = picture_handlers.suggestions_for(picture)
        model = next(iter(self.engines.values()))
        return [picture_handlers.dataset(fitting), picture_handlers.notice(picture, model)]


def _line(suggestion: Suggestion) -> str:
    return write_line(suggestion.text, suggestion.choices, suggestion.answer)
