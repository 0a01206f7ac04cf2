"""Explore, left side and question: choose or bring a picture, damage it, suggest, link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import gradio as gr
import numpy as np
from gradio.components import Component

from robust_r1.ask.case import Case
from robust_r1.ask.examples import Example, Suggestion, find_example
from robust_r1.ask.kept_pictures import KeptPictures
from robust_r1.ask.links import decode, encode
from robust_r1.ask.picture import Picture, fitted
from robust_r1.ask.pipeline import knows
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.ui.explore.layout import SLIDER, Actions, PictureSide, Question
from robust_r1.ui.widgets.changed import changed_row
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.layout import Updates, Values
from robust_r1.ui.widgets.photograph import inset, read_screen, show_large, show_seen
from robust_r1.ui.widgets.picture import caption
from robust_r1.ui.widgets.picture_input import arrive, bring, is_awaited
from robust_r1.ui.widgets.plan_input import checked_seed, draw_random
from robust_r1.ui.widgets.question import dataset, notice, suggestions_for
from robust_r1.ui.widgets.toasts import warn

# What the page opens with: damage that a person sees at once, on a scene that still tells.
_OPENING = DegradationPlan.of({"lens_flare": 0.5, "gaussian_noise": 0.4}, seed=1)
_OPENING_SCENE, _OPENING_PHOTOGRAPH = 1, "pavilion"


@dataclass(frozen=True)
class Source:
    """Name the suggestion that a question came from, and whether an edit dropped its answers."""

    suggestion: Suggestion
    dropped: bool = False


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
        kept: KeptPictures | None,
        eyes: PageEyes,
    ) -> None:
        self.engines, self.examples, self.kept, self.eyes = engines, examples, kept, eyes
        self.side, self.question, self.actions, self.notice = side, question, actions, notice_
        self.picture = gr.State(None)
        self.source = gr.State(None)  # where the question came from, if it was suggested
        self.given = gr.State(None)  # the damage that the page was opened with
        self.awaited = gr.State(None)  # the case of a link whose picture is not here yet
        self.default = next(iter(engines))

    @property
    def state(self) -> set[Component]:
        """Return what a link describes."""
        return {
            self.picture, *self.side.damage, *self.question.fields, self.actions.model,
            self.actions.eyes,
        }

    @property
    def suited(self) -> set[Component]:
        """Return what follows from the picture: fitting questions, and what a model cannot know."""
        return {self.question.suggestions, self.notice}

    def case(self, values: Values) -> Case:
        """Return the case that the page shows; see `state`."""
        question, seed = self.question, values[self.side.seed]
        choices = (line.strip() for line in (values[question.choices] or "").splitlines())
        return Case(
            picture=values[self.picture],
            plan=self.side.sliders.plan(values, seed),
            question=(values[question.text] or "").strip(),
            choices=tuple(filter(None, choices)),
            truth=(values[question.truth] or "").strip(),
            seed=checked_seed(seed),
            model=values[self.actions.model],
            eyes=self.eyes.name if values[self.actions.eyes] else "",
        )

    def open_link(self, request: gr.Request, screen: str) -> Updates:
        """Put the page into the state of its link, or into the opening state without one."""
        pairs = list(request.query_params.multi_items()) if request else []
        if dict(pairs).get("tab"):  # another tab's link, with keys of the same names
            pairs = []
        case, problems = decode(pairs, list(self.engines), self.eyes.name)
        for problem in problems:
            warn(problem)
        if not any(key in ("example", "picture", "plan", "question") for key, _ in pairs):
            case = self._opening(case.model)
        case = replace(case, picture=arrive(case.picture, self.kept))
        absent = case.picture is not None and case.picture.absent
        awaited = case if absent else None
        return {**self._open(case), self.awaited: awaited, self.side.screen: screen}

    def _open(self, case: Case) -> Updates:
        return {**self._put(case), self.given: case.plan}

    def put_back(self, case: Case) -> Updates:
        """Return the updates that show a case which was on the page before."""
        own = (case.picture.path or None) if case.picture else None
        return {**self._put(case), self.side.own: own, self.side.preset: ""}

    @property
    def backed(self) -> set[Component]:
        """Return the components that `put_back` writes to."""
        side = self.side
        return {*self.state, *self.suited, side.own, side.gallery, side.preset, self.source}

    def _put(self, case: Case) -> Updates:
        """Return the updates that show a case."""
        asked = Suggestion(case.question, case.choices, case.truth)
        shown = [example.id for example in self.examples]
        example = case.picture.example if case.picture else ""
        model = case.model or self.default
        return {
            self.side.seed: case.seed,
            **self.side.sliders.show(case.plan.intensities),
            **self.question.fill(asked),
            self.actions.model: model,
            self.actions.eyes: self.eyes.switch(self.engines[model], bool(case.eyes)),
            self.side.gallery: gr.Gallery(
                selected_index=shown.index(example) if example in shown else None
            ),
            self.source: Source(asked) if asked in _fitting(case.picture) else None,
            **self._show(case.picture, model),
        }

    def choose_example(self, values: Values, event: gr.SelectData) -> Updates:
        """Take an example from the gallery, with its first question.

        The damage that the page was opened with goes; what somebody has set stays.
        """
        example = self.examples[event.index]
        first = example.questions[0]
        return {
            self.side.own: None,
            self.source: Source(first),
            **self.question.fill(first),
            **self._drop_given(values),
            **self._show(Picture(example=example.id), values[self.actions.model]),
        }

    def bring(self, values: Values) -> Updates:
        """Take what the picker holds; see `take`."""
        return self.take(values[self.side.own], values)

    def take(self, path: str | None, values: Values) -> Updates:
        """Take a person's own picture, undamaged; of what was asked the question alone stays.

        With the picture that a link asked for, all is as the link has it.
        """
        previous, link = values[self.picture], values[self.awaited]
        if path is None:
            return self.remove(values)
        picture, file = bring(path, previous)
        update: Updates = {self.side.own: file} if file != path else {}
        if picture is previous:
            return {self.picture: picture, **update}
        update[self.side.gallery] = gr.Gallery(selected_index=None)
        if not is_awaited(picture, previous, link.picture if link else None):
            update |= {**self._forget_answers(), **self.reset()}
        elif not (previous and previous.absent):  # else all is on the page already
            return {**update, **self._open(replace(link, picture=picture))}
        return {**update, **self._show(picture, values[self.actions.model])}

    def remove(self, values: Values) -> Updates:
        """Take the person's own picture off the page, with what was known about it."""
        return {
            **self._show(None, values[self.actions.model]),
            **self._forget_answers(),
            **self._drop_given(values),
        }

    def _forget_answers(self) -> Updates:
        question = self.question
        return {question.choices: "", question.truth: "", self.source: None}

    def _drop_given(self, values: Values) -> Updates:
        plan = self.side.sliders.plan(values, values[self.side.seed])
        return self.reset() if plan == values[self.given] else {}

    def change_model(self, picture: Picture | None, model: str) -> Updates:
        """Say what the chosen model cannot do, and suggest what it can be asked."""
        return self._suited(picture, model)

    def _suited(self, picture: Picture | None, model: str) -> Updates:
        """Return what follows from picture and model; of a model that knows nothing of the picture
        nothing is suggested."""
        engine = self.engines[model]
        fitting = _fitting(picture) if knows(engine.info, picture) else ()
        able = [one.info.label for one in self.engines.values() if knows(one.info, picture)]
        return {
            self.question.suggestions: dataset(fitting),
            self.notice: notice(picture, engine, able),
        }

    def suggest(self, index: int, picture: Picture | None) -> Updates:
        """Fill in a suggested question with its choices and its known answer."""
        suggestion = suggestions_for(picture)[index]
        return {self.source: Source(suggestion), **self.question.fill(suggestion)}

    def edit(self, values: Values) -> Updates:
        """Drop choices and known answer that came with a suggested question, once it is edited.

        They come back with the question's words, as where an edit is taken back.
        """
        source, question = values[self.source], self.question
        if source is None:
            return {self.source: None}
        parts, filled = (question.choices, question.truth), question.fill(source.suggestion)
        same = (values[question.text] or "").strip() == source.suggestion.text
        empty = not any(values[part] for part in parts)
        if same == (not source.dropped):
            return {self.source: source}
        if same and empty:
            back: Updates = {part: filled[part] for part in parts}
            return {**back, self.source: Source(source.suggestion)}
        if not same and all(values[part] == filled[part] for part in parts):
            dropped = Source(source.suggestion, dropped=True)
            # What is empty is left alone: somebody may be typing there by now.
            return {**{part: "" for part in parts if values[part]}, self.source: dropped}
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
        side = self.side
        picture, engine = values[self.picture], self.engines[values[self.actions.model]]
        plan = side.sliders.plan(values, values[side.seed])
        changed = {side.changed: changed_row(plan, SLIDER)}
        if picture is None or picture.absent:
            none = caption(picture, None, plan)
            return {side.compare: None, side.caption: none, side.inset: "", **changed}
        cache, screen = side.compare.GRADIO_CACHE, read_screen(values[side.screen])
        seen, swapped = show_seen(picture, engine, plan, cache), bool(values[side.swapped])
        large = show_large(picture, engine, plan, screen, cache)
        shown, other = (seen, large) if swapped or large is None else (large, seen)
        return {
            side.compare: (shown.before, shown.after),
            side.caption: caption(picture, fitted(picture, engine), plan),
            side.inset: inset(other, engine.info.label, swapped),
            **changed,
        }

    def resize(self, screen: str) -> str:
        """Keep how large the picture is drawn now, as the browser measured it."""
        return screen

    def swap(self, swapped: bool) -> bool:
        """Show large what was the inset, and the other way round."""
        return not swapped

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
        eyes = self.eyes.name if self.eyes.usual(self.engines[model or self.default]) else ""
        return Case(picture, _OPENING, *asked, seed=1, model=model, eyes=eyes)

    def _set_damage(self, seed: int, intensities: Mapping[str, float]) -> Updates:
        side = self.side
        return {side.seed: seed, side.preset: "", **side.sliders.show(intensities)}

    def _show(self, picture: Picture | None, model: str) -> Updates:
        """Return the updates of the picture and of what follows from it."""
        return {
            self.picture: picture,
            **self._suited(picture, model),
        }


def _fitting(picture: Picture | None) -> tuple[Suggestion, ...]:
    return suggestions_for(picture) if picture else ()
