"""The cases of the lesson: scenes with known damage, a question, and a true chain."""

from dataclasses import dataclass
from functools import cache

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


@dataclass(frozen=True)
class LessonCase:
    """Give a case a title, and the true chain of its question under its damage."""

    title: str
    case: Case
    reference: Chain


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
