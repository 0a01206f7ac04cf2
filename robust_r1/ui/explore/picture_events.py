"""Handlers of the Explore tab's left side and of the question: choose, bring, damage, link."""

from collections.abc import Mapping

import gradio as gr
import numpy as np

from robust_r1.ask.examples import Example, Suggestion, find_example
from robust_r1.ask.links import PageState, decode, encode
from robust_r1.ask.pictures import Picture
from robust_r1.degradations import SPECS
from robust_r1.engine import Engine
from robust_r1.ui.widgets import picture_handlers
from robust_r1.ui.widgets.toasts import warn

SLIDERS = len(SPECS)
# What the page opens with: damage that a person sees at once, on a scene that still tells.
_OPENING = (("lens_flare", 0.5), ("gaussian_noise", 0.4))
_OPENING_SCENE, _OPENING_PHOTOGRAPH = 1, "pavilion"


class PictureEvents:
    """Turn what a visitor does with pictures and questions into values for the components."""

    def __init__(
        self, engines: Mapping[str, Engine], examples: tuple[Example, ...], cache: str
    ) -> None:
        self.engines = engines
        self.examples = examples
        self.cache = cache
        self.default = next(iter(engines))

    def open_link(self, request: gr.Request) -> list:
        """Put the page into the state of its link, or into the opening state without one."""
        pairs = list(request.query_params.multi_items()) if request else []
        state, problems = decode(pairs, list(self.engines))
        for problem in problems:
            warn(problem)
        if not any(key in ("example", "plan", "question") for key, _ in pairs):
            state = self._opening(state)
        model = state.model or self.default
        picture = Picture(example=state.example) if state.example else None
        shown = [example.id for example in self.examples]
        index = shown.index(state.example) if state.example in shown else None
        return [
            picture,
            state.seed,
            *picture_handlers.slider_values(dict(state.strengths)),
            state.question,
            "\n".join(state.choices),
            state.answer,
            model,
            gr.Gallery(selected_index=index),
            *self._suited(picture, model),
            _source(state, picture),
        ]

    def choose_example(self, event: gr.SelectData, model: str) -> list:
        """Take an example from the gallery, with its first question."""
        example = self.examples[event.index]
        picture = Picture(example=example.id)
        first = example.questions[0]
        return [picture, None, *_fields(first), *self._suited(picture, model), first]

    def bring(self, path: str | None, previous: Picture | None, truth: str, model: str) -> list:
        """Take a person's own picture; the question stays, a known answer does not."""
        picture, file = picture_handlers.bring(path, previous)
        new = picture is not previous
        return [
            picture,
            gr.skip() if file == path else file,
            gr.Gallery(selected_index=None) if new else gr.skip(),
            "" if new else truth,
            *self._suited(picture, model),
        ]

    def remove(self, model: str) -> list:
        """Take the person's own picture off the page."""
        return [None, *self._suited(None, model)]

    def change_model(self, picture: Picture | None, model: str) -> str:
        """Say what the chosen model cannot do."""
        return picture_handlers.notice(picture, self.engines[model])

    def suggest(self, index: int, picture: Picture | None) -> list:
        """Fill in a suggested question with its choices and its known answer."""
        suggestion = picture_handlers.suggestions_for(picture)[index]
        return [*_fields(suggestion), suggestion]

    def edit(self, text: str, choices: str, truth: str, source: Suggestion | None) -> list:
        """Drop choices and known answer that came with a suggested question, once it is edited."""
        if source is None or text.strip() == source.text:
            return [gr.skip(), gr.skip(), source]
        if [choices, truth] == _fields(source)[1:]:
            return ["", "", None]
        return [gr.skip(), gr.skip(), None]

    def draw(self) -> list:
        """Draw a seed and a plan at random."""
        seed, values = picture_handlers.draw_random(np.random.default_rng())
        return [seed, *values, ""]

    def reset(self) -> list:
        """Take all damage away."""
        return [0, *picture_handlers.slider_values({}), ""]

    def preview(self, picture: Picture | None, model: str, seed: int | None, *strengths) -> list:
        """Show the picture before and after, at the size that the model sees."""
        engine = self.engines[model]
        return list(picture_handlers.preview(picture, engine, seed, strengths, self.cache))

    def describe(self, picture: Picture | None, seed: int | None, *rest) -> str:
        """Return the query string of the page as it stands."""
        strengths, (text, choices, truth, model) = rest[:SLIDERS], rest[SLIDERS:]
        plan = picture_handlers.plan_of(seed, strengths)
        state = PageState(
            example=picture.example if picture else "",
            strengths=tuple(plan.intensities.items()),
            seed=picture_handlers.checked_seed(seed),
            question=text.strip(),
            choices=tuple(line.strip() for line in choices.splitlines() if line.strip()),
            answer=truth.strip(),
            model="" if model == self.default else model,
        )
        return encode(state)

    def _opening(self, state: PageState) -> PageState:
        knows = self.engines[self.default].info.knows_photographs
        drawn = [one for one in self.examples if one.is_scene][_OPENING_SCENE]
        example = find_example(_OPENING_PHOTOGRAPH) if knows else drawn
        first = example.questions[0]
        return PageState(
            example.id, _OPENING, 1, first.text, first.choices, first.answer, state.model
        )

    def _suited(self, picture: Picture | None, model: str) -> list:
        """Return the suggestions and the notice that belong to a picture."""
        suggestions = picture_handlers.suggestions_for(picture) if picture else ()
        return [
            picture_handlers.dataset(suggestions),
            picture_handlers.notice(picture, self.engines[model]),
        ]


def _source(state: PageState, picture: Picture | None) -> Suggestion | None:
    """Return the suggestion that a link's question is, if it is one."""
    asked = Suggestion(state.question, state.choices, state.answer)
    fitting = picture_handlers.suggestions_for(picture) if picture else ()
    return asked if asked in fitting else None


def _fields(suggestion: Suggestion) -> list[str]:
    return [suggestion.text, "\n".join(suggestion.choices), suggestion.answer]
