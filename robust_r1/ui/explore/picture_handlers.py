"""Explore, left side and question: choose or bring a picture, damage it, suggest, link."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.components import Component

from robust_r1.ask.case import Case
from robust_r1.ask.examples import Example, Suggestion, find_example
from robust_r1.ask.links import decode, encode
from robust_r1.ask.picture import Picture, fitted
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.ui.explore.layout import Actions, PictureSide, Question
from robust_r1.ui.widgets.layout import Updates, Values
from robust_r1.ui.widgets.picture import caption, write_png
from robust_r1.ui.widgets.picture_input import bring
from robust_r1.ui.widgets.plan_input import checked_seed, draw_random
from robust_r1.ui.widgets.question import dataset, notice, suggestions_for
from robust_r1.ui.widgets.toasts import warn

# What the page opens with: damage that a person sees at once, on a scene that still tells.
_OPENING = DegradationPlan.of({"lens_flare": 0.5, "gaussian_noise": 0.4}, seed=1)
_OPENING_SCENE, _OPENING_PHOTOGRAPH = 1, "pavilion"


class PictureHandlers:
    """Turn what a visitor does with pictures and questions into updates of the components."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        examples: tuple[Example, ...],
        side: PictureSide,
        question: Question,
        actions: Actions,
        notice_: gr.HTML,
    ) -> None:
        self.engines, self.examples = engines, examples
        self.side, self.question, self.actions, self.notice = side, question, actions, notice_
        self.picture = gr.State(None)
        self.source = gr.State(None)  # the suggestion that the question came from, if any
        self.default = next(iter(engines))

    @property
    def state(self) -> set[Component]:
        """Return what a link describes."""
        return {
            self.picture, *self.side.damage, *self.question.fields, self.actions.model,
        }

    @property
    def suited(self) -> set[Component]:
        """Return what follows from the picture: fitting questions, and what a model cannot know."""
        return {self.question.suggestions, self.notice}

    def case(self, values: Values) -> Case:
        """Return the case that the page shows; see `state`."""
        question, seed = self.question, values[self.side.seed]
        choices = (line.strip() for line in values[question.choices].splitlines())
        return Case(
            picture=values[self.picture],
            plan=self.side.sliders.plan(values, seed),
            question=values[question.text].strip(),
            choices=tuple(filter(None, choices)),
            truth=values[question.truth].strip(),
            seed=checked_seed(seed),
            model=values[self.actions.model],
        )

    def open_link(self, request: gr.Request) -> Updates:
        """Put the page into the state of its link, or into the opening state without one."""
        pairs = list(request.query_params.multi_items()) if request else []
        case, problems = decode(pairs, list(self.engines))
        for problem in problems:
            warn(problem)
        if not any(key in ("example", "plan", "question") for key, _ in pairs):
            case = self._opening(case.model)
        asked = Suggestion(case.question, case.choices, case.truth)
        shown = [example.id for example in self.examples]
        example = case.picture.example if case.picture else ""
        model = case.model or self.default
        return {
            self.side.seed: case.seed,
            **self.side.sliders.show(case.plan.intensities),
            **self.question.fill(asked),
            self.actions.model: model,
            self.side.gallery: gr.Gallery(
                selected_index=shown.index(example) if example in shown else None
            ),
            self.source: asked if asked in _fitting(case.picture) else None,
            **self._show(case.picture, model),
        }

    def choose_example(self, event: gr.SelectData, model: str) -> Updates:
        """Take an example from the gallery, with its first question."""
        example = self.examples[event.index]
        first = example.questions[0]
        return {
            self.side.own: None,
            self.source: first,
            **self.question.fill(first),
            **self._show(Picture(example=example.id), model),
        }

    def bring(self, path: str | None, previous: Picture | None, model: str) -> Updates:
        """Take a person's own picture; the question stays, a known answer does not."""
        picture, file = bring(path, previous)
        update = self._show(picture, model)
        if file != path:
            update[self.side.own] = file
        if picture is not previous:
            update[self.side.gallery] = gr.Gallery(selected_index=None)
            update[self.question.truth] = ""
        return update

    def remove(self, model: str) -> Updates:
        """Take the person's own picture off the page."""
        return self._show(None, model)

    def change_model(self, picture: Picture | None, model: str) -> str:
        """Say what the chosen model cannot do."""
        return notice(picture, self.engines[model])

    def suggest(self, index: int, picture: Picture | None) -> Updates:
        """Fill in a suggested question with its choices and its known answer."""
        suggestion = suggestions_for(picture)[index]
        return {self.source: suggestion, **self.question.fill(suggestion)}

    def edit(self, values: Values) -> Updates:
        """Drop choices and known answer that came with a suggested question, once it is edited."""
        source, question = values[self.source], self.question
        if source is None or values[question.text].strip() == source.text:
            return {self.source: source}
        filled = question.fill(source)
        if all(values[part] == filled[part] for part in (question.choices, question.truth)):
            return {question.choices: "", question.truth: "", self.source: None}
        return {self.source: None}

    def set_preset(self, name: str) -> Updates:
        """Put the sliders where a preset has them."""
        return {**self.side.sliders.show_preset(name)}

    def draw(self) -> Updates:
        """Draw a seed and a plan at random."""
        seed, intensities = draw_random(np.random.default_rng())
        return self._set_damage(seed, intensities)

    def reset(self) -> Updates:
        """Take all damage away."""
        return self._set_damage(0, {})

    def preview(self, values: Values) -> Updates:
        """Show the picture before and after, at the size that the model sees."""
        picture, engine = values[self.picture], self.engines[values[self.actions.model]]
        if picture is None:
            none = caption(picture, None, DegradationPlan())
            return {self.side.compare: None, self.side.caption: none}
        plan = self.side.sliders.plan(values, values[self.side.seed])
        clean, cache = fitted(picture, engine), self.side.compare.GRADIO_CACHE
        before = _clean_file(picture, engine, cache)
        if not Path(before).exists():  # Gradio clears its cache of old files
            _clean_file.cache_clear()
            before = _clean_file(picture, engine, cache)
        after = before if not plan else write_png(plan.apply(clean), "degraded.png", cache)
        return {
            self.side.compare: (before, after),
            self.side.caption: caption(picture, clean, plan),
        }

    def describe(self, values: Values) -> str:
        """Return the query string of the page as it stands; the default model is left out."""
        case = self.case(values)
        model = "" if case.model == self.default else case.model
        return encode(replace(case, model=model))

    def _opening(self, model: str) -> Case:
        knows = self.engines[self.default].info.knows_photographs
        drawn = [one for one in self.examples if one.is_scene][_OPENING_SCENE]
        example = find_example(_OPENING_PHOTOGRAPH) if knows else drawn
        first = example.questions[0]
        picture = Picture(example=example.id)
        asked = (first.text, first.choices, first.answer)
        return Case(picture, _OPENING, *asked, seed=1, model=model)

    def _set_damage(self, seed: int, intensities: Mapping[str, float]) -> Updates:
        side = self.side
        return {side.seed: seed, side.preset: "", **side.sliders.show(intensities)}

    def _show(self, picture: Picture | None, model: str) -> Updates:
        """Return the updates of the picture and of what follows from it."""
        return {
            self.picture: picture,
            self.question.suggestions: dataset(_fitting(picture)),
            self.notice: notice(picture, self.engines[model]),
        }


def _fitting(picture: Picture | None) -> tuple[Suggestion, ...]:
    return suggestions_for(picture) if picture else ()


@lru_cache(maxsize=256)
def _clean_file(picture: Picture, engine: Engine, cache: str) -> str:
    return write_png(fitted(picture, engine), "clean.png", cache)
