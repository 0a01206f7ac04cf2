"""Which questions a data set is made of: chosen by a seed, with their plans and pictures."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robust_r1.degradations import DegradationPlan, sample_plan
from robust_r1.degradations.plans import picture_rng
from robust_r1.errors import DataError, InputError
from robust_r1.records import AokvqaItem, read_aokvqa
from train.aokvqa.annotators import Task
from train.common.samples import IMAGES

VERSION = "aokvqa_v1p0"
# A data set's splits, by those of A-OKVQA; its test split has no answers.
SPLITS = {"train": "train", "validation": "val"}
USUAL = {"train": 10_000, "validation": 1_000}  # samples of each, as the paper has them
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")  # of a question, which becomes the name of a file


@dataclass(frozen=True)
class Questions:
    """Hold the questions of one split in the order in which they are taken, and how many count.

    Attributes:
        split: "train" or "validation".
        items: all that the split has; those after the first `wanted` stand in for rejected ones.
        wanted: how many samples shall come of them.
    """

    split: str
    items: tuple[AokvqaItem, ...]
    wanted: int

    @property
    def sha256(self) -> str:
        """Return the digest of the questions, their options, answers and rationales."""
        by_name = sorted(self.items, key=lambda item: item.question_id)
        return hashlib.sha256(repr(by_name).encode()).hexdigest()


def choose(folder: Path, split: str, wanted: int | None, seed: int) -> Questions:
    """Read a split of A-OKVQA and put its questions into the order that a seed gives.

    Args:
        folder: holds `aokvqa_v1p0_train.json` and `aokvqa_v1p0_val.json`.
        split: a key of SPLITS.
        wanted: samples; None for as many as the paper has, or all where there are fewer.

    Raises:
        InputError: there are not so many questions.
        DataError: the file is not there, of another version, or broken; a question is there twice.
    """
    path = folder / f"{VERSION}_{SPLITS[split]}.json"
    if not path.is_file():
        others = sorted(other.name for other in folder.glob(f"aokvqa*_{SPLITS[split]}.json"))
        holds = f" (it holds {others[0]}, of another version)" if others else ""
        raise DataError(f"{folder} has no {path.name}{holds}; unpack A-OKVQA {VERSION[-4:]} there")
    items = read_aokvqa(path)
    _check(items, path, SPLITS[split])
    if wanted is not None and wanted > len(items):
        flag = "samples" if split == "train" else split
        raise InputError(f"{path} has {len(items)} questions; give --{flag} that many at most")
    items.sort(key=lambda item: hashlib.sha256(f"{seed}:{item.question_id}".encode()).digest())
    wanted = min(len(items), USUAL[split]) if wanted is None else wanted
    return Questions(split, tuple(items), wanted)


def _check(items: Sequence[AokvqaItem], path: Path, split: str) -> None:
    counted = Counter(item.question_id for item in items)
    for item in items:
        name = item.question_id
        if counted[name] > 1:
            raise DataError(f"{path}: the question {name!r} is there twice; take it out once")
        if not _NAME.fullmatch(name):
            raise DataError(f"{path}: {name!r} can be no file's name; rename the question")
        if item.correct_choice is None or item.split != split:
            raise DataError(f"{path}: the question {name!r} is none of {split}; mend the file")


def draw(
    item: AokvqaItem, split: str, seed: int, clean_share: float, pictures: Path, folder: Path
) -> Task:
    """Draw the damage of a question, from the seed and the question's name alone.

    Args:
        clean_share: chance of no damage; the paper damages all.
        pictures: COCO's folder.
        folder: the data set's.
    """
    rng = picture_rng(seed, item.question_id)
    undamaged = rng.random() < clean_share
    plan = DegradationPlan() if undamaged else sample_plan(rng)
    image = image_of(split, item.question_id)
    return Task(item, split, plan, seed, image, pictures / item.image, folder / image)


def image_of(split: str, question_id: str) -> str:
    """Return the damaged picture's file, relative to the data set's folder."""
    return f"{IMAGES}/{split}_{question_id}.png"


def check_pictures(questions: Questions, pictures: Path) -> None:
    """Make sure that the pictures of the wanted questions are there.

    Raises:
        DataError: some are not; the text counts them and names the first.
    """
    names = [item.image for item in questions.items[: questions.wanted]]
    missing = [name for name in names if not (pictures / name).is_file()]
    if missing:
        archive = f"{missing[0].partition('/')[0]}.zip"
        raise DataError(
            f"{len(missing)} of {len(names)} pictures are not in {pictures} (the first is "
            f"{missing[0]}); unpack COCO's {archive} there"
        )
