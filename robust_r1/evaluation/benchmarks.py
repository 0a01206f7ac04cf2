"""Benchmarks made here: their items, each a case with its place in the benchmark.

Five fixed sets are made here. MiniBench and both PhotoBenches have the shape of R-Bench: levels
clean, low, mid and high, and every source at every level under the same plan and seed, so that
levels can be compared pair by pair. Variants damages views of PhotoBench 2 in other ways. The
held-out scenes are what training draws, from the test split.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.ask.case import Case
from robust_r1.ask.examples import scene_id
from robust_r1.ask.picture import Picture
from robust_r1.degradations import LEVELS, SPECS, STAGES, DegradationPlan
from robust_r1.engine.eyes import LOOK
from robust_r1.errors import InputError
from robust_r1.evaluation.photobench2 import (
    PHOTOGRAPHS,
    VIEWS,
    View,
    photograph_name,
    view_of,
    views,
)
from robust_r1.images import fit
from robust_r1.scenes import (
    SPLITS,
    Item,
    Question,
    Scene,
    caption_question,
    make_item,
    make_scene,
    questions_for,
)
from robust_r1.scenes.backgrounds import held_out_photographs
from robust_r1.scenes.variants import VARIANTS, damage_by_variants

# The levels of the benchmarks made here, by the names that their stored runs have.
STRENGTHS = {"clean": 0.0, "low": LEVELS["25"], "mid": LEVELS["50"], "high": LEVELS["100"]}
MINIBENCH_SOURCES = 80  # scenes for each task; 3 tasks x 80 scenes x 4 levels = 960 cases
PHOTOBENCH_CROPS = 84  # x 4 levels = 336 cases
HELD_OUT_SCENES = 300  # each clean and, where its plan is not empty, under its own plan
DRAWN = "drawn"  # the level of a scene under the plan that it was drawn with
# Far beyond every index that training or the page's examples use.
_FIRST_INDEX = 50_000_000
_SALT = 0xBE7C4
# What the training pictures are fitted to; a crop has the same area, so nothing is lost later.
_CROP_PIXELS = 192 * 192
_LOOK = Question("vqa", "outside", LOOK, (), "", "", (), "")
# The names of PhotoBench's sources, as `photobench` gives them.
_PHOTOBENCH = re.compile(r"photo-[0-9]{3}-(.+)")


@dataclass(frozen=True)
class BenchmarkItem:
    """Place a case in a benchmark.

    Attributes:
        case: what is asked; its truth is empty for "perception".
        id: unique within its benchmark, the same on every machine.
        source: what picture it is; the items of one source differ in level only.
        task: "mcq", "vqa", "cap", or "perception" where nothing but the damage is scored.
        level: a key of `STRENGTHS`, or `DRAWN`; of a published benchmark "clean", "25", "50",
            "100", or what its file says.
        known: whether the case's plan is what was done to the picture; false where it came damaged
            in a way that its file does not tell.
        truths: further answers that are right.
        category, language: the benchmark's own, or empty.
        distortion: R-Bench's number of it, 1 to 33; None elsewhere.
        picture: what items about the same published picture have in common; empty of those made
            here, whose sources are their pictures.
    """

    case: Case
    id: str
    source: str
    task: str
    level: str
    known: bool = True
    truths: tuple[str, ...] = ()
    category: str = ""
    language: str = ""
    distortion: int | None = None
    picture: str = ""


def benchmark(name: str) -> tuple[BenchmarkItem, ...]:
    """Return the items of a benchmark by name; raise InputError for an unknown one."""
    if name not in BENCHMARKS:
        raise InputError(f"unknown benchmark {name!r}; choose one of {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]()


def minibench() -> tuple[BenchmarkItem, ...]:
    """Make MiniBench: 960 cases on test scenes, MCQ, VQA and CAP by clean, low, mid and high."""
    items: list[BenchmarkItem] = []
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
            picture = Picture(scene_id(seed))
            items += _levels(source, task, question, _damage(rng), seed, picture)
    return tuple(items)


def photobench() -> tuple[BenchmarkItem, ...]:
    """Make PhotoBench: crops of photographs that no training stage has seen, at four levels.

    Only the perceived damage is scored; the clean crops tell the false alarms.
    """
    photographs = held_out_photographs()
    items: list[BenchmarkItem] = []
    for number in range(PHOTOBENCH_CROPS):
        rng = np.random.default_rng([_SALT, 1, number])
        name = sorted(photographs)[number % len(photographs)]
        box = rng.random(3)

        def crop(name: str = name, box: np.ndarray = box) -> np.ndarray:
            return _crop(photographs[name](), box)

        source = f"photo-{number:03d}-{name.rsplit('.', 1)[0]}"
        picture = Picture(draw=crop)
        items += _levels(source, "perception", _LOOK, _damage(rng), number, picture)
    return tuple(items)


def photobench2() -> tuple[BenchmarkItem, ...]:
    """Make PhotoBench 2: 96 views of the Kodak photographs, at four levels: 384 cases.

    As in PhotoBench only the perceived damage is scored. A view is fitted by the engine alone,
    whatever its budget.
    """
    items: list[BenchmarkItem] = []
    for view in views():
        rng = np.random.default_rng([_SALT, 2, view.photograph, view.number])
        damage, seed = _damage(rng), int(rng.integers(2**31))
        picture = Picture(draw=view.picture)
        items += _levels(view.source, "perception", _LOOK, damage, seed, picture)
    return tuple(items)


def variants() -> tuple[BenchmarkItem, ...]:
    """Make Variants: damage from life, each kind once on each Kodak photograph: 504 cases.

    A view of PhotoBench 2 is damaged not by an operation but by a variant of its name, as strongly,
    at low, mid and high; clean views are PhotoBench 2's.
    """
    items: list[BenchmarkItem] = []
    for photograph in PHOTOGRAPHS:
        for place, kind in enumerate(VARIANTS):
            view = View(photograph, (photograph // 2 + place) % len(VIEWS))
            seed = int(np.random.default_rng([_SALT, 3, photograph, place]).integers(2**31))
            picture = Picture(draw=view.picture, damage=damage_by_variants)
            source = f"{kind}-{view.source}"
            every = _levels(source, "perception", _LOOK, (kind,), seed, picture)
            items += [item for item in every if item.case.plan]
    return tuple(items)


def photograph_of(source: str) -> str | None:
    """Return the photograph that a source is a part of; None where it is of none."""
    kind, _, shown = source.partition("-")
    if view := view_of(shown if kind in VARIANTS else source):
        return photograph_name(view.photograph)
    match = _PHOTOBENCH.fullmatch(source)
    return match[1] if match else None


def held_out_scenes() -> tuple[BenchmarkItem, ...]:
    """Make 300 scenes of the test split with their own questions, clean and under their plans."""
    items: list[BenchmarkItem] = []
    for index in range(HELD_OUT_SCENES):
        item = make_item("test", index)
        plans = {"clean": DegradationPlan.of({}, seed=0), DRAWN: item.plan}
        items += [
            _item(
                f"scene-{index:03d}",
                item.question.kind,
                level,
                item.question,
                plan,
                _picture_of(item),
                item.scene.seed,
            )
            for level, plan in plans.items()
            if plan or level == "clean"
        ]
    return tuple(items)


BENCHMARKS = {
    "minibench": minibench,
    "photobench": photobench,
    "photobench2": photobench2,
    "scenes": held_out_scenes,
    "variants": variants,
}


def _question(scene: Scene, task: str, rng: np.random.Generator) -> Question:
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


def _picture_of(item: Item) -> Picture:
    """Name the scene's picture; one without its objects is no example of the page."""
    if item.scene == make_scene(item.scene.seed):
        return Picture(scene_id(item.scene.seed))
    return Picture(draw=item.clean)


def _levels(
    source: str, task: str, question: Question, damage: Sequence[str], seed: int, picture: Picture
) -> list[BenchmarkItem]:
    plans = {
        level: DegradationPlan.of(dict.fromkeys(damage, strength), seed=seed)
        for level, strength in STRENGTHS.items()
    }
    return [
        _item(source, task, level, question, plan, picture, seed) for level, plan in plans.items()
    ]


def _item(
    source: str,
    task: str,
    level: str,
    question: Question,
    plan: DegradationPlan,
    picture: Picture,
    seed: int,
) -> BenchmarkItem:
    case = Case(picture, plan, question.text, question.choices, question.answer, seed=seed)
    return BenchmarkItem(case, f"{source}-{level}", source, task, level)


def _crop(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    side = int(min(height, width) * (0.5 + 0.5 * box[0]))
    top = int((height - side) * box[1])
    left = int((width - side) * box[2])
    return fit(picture[top : top + side, left : left + side], _CROP_PIXELS, _CROP_PIXELS, 32)
