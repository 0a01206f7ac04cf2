"""The cases of the lesson: scenes with known damage, a question, and a true answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from robust_r1.analysis.openings import TYPICAL_RULE, Typical, read_openings
from robust_r1.ask.case import Case
from robust_r1.ask.examples import scenes
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import reference_chain
from robust_r1.chain import Chain
from robust_r1.degradations import DegradationPlan

# Title, which of the gallery's scenes, which of its questions, and the damage: one of each kind
# that a chain speaks of differently.
_CASES = (
    ("Two degradations", 1, 0, "lens_flare=0.5,gaussian_noise=0.4"),
    ("One, light", 0, 0, "lens_blur=0.3"),
    ("Three, heavy", 2, 0, "motion_blur=0.6,darkness=0.7,watermark_damage=0.6"),
    ("Undamaged", 3, 0, ""),
)
_TYPICAL = {
    "low": "Typical, light damage", "mid": "Typical, medium damage",
    "high": "Typical, heavy damage", "clean": "Typical, undamaged",
}


@dataclass(frozen=True)
class LessonCase:
    """Give a case a title, and the true chain of its question under its damage."""

    title: str
    case: Case
    reference: Chain


@dataclass(frozen=True)
class TrainingCase:
    """Give a case a title, and what it was chosen by where a rule has chosen it.

    Attributes:
        title, case: what is asked, and how a menu calls it.
        means: the mean rewards of its level of damage, by model; none of a case that nobody chose.
        rule: what chose it, in words; empty of others.
    """

    title: str
    case: Case
    means: Mapping[str, Mapping[str, float]]
    rule: str = ""


@cache
def lesson_cases() -> tuple[LessonCase, ...]:
    """Return the cases, the one to begin with first."""
    return tuple(_make(*row) for row in _CASES)


def lesson_case(title: str) -> LessonCase:
    """Return the case of this title; the first one where there is none."""
    return next((case for case in lesson_cases() if case.title == title), lesson_cases()[0])


def case_titles() -> list[str]:
    """Return the titles, for a menu."""
    return [case.title for case in lesson_cases()]


@cache
def training_cases() -> Mapping[str, TrainingCase]:
    """Return by title the typical case of each level of damage, then the lesson's own cases."""
    openings = read_openings()
    by_level = {one.level: one for one in openings.typical}
    chosen = (_typical(by_level[level], openings.benchmark) for level in _TYPICAL)
    others = (TrainingCase(one.title, one.case, {}) for one in lesson_cases())
    return {one.title: one for one in (*chosen, *others)}


def _typical(one: Typical, benchmark: str) -> TrainingCase:
    rule = (
        f"Chosen from {benchmark} by a rule: {TYPICAL_RULE}. The means stand small beside what "
        "each model earns here."
    )
    return TrainingCase(_TYPICAL[one.level], one.case, one.means, rule)


def _make(title: str, scene: int, question: int, plan: str) -> LessonCase:
    example = scenes()[scene]
    asked = example.questions[question]
    case = Case(
        Picture(example=example.id), DegradationPlan.parse(plan, seed=1), asked.text,
        asked.choices, asked.answer,
    )
    reference = reference_chain(case, case.plan)
    assert reference is not None  # the questions are the scene's own
    return LessonCase(title, case, reference)
