"""Cases: one picture, one question, one plan, and what is known to be true about them.

Three fixed sets are made here. MiniBench and PhotoBench have the shape of R-Bench: levels clean,
low, mid and high, and every source at every level under the same plan and seed, so that levels can
be compared pair by pair. The held-out scenes are what training draws, from the test split.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robust_r1.chain import Finding, findings_of
from robust_r1.degradations import SPECS, STAGES, DegradationPlan
from robust_r1.engine.types import Turn
from robust_r1.errors import InputError
from robust_r1.images import fit
from robust_r1.scenes import (
    SPLITS,
    Question,
    caption_question,
    make_item,
    make_scene,
    questions_for,
)
from robust_r1.scenes.backgrounds import held_out_photographs

# The published strengths of the corrupted benchmarks at 25, 50 and 100 % (method.md).
LEVELS = {"clean": 0.0, "low": 0.23, "mid": 0.45, "high": 0.9}
MINIBENCH_SOURCES = 80  # scenes for each task; 3 tasks x 80 scenes x 4 levels = 960 cases
PHOTOBENCH_CROPS = 84  # x 4 levels = 336 cases
HELD_OUT_SCENES = 300  # each clean and, where its plan is not empty, under its own plan
DRAWN = "drawn"  # the level of a scene under the plan that it was drawn with
# Far beyond every index that training or the page's examples use.
_FIRST_INDEX = 50_000_000
_SALT = 0xBE7C4
# What the training pictures are fitted to; a crop has the same area, so nothing is lost later.
_CROP_PIXELS = 192 * 192


@dataclass(frozen=True)
class Case:
    """Hold one case of a benchmark.

    Attributes:
        id: unique within its benchmark, the same on every machine.
        source: what picture it is; the cases of one source differ in level only.
        task: "mcq", "vqa", "cap", or "perception" where nothing but the damage is scored.
        level: a key of `LEVELS`, or `DRAWN`.
        question, choices, answer: as in `scenes.Question`; the answer is empty for "perception".
        plan: the damage.
        picture: draws the undamaged picture, uint8, H x W x 3.
        scene: seed of the synthetic scene that the picture is of; None for a photograph.
        seed: what the seeds of the plan's steps are derived from; None where that is not one seed.
        example: id of the page's own picture that it is about, where that is no such scene.
        turns, template, further: the earlier turns, the prompt (empty: the model's own), and what
            draws the pictures shown after the first.
    """

    id: str
    source: str
    task: str
    level: str
    question: str
    prompt: str
    choices: tuple[str, ...]
    answer: str
    plan: DegradationPlan
    picture: Callable[[], np.ndarray]
    scene: int | None = None
    seed: int | None = None
    example: str = ""
    turns: tuple[Turn, ...] = ()
    template: str = ""
    further: tuple[Callable[[], np.ndarray], ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the true findings."""
        return findings_of(self.plan)


def benchmark(name: str) -> tuple[Case, ...]:
    """Return the cases of a benchmark by name; raise InputError for an unknown one."""
    if name not in BENCHMARKS:
        raise InputError(f"unknown benchmark {name!r}; choose one of {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]()


def minibench() -> tuple[Case, ...]:
    """Make MiniBench: 960 cases on test scenes, MCQ, VQA and CAP by clean, low, mid and high."""
    cases: list[Case] = []
    index = _FIRST_INDEX
    for task in ("mcq", "vqa", "cap"):
        found = 0
        while found < MINIBENCH_SOURCES:
            seed = SPLITS["test"].start + index
            index += 1
            scene = make_scene(seed)
            if not scene.things:
                continue
            found += 1
            rng = np.random.default_rng([_SALT, seed])
            question = _question(scene, task, rng)
            source = f"{task}-{found:03d}"
            cases += _levels(source, task, question, _damage(rng), seed, scene.image, seed)
    return tuple(cases)


def photobench() -> tuple[Case, ...]:
    """Make PhotoBench: crops of photographs that no training stage has seen, at four levels.

    Only the perceived damage is scored; the clean crops tell the false alarms.
    """
    photographs = held_out_photographs()
    cases: list[Case] = []
    for number in range(PHOTOBENCH_CROPS):
        rng = np.random.default_rng([_SALT, 1, number])
        name = sorted(photographs)[number % len(photographs)]
        box = rng.random(3)

        def crop(name=name, box=box) -> np.ndarray:
            return _crop(photographs[name](), box)

        source = f"photo-{number:03d}-{name.rsplit('.', 1)[0]}"
        question = Question("vqa", "outside", "What is shown?", (), "", "", (), "")
        cases += _levels(source, "perception", question, _damage(rng), number, crop)
    return tuple(cases)


def held_out_scenes() -> tuple[Case, ...]:
    """Make 300 scenes of the test split with their own questions, clean and under their plans."""
    cases: list[Case] = []
    for index in range(HELD_OUT_SCENES):
        item = make_item("test", index)
        plans = {"clean": DegradationPlan.of({}, seed=0), DRAWN: item.plan}
        cases += [
            _case(f"scene-{index:03d}", item.question.kind, level, item.question, plan, item.clean,
                  item.scene.seed, item.scene.seed)
            for level, plan in plans.items()
            if plan or level == "clean"
        ]
    return tuple(cases)


BENCHMARKS = {"minibench": minibench, "photobench": photobench, "scenes": held_out_scenes}


def _question(scene, task: str, rng: np.random.Generator) -> Question:
    if task == "cap":
        return caption_question(scene)
    pool = [question for question in questions_for(scene) if question.kind == task]
    topics = sorted({question.topic for question in pool})
    topic = topics[int(rng.integers(len(topics)))]
    pool = [question for question in pool if question.topic == topic]
    return pool[int(rng.integers(len(pool)))]


def _damage(rng: np.random.Generator) -> tuple[str, ...]:
    """Draw one to three degradations: the stages first, then one operation within each."""
    count = int(rng.choice((1, 2, 3), p=(0.5, 0.35, 0.15)))
    stages = sorted(rng.permutation(len(STAGES))[:count].tolist())
    drawn = []
    for stage in stages:
        ids = [spec.id for spec in SPECS if spec.stage == STAGES[stage]]
        drawn.append(ids[int(rng.integers(len(ids)))])
    return tuple(drawn)


def _levels(source, task, question, damage, seed, picture, scene=None) -> list[Case]:
    plans = {
        level: DegradationPlan.of(dict.fromkeys(damage, strength), seed=seed)
        for level, strength in LEVELS.items()
    }
    return [
        _case(source, task, level, question, plan, picture, scene, seed)
        for level, plan in plans.items()
    ]


def _case(
    source: str,
    task: str,
    level: str,
    question: Question,
    plan: DegradationPlan,
    picture: Callable[[], np.ndarray],
    scene: int | None = None,
    seed: int | None = None,
) -> Case:
    return Case(
        id=f"{source}-{level}",
        source=source,
        task=task,
        level=level,
        question=question.text,
        prompt=question.prompt,
        choices=question.choices,
        answer=question.answer,
        plan=plan,
        picture=picture,
        scene=scene,
        seed=seed,
    )


def _crop(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    side = int(min(height, width) * (0.5 + 0.5 * box[0]))
    top = int((height - side) * box[1])
    left = int((width - side) * box[2])
    return fit(picture[top : top + side, left : left + side], _CROP_PIXELS, _CROP_PIXELS, 32)
