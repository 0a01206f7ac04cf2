"""What a saved answer keeps of its case, where a benchmark would draw it again."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from robust_r1 import images
from robust_r1.chain import format_question
from robust_r1.engine.types import GenerationSettings, Turn
from robust_r1.evaluation.cases import Case

SAVED = "saved answers"  # what such runs are of
SET = "as set"  # the level of a picture under the plan that somebody set: no strength of a scale
PICTURES = "pictures"  # the folder of the pictures, in the run's own
# A name that leads out of the folder is none.
_FILE = re.compile(r"[a-z0-9-]+\.png")


@dataclass(frozen=True)
class Kept:
    """Hold the circumstances of one saved answer.

    Attributes:
        picture: file of the undamaged picture, as the model saw it before the damage.
        further: files of those that were shown after it.
        turns: the earlier turns that the model was given.
        template: the prompt; empty for the model's own.
        settings: how the answer was generated.
        example: id of the page's own picture; empty for somebody's own.
        seed: what the seeds of the plan's steps are derived from.
    """

    picture: Path
    further: tuple[Path, ...]
    turns: tuple[Turn, ...]
    template: str
    settings: GenerationSettings
    example: str
    seed: int

    @property
    def whole(self) -> bool:
        """Tell whether all pictures are still here."""
        return all(file.is_file() for file in (self.picture, *self.further))

    def to_values(self) -> dict:
        """Return it as JSON values; files by their names."""
        return {
            **asdict(self),
            "picture": self.picture.name,
            "further": [file.name for file in self.further],
        }

    @classmethod
    def from_values(cls, values: dict, run: Path) -> "Kept":
        """Read what `to_values` wrote for a run's folder; raise ValueError for other names."""
        names = [values["picture"], *values["further"]]
        if not all(isinstance(name, str) and _FILE.fullmatch(name) for name in names):
            raise ValueError("a picture's name must be small letters, digits and hyphens, .png")
        first, *further = (run / PICTURES / name for name in names)
        turns = tuple(Turn(turn["question"], turn["answer"]) for turn in values["turns"])
        settings = GenerationSettings(**values["settings"])
        more = (values["template"], settings, values["example"], values["seed"])
        return cls(first, tuple(further), turns, *more)


def case_of_row(row) -> Case | None:
    """Return the case of a row that keeps its own; None where a picture is no longer here."""
    kept = row.kept
    if kept is None or not kept.whole:
        return None
    return Case(
        id=row.id, source=row.source, task=row.task, level=row.level, question=row.question,
        prompt=format_question(row.question, row.choices), choices=row.choices, answer=row.truth,
        plan=row.plan, picture=lambda: images.load(kept.picture), seed=kept.seed,
        example=kept.example, turns=kept.turns, template=kept.template,
        further=tuple(lambda file=file: images.load(file) for file in kept.further),
    )  # fmt: skip
