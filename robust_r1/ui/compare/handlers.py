"""Who is compared, for the Compare tab and for its endpoint."""

from collections.abc import Mapping, Sequence

from robust_r1.analysis import Side
from robust_r1.analysis.compare import MAX_SIDES
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.ui.widgets.model_choice import engine_of

MODELS, PLANS = "Models", "Plans"


def model_sides(
    engines: Mapping[str, Engine], names: Sequence[str], plan: DegradationPlan, title: str
) -> list[tuple[Engine, Side]]:
    """Return a side for each model, all under one plan; raise InputError for an unknown one."""
    return [_side(engine_of(engines, name), plan, title) for name in names]


def plan_sides(
    engine: Engine, plans: Sequence[DegradationPlan], title: str
) -> list[tuple[Engine, Side]]:
    """Return a side for each plan, all for one model."""
    return [_side(engine, plan, title) for plan in plans]


def check_sides(sides: Sequence[tuple[Engine, Side]], by: str, pinned: bool) -> None:
    """Raise InputError, in words that fit the page, for what cannot stand side by side."""
    if by == MODELS and len(sides) < 2 and not pinned:
        raise InputError(
            "Choose two or three models, or pin a run to compare with; "
            "for one model, compare plans."
        )
    if len(sides) > MAX_SIDES:
        raise InputError(f"Choose at most {MAX_SIDES} models: more cannot be read side by side.")
    if len({(side.model, side.plan) for _, side in sides}) < len(sides):
        raise InputError("Both plans are the same: change one of them.")


def _side(engine: Engine, plan: DegradationPlan, title: str) -> tuple[Engine, Side]:
    return engine, Side(engine.info.name, engine.info.label, plan, title)
