"""Who stands side by side in the Compare tab: the fields that say so, and what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from robust_r1.analysis import Side
from robust_r1.analysis.compare import MAX_SIDES
from robust_r1.ask.case import Case
from robust_r1.ask.links import read_seed
from robust_r1.ask.picture import Picture
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.engine.conversation import MAX_QUESTION
from robust_r1.errors import InputError
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.layout import Updates, Values
from robust_r1.ui.widgets.links import read_value, values_of
from robust_r1.ui.widgets.model_menu import engine_of
from robust_r1.ui.widgets.old_answer import pixels_of
from robust_r1.ui.widgets.picture_question import PictureQuestion
from robust_r1.ui.widgets.plan_input import CLEAN, checked_seed, read_plan, short

MODELS, PLANS, EYES = "Models", "Plans", "Eyes"
OPENING_PLAN = "lens_flare=0.5,gaussian_noise=0.4"


@dataclass(frozen=True)
class SideFields:
    """Name the components that say what is compared."""

    by: gr.Radio
    models: gr.Dropdown
    model: gr.Dropdown
    seed: gr.Number
    plan: gr.Dropdown
    other: gr.Dropdown

    @property
    def all(self) -> set[Component]:
        """Return the components."""
        return set(vars(self).values())


@dataclass(frozen=True)
class Sides:
    """Read the sides from their fields, and put them into the state of a link."""

    engines: Mapping[str, Engine]
    asked: PictureQuestion
    fields: SideFields
    eyes: PageEyes

    def open(self, request: gr.Request) -> Updates:
        """Put the tab into the state of a link that names it."""
        link = values_of(request, "compare")
        return gr.skip() if link is None else self.show(link)

    def show(self, link: Mapping[str, str], brought: Picture | None = None) -> Updates:
        """Return the updates that show what a link says; `brought` is its picture, if it came."""
        fields = self.fields

        def names(text: str) -> list[str]:
            return [engine_of(self.engines, name).info.name for name in text.split(",")]

        models = read_value(link, "models", names, list(self.engines)[:1])[:MAX_SIDES]
        known = (MODELS, PLANS, *([EYES] if self.eyes.offered else []))
        by = next((one for one in known if one.lower() == link.get("by")), PLANS)
        plan, other = (link.get(key, CLEAN)[:MAX_QUESTION] for key in ("plan", "other"))
        return {
            **self.asked.open(link, brought),
            fields.by: by,
            fields.models: gr.Dropdown(value=models, visible=by == MODELS),
            fields.model: gr.Dropdown(value=models[0], visible=by != MODELS),
            fields.seed: read_value(link, "seed", read_seed, 1),
            fields.plan: gr.Dropdown(value=plan, label=plan_label(by)),
            fields.other: gr.Dropdown(value=other, visible=by == PLANS),
        }

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about the tab."""
        fields, by = self.fields, values[self.fields.by]
        models = ",".join(values[fields.models] or ())
        return {
            **self.asked.describe(values[self.asked.picture], values[self.asked.text]),
            "by": by.lower(),
            "models": models if by == MODELS else values[fields.model],
            "seed": str(checked_seed(values[fields.seed])),
            "plan": values[fields.plan] or CLEAN,
            "other": values[fields.other] or CLEAN if by == PLANS else "",
        }

    def asked_of(self, values: Values) -> dict[str, object]:
        """Return what a comparison is of, by the names that people know."""
        fields, by = self.fields, values[self.fields.by]
        other = values[fields.other] if by == PLANS else None
        return {
            "picture": pixels_of(values[self.asked.picture]),
            "questions": (values[self.asked.text] or "").strip(),
            "plans": (values[fields.plan], other, values[fields.seed]),
            "models": values[fields.models if by == MODELS else fields.model],
        }

    def holds(self, case: Case, values: Values) -> bool:
        """Tell whether the tab shows picture, plan and question of a case already."""
        fields = self.fields
        try:
            plan = read_plan(values[fields.plan], values[fields.seed])
        except InputError:
            return False
        return plan == case.plan and self.asked.holds(case, values)

    def take(self, case: Case, values: Values) -> Updates:
        """Return the updates that show picture, plan and question of a case."""
        fields = self.fields
        plan = {fields.plan: short(case.plan), fields.seed: case.seed}
        return {**self.asked.take(case, values), **plan}

    def switch(self, by: str, model: str) -> Updates:
        """Show the fields for models, those for plans, or those for a model with other eyes."""
        fields = self.fields
        if by == EYES and not self.eyes.fit_for(self.engines[model]):
            model = next(name for name, one in self.engines.items() if self.eyes.fit_for(one))
        return {
            fields.models: gr.Dropdown(visible=by == MODELS),
            fields.model: gr.Dropdown(value=model, visible=by != MODELS),
            fields.plan: gr.Dropdown(label=plan_label(by)),
            fields.other: gr.Dropdown(visible=by == PLANS),
        }

    def renew(self, values: Values) -> Updates:
        """Take the damage that the page opened with from a new picture.

        A plan that somebody chose stays, and so do plans that are compared with one another.
        """
        plan = self.fields.plan
        opening = values[self.fields.by] != PLANS and values[plan] == OPENING_PLAN
        return {plan: CLEAN} if opening else {}

    def read(self, values: Values) -> list[tuple[Engine, Side]]:
        """Return the sides; raise InputError for a plan that cannot be read."""
        fields, title = self.fields, self.asked.title(values[self.asked.picture])
        plan = read_plan(values[fields.plan], values[fields.seed])
        if values[fields.by] == MODELS:
            return model_sides(self.engines, values[fields.models] or [], plan, title)
        engine = engine_of(self.engines, values[fields.model])
        if values[fields.by] == EYES:
            return eyes_sides(self.eyes, engine, plan, title)
        other = read_plan(values[fields.other], values[fields.seed])
        return [side_of(engine, one, title) for one in (plan, other)]

    def check(self, values: Values, pinned: bool) -> None:
        """Raise InputError, in words that fit the page, for what cannot stand side by side."""
        sides = self.read(values)
        if values[self.fields.by] == MODELS and len(sides) < 2 and not pinned:
            raise InputError(
                "Choose two or three models, or pin a run to compare with; "
                "for one model, compare plans."
            )
        if len(sides) > MAX_SIDES:
            raise InputError(
                f"Choose at most {MAX_SIDES} models: more cannot be read side by side."
            )
        if len({(side.model, side.eyes, side.plan) for _, side in sides}) < len(sides):
            raise InputError("Both plans are the same: change one of them.")


def model_sides(
    engines: Mapping[str, Engine], names: Sequence[str], plan: DegradationPlan, title: str
) -> list[tuple[Engine, Side]]:
    """Return a side for each model, all under one plan; raise InputError for an unknown one."""
    return [side_of(engine_of(engines, name), plan, title) for name in names]


def eyes_sides(
    eyes: PageEyes, engine: Engine, plan: DegradationPlan, title: str
) -> list[tuple[Engine, Side]]:
    """Return a model alone, and with the eyes of another; raise InputError where that cannot be."""
    if not eyes.fit_for(engine):
        raise InputError(f"{engine.info.name} looks by itself; choose another model.")
    return [side_of(one, plan, title) for one in (engine, eyes.of(engine))]


def plan_label(by: str) -> str:
    """Return what the field of the first plan is called."""
    return "Plan A" if by == PLANS else "Plan"


def side_of(engine: Engine, plan: DegradationPlan, title: str) -> tuple[Engine, Side]:
    """Return a model with the side that it stands for."""
    info = engine.info
    return engine, Side(
        info.name, info.label, plan, title, eyes=info.eyes.name if info.eyes else ""
    )
