"""Samples of a data set: scenes with question and chain, photographs with degradations only."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robust_r1.chain import Chain, findings_of, render
from robust_r1.degradations import DegradationPlan, sample_plan
from robust_r1.errors import InputError
from robust_r1.images import files_below, fit, is_picture, load
from robust_r1.records import Record
from robust_r1.scenes import SPLITS, make_item
from robust_r1.scenes.chains import EFFECTS

IMAGES = "images"
DAMAGE_QUESTION = "Which degradations does the picture have?"
# As among the scenes: some pictures without damage keep false alarms down.
_CLEAN_SHARE = 0.15


@dataclass(frozen=True)
class Sample:
    """Name one sample before it is drawn: everything that fixes its picture and its record.

    Attributes:
        split: a key of `scenes.SPLITS`.
        index: index of the scene within the split, or the number of the photograph.
        photo: the photograph's path; None for a scene.
        name: what is drawn for a photograph depends on this and the seed alone.
        seed: the data set's seed, for photographs.
        max_pixels: what a photograph is fitted to before it is damaged, as for a model.
    """

    split: str
    index: int
    photo: Path | None = None
    name: str = ""
    seed: int = 0
    max_pixels: int = 0

    @property
    def image(self) -> str:
        """Return the picture's file, relative to the data set."""
        kind = "scene" if self.photo is None else "photo"
        return f"{IMAGES}/{self.split}_{kind}_{self.index:010d}.png"

    def draw(self) -> tuple[np.ndarray, Record]:
        """Draw the degraded picture (uint8, H x W x 3) and its record.

        Raises:
            ImageError: the photograph cannot be read.
        """
        return self._scene() if self.photo is None else self._photograph(self.photo)

    def _scene(self) -> tuple[np.ndarray, Record]:
        item = make_item(self.split, self.index)
        question = item.question
        record = Record(
            image=self.image,
            question=question.text,
            choices=question.choices,
            answer=question.answer,
            chain=render(item.chain),
            plan=item.plan,
            seed=item.scene.seed,
            split=self.split,
            kind=question.kind,
            topic=question.topic,
        )
        return item.image(), record

    def _photograph(self, photo: Path) -> tuple[np.ndarray, Record]:
        digest = hashlib.sha256(f"{self.seed}:{self.name}".encode()).digest()
        seed = int.from_bytes(digest[:6], "big")
        rng = np.random.default_rng(seed)
        plan = DegradationPlan() if rng.random() < _CLEAN_SHARE else sample_plan(rng)
        chain = damage_chain(plan)
        picture = plan.apply(fit(load(photo), self.max_pixels))
        record = Record(
            image=self.image,
            question=DAMAGE_QUESTION,
            answer=chain.answer,
            chain=render(chain),
            plan=plan,
            seed=seed,
            split=self.split,
            kind="vqa",
            topic="damage",
        )
        return picture, record


def damage_chain(plan: DegradationPlan) -> Chain:
    """Write the chain of a photograph of which nothing but its damage is known."""
    findings = findings_of(plan)
    does = [f"{finding.name.capitalize()} {EFFECTS[finding.name][0]}." for finding in findings]
    names = ", ".join(finding.name for finding in findings)
    return Chain(
        findings=findings,
        influence=" ".join(does) or "Nothing is damaged.",
        reasoning="Of this photograph nothing but the damage is known.",
        conclusion=f"The damage is {names}." if names else "There is no damage.",
        answer=names or "none",
    )


def scene_samples(split: str, first: int, count: int) -> list[Sample]:
    """Name `count` scenes of a split from index `first` on.

    Raises:
        InputError: an unknown split, or indices outside its range.
    """
    check_split(split)
    if first < 0 or count < 0 or first + count > len(SPLITS[split]):
        last = len(SPLITS[split]) - 1
        raise InputError(f"scenes {first} to {first + count - 1} leave the range 0 to {last}")
    return [Sample(split, index) for index in range(first, first + count)]


def photo_samples(
    folder: Path, split: str, seed: int, copies: int, max_pixels: int
) -> list[Sample]:
    """Name `copies` damaged copies of each photograph below a folder, in the order of their paths.

    Raises:
        InputError: an unknown split, no such folder, or one without pictures.
    """
    check_split(split)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one that holds photographs")
    below = (path.relative_to(folder) for path in files_below(folder))
    found = [path.as_posix() for path in below if is_picture(path)]
    if not found:
        raise InputError(f"{folder} holds no pictures; give a folder that does")
    return list(_copies(folder, found, Sample(split, 0, None, "", seed, max_pixels), copies))


def check_split(split: str) -> None:
    """Raise InputError for a split that scenes do not have."""
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}; use one of {', '.join(SPLITS)}")


def _copies(folder: Path, found: list[str], like: Sample, copies: int) -> Iterator[Sample]:
    for number in range(len(found) * copies):
        relative, copy = found[number // copies], number % copies
        yield Sample(
            like.split, number, folder / relative, f"{relative}:{copy}", like.seed, like.max_pixels
        )
