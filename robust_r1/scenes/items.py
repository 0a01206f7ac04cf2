"""Items: a scene, one question about it, a plan of degradations, and the reference chain."""

from dataclasses import dataclass, replace

import numpy as np

from robust_r1.chain import Chain
from robust_r1.degradations import SPECS, STAGES, DegradationPlan
from robust_r1.errors import InputError
from robust_r1.scenes.chains import chain_for
from robust_r1.scenes.questions import (
    Question,
    caption_question,
    outside_question,
    questions_for,
)
from robust_r1.scenes.scene import SPLITS, Scene, make_scene

_ITEM_SALT, _PLAN_SALT = 104, 105
_TOPIC_ODDS = {"color": 3, "noun": 3, "place": 2, "count": 2, "relation": 1.5, "exists": 1.5}
_KIND_ODDS = (0.44, 0.37, 0.11, 0.08)  # mcq, vqa, cap, a question about something else
# Share of the questions about something else that are asked of a picture without objects, as a
# photograph is one.
_NO_OBJECTS = 0.6
# Number of degradations of an item, 0 to 4; clean pictures keep false alarms down.
_STEP_ODDS = (0.15, 0.35, 0.27, 0.15, 0.08)


@dataclass(frozen=True)
class Item:
    """Join a scene, a question, a plan and the chain that follows: one sample."""

    scene: Scene
    question: Question
    plan: DegradationPlan
    chain: Chain

    def clean(self) -> np.ndarray:
        """Draw the undamaged picture, uint8, H x W x 3."""
        return self.scene.image()

    def image(self) -> np.ndarray:
        """Draw the picture under the item's plan, uint8, H x W x 3."""
        return self.plan.apply(self.scene.image())

    def under(self, plan: DegradationPlan) -> "Item":
        """Return the same scene and question under another plan, with the chain that follows."""
        return replace(self, plan=plan, chain=chain_for(self.scene, self.question, plan))

    def ask(self, question: Question) -> "Item":
        """Return the same scene under the same plan with another question about it."""
        return replace(self, question=question, chain=chain_for(self.scene, question, self.plan))


def make_item(split: str, index: int, size: tuple[int, int] | None = None) -> Item:
    """Make sample `index` of a split; the same arguments always give the same sample.

    Args:
        split: "train", "validation" or "test".
        index: its number within the split's range of seeds.
        size: (width, height) of the picture instead of the size that its seed draws.

    Raises:
        InputError: an unknown split, or an index outside its range of seeds.
    """
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    seeds = SPLITS[split]
    if not 0 <= index < len(seeds):
        raise InputError(f"index {index} lies outside the {split} split (0 to {len(seeds) - 1})")
    seed = seeds[index]
    scene = make_scene(seed, size)
    rng = np.random.default_rng([_ITEM_SALT, seed])
    question = draw_question(scene, rng)
    if question.topic == "outside" and rng.random() < _NO_OBJECTS:
        scene = scene.without_objects()
    plan = draw_plan(np.random.default_rng([_PLAN_SALT, seed]), seed)
    return Item(scene, question, plan, chain_for(scene, question, plan))


def draw_plan(rng: np.random.Generator, seed: int) -> DegradationPlan:
    """Draw a plan for training: zero to four degradations, most of them of middling strength.

    The stage of each is uniform, then the operation within it, so that small stages count as much
    as large ones. Intensities follow Beta(1.4, 1.2) stretched over .05 to 1: what lies below is
    invisible to anyone, and a uniform law spends too many samples there.
    """
    count = int(rng.choice(len(_STEP_ODDS), p=_STEP_ODDS))
    strengths: dict[str, float] = {}
    while len(strengths) < count:
        stage = STAGES[int(rng.integers(len(STAGES)))]
        ids = [spec.id for spec in SPECS if spec.stage == stage]
        name = ids[int(rng.integers(len(ids)))]
        strengths.setdefault(name, round(0.05 + 0.95 * float(rng.beta(1.4, 1.2)), 2))
    return DegradationPlan.of(strengths, seed=seed)


def example_items(count: int = 6) -> tuple[Item, ...]:
    """Return a few clean test scenes with several objects, for the page's examples."""
    found: list[Item] = []
    index = 0
    while len(found) < count:
        item = make_item("test", index)
        if len(item.scene.things) >= 2 and item.question.kind == "vqa":
            found.append(item.under(DegradationPlan.of({}, seed=0)))
        index += 1
    return tuple(found)


def draw_question(scene: Scene, rng: np.random.Generator) -> Question:
    """Draw a question about a scene, of every kind and topic in its share."""
    kind = ("mcq", "vqa", "cap", "outside")[rng.choice(4, p=_KIND_ODDS)]
    if kind == "cap":
        return caption_question(scene)
    if kind == "outside":
        return outside_question(rng)
    pool = [question for question in questions_for(scene) if question.kind == kind]
    topics = sorted({question.topic for question in pool})
    odds = np.array([_TOPIC_ODDS[topic] for topic in topics])
    topic = topics[rng.choice(len(topics), p=odds / odds.sum())]
    pool = [question for question in pool if question.topic == topic]
    return pool[int(rng.integers(len(pool)))]
