"""Training pictures of photographs: what is shown, and what is to be said of it.

Of a photograph nothing is known but its damage, so half of its pictures have objects drawn on top,
as scenes do, and the others are asked what no scene answers. Each crop is shown several times in
one batch, clean and under different plans, so that its content cannot predict damage.

What cannot be seen is not to be said: at .23 a photograph's saturation or brightness lies within
what undamaged photographs have, and whoever is taught to name it there learns to name it anywhere.
So each kind has an intensity from which it counts (`SIGHT`); what is weaker counts as clean. On
drawn scenes everything counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from robust_r1.degradations import SPECS, STAGES, DegradationPlan, degrade, step_seed
from robust_r1.scenes import (
    SPLITS,
    Item,
    Question,
    Scene,
    caption_question,
    chain_for,
    make_item,
    make_scene,
    outside_question,
    questions_for,
)
from robust_r1.scenes.backgrounds import CANVAS, background
from robust_r1.scenes.items import draw_question
from robust_r1.scenes.photographs import (
    Photograph,
    PhotoScene,
    decoded,
    draw_canvas,
    draw_photo_size,
    relit,
)
from robust_r1.scenes.variants import VARIANTS, damage

TOKEN = 32  # pixels a side under one merged token
# Mean change in levels from which a token counts as changed: about the smallest that shows.
CHANGED = 1.0
RENDITIONS = 4  # of each crop in a batch, the first one clean
IDS = tuple(spec.id for spec in SPECS)
# From which intensity a kind counts on photographs: where the probes of the bundled tower find it
# half the time on validation photographs, less .08 (train.tiny.gpu_warmup measures it).
SIGHT = {
    "lens_blur": 0.17, "lens_flare": 0.15, "motion_blur": 0.1, "dirty_lens": 0.25,
    "saturation": 0.5, "jpeg_compression": 0.1, "block_exchange": 0.11, "mean_shift": 0.1,
    "scan_lines": 0.05, "darkness": 0.44, "atmospheric_turbulence": 0.37, "gaussian_noise": 0.05,
    "color_diffusion": 0.16, "sharpness_change": 0.1, "graffiti": 0.1, "watermark_damage": 0.34,
}  # fmt: skip

_PHOTO_SALT, _SCENE_SALT = 0x9407, 0x5CE4
_TRIES = 50  # photographs looked at for a crop of a size
_CLEAN, _EMPTY = 0.85, 0.1  # share of first renditions, and of the others, left undamaged
_COUNT_ODDS = (0.45, 0.34, 0.15, 0.06)  # of 1, 2, 3 and 4 degradations
_SAVED_JPEG = 0.2  # JPEG compression from here on, where a picture was saved once already
_PAINTED = 0.12  # share of crops that are no photograph, but a painted background
_OBJECTS = 0.5
# Share of steps done by a variant instead. People's pictures are dark or noisy more often than
# blurred or dirty, and never by the operations here.
_VARIED = {"photo": {"darkness": 0.5, "gaussian_noise": 0.4}, "scene": {}}
_VARIED_OTHERS = {"photo": 0.3, "scene": 0.08}
_UNDAMAGED = DegradationPlan()
_ABOUT = (
    "What is shown?", "What is in the picture?", "What is this?", "What does the photo show?",
    "Where was this taken?", "What is happening?", "Who is this?", "What is in front?",
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """Show one training picture with what is to be said of it.

    Attributes:
        item: question and chain; its plan is what is to be said, not all that was done.
        picture: uint8, H x W x 3, as it is shown.
        local: float32, tokens x 16, 1 where a degradation that counts changed a token.
    """

    item: Item
    picture: np.ndarray
    local: np.ndarray


class Pictures:
    """Draw batches of training pictures, each of one size; a batch follows from its number.

    Args:
        photographs: to cut crops from.
        max_pixels: the model's budget.
        sight: from which intensity each kind counts, by id; read anew for every batch.
        strange: share of the crops that are turned or have their colors exchanged, so that a tower
            cannot know them again: of photographs that it knows it is surer than of others.
    """

    def __init__(
        self,
        photographs: Sequence[Photograph],
        max_pixels: int,
        sight: Mapping[str, float] = SIGHT,
        strange: float = 0.0,
    ) -> None:
        self.photographs, self.max_pixels, self.sight = photographs, max_pixels, sight
        self.strange = strange

    def photos(self, number: int, count: int) -> list[Shown]:
        """Draw a batch of crops of photographs, `RENDITIONS` of each."""
        rng = np.random.default_rng([_PHOTO_SALT, number])
        size = draw_photo_size(self.max_pixels, rng)
        shown: list[Shown] = []
        while len(shown) < count:
            if rng.random() < self.strange:
                canvas, saved = self._strange_canvas(size, rng)
            else:
                canvas, saved = self._canvas(size, rng)
            shown += [self._photo(canvas, saved, rng, place == 0) for place in range(RENDITIONS)]
        return shown[:count]

    def _canvas(self, size: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, bool]:
        if rng.random() < _PAINTED and max(size) <= CANVAS:
            return background(rng, "train", size[1], size[0]), False
        for _ in range(_TRIES):
            photo = self.photographs[int(rng.integers(len(self.photographs)))]
            picture = decoded(photo.path)
            canvas = None if picture is None else draw_canvas(picture, size, self.max_pixels, rng)
            if canvas is not None:
                return relit(canvas.picture, rng), canvas.saved
        painted = background(rng, "train", CANVAS, CANVAS)
        return cv2.resize(painted, size[::-1], interpolation=cv2.INTER_AREA), False

    def _strange_canvas(
        self, size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, bool]:
        turned = bool(rng.random() < 0.5)
        canvas, saved = self._canvas(size[::-1] if turned else size, rng)
        if turned:
            canvas = np.rot90(canvas, 1 if rng.random() < 0.5 else 3)
        if rng.random() < 0.5:
            canvas = canvas[::-1]
        if rng.random() < 0.6:
            canvas = canvas[..., rng.permutation(3)]
        return np.ascontiguousarray(canvas), saved

    def _photo(
        self, canvas: np.ndarray, saved: bool, rng: np.random.Generator, first: bool
    ) -> Shown:
        seed = int(rng.integers(len(SPLITS["train"])))
        height, width = canvas.shape[:2]
        things = make_scene(seed, (width, height)).things if rng.random() < _OBJECTS else ()
        scene = PhotoScene(seed, "train", width, height, things, canvas)
        question = draw_question(scene, rng) if things else _photo_question(scene, rng)
        strengths = {} if rng.random() < (_CLEAN if first else _EMPTY) else _strengths(rng)
        if saved and "jpeg_compression" in strengths:
            strengths["jpeg_compression"] = max(_SAVED_JPEG, strengths["jpeg_compression"])
        seen = {id: value for id, value in strengths.items() if value >= self.sight[id]}
        return show(scene, question, strengths, seen, rng, "photo")

    def scenes(self, first_index: int, count: int, size: tuple[int, int]) -> list[Shown]:
        """Draw a batch of drawn scenes, one in four of them without objects."""
        shown = []
        for index in range(first_index, first_index + count):
            rng = np.random.default_rng([_SCENE_SALT, index])
            item = make_item("train", index, size)
            scene, question, plan = item.scene, item.question, item.plan
            if index % 4 == 3:
                scene = scene.without_objects()
                question = _photo_question(scene, rng)
            plan = _UNDAMAGED if rng.random() < 0.15 else plan
            shown.append(show(scene, question, plan.intensities, plan.intensities, rng, "scene"))
        return shown


def show(
    scene: Scene,
    question: Question,
    strengths: Mapping[str, float],
    seen: Mapping[str, float],
    rng: np.random.Generator,
    kind: str,
) -> Shown:
    """Damage a scene's picture step by step; say what is seen of it.

    Args:
        strengths: what is done, by id.
        seen: the part of it that counts.
        rng: draws the seeds, and which steps are done by a variant.
        kind: a key of `_VARIED`, "photo" or "scene".
    """
    seed = int(rng.integers(2**31))
    said = DegradationPlan.of(seen, seed)
    picture = scene.image()
    rows, columns = picture.shape[0] // TOKEN, picture.shape[1] // TOKEN
    local = np.zeros((rows, columns, len(SPECS)), np.float32)
    for step in DegradationPlan.of(strengths, seed).steps:
        varied = _VARIED[kind].get(step.id, _VARIED_OTHERS[kind])
        if step.id in VARIANTS and rng.random() < varied:
            after = damage(picture, step.id, step.intensity, step_seed(seed, step.id))
        else:
            after = degrade(picture, step.id, step.intensity, step.seed)
        if step.id in seen:
            change = cv2.absdiff(picture, after).mean(2, dtype=np.float32)
            mean = cv2.resize(change, (columns, rows), interpolation=cv2.INTER_AREA)
            local[..., IDS.index(step.id)] = mean > CHANGED
        picture = after
    item = Item(scene, question, said, chain_for(scene, question, said))
    return Shown(item, picture, local.reshape(-1, len(SPECS)))


def _strengths(rng: np.random.Generator) -> dict[str, float]:
    """Draw one to four degradations: the stage first, then one operation within it."""
    count = 1 + int(rng.choice(len(_COUNT_ODDS), p=_COUNT_ODDS))
    strengths: dict[str, float] = {}
    while len(strengths) < count:
        stage = STAGES[int(rng.integers(len(STAGES)))]
        ids = [spec.id for spec in SPECS if spec.stage == stage]
        id = ids[int(rng.integers(len(ids)))]
        strengths.setdefault(id, round(0.06 + 0.94 * float(rng.beta(1.2, 1.15)), 2))
    return strengths


def _photo_question(scene: Scene, rng: np.random.Generator) -> Question:
    """Draw a question about a picture without objects: most ask for what nobody knows of it."""
    kind = rng.random()
    if kind < 0.12:
        return caption_question(scene)
    if kind < 0.32:
        pool = questions_for(scene)
        return pool[int(rng.integers(len(pool)))]
    question = outside_question(rng)
    if kind < 0.7:
        return question
    return replace(question, text=_ABOUT[int(rng.integers(len(_ABOUT)))])
