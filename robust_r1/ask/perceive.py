"""What is wrong with a picture: the model's findings alone, without a question of anybody's."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from robust_r1.ask.case import Case
from robust_r1.ask.picture import Picture, load_picture
from robust_r1.ask.pipeline import request_of
from robust_r1.chain import Finding
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, Engine
from robust_r1.engine.eyes import LOOK, look_at
from robust_r1.errors import RobustR1Error


@dataclass(frozen=True)
class Perceived:
    """Tell what a model perceived in one file.

    Attributes:
        name: what the file is called.
        picture: names its pixels.
        width, height: of the picture, in pixels; 0 where it cannot be read.
        findings: what the model named; None where it did not look, as where it was stopped.
        problem: one sentence about a file that cannot be read; else empty.
    """

    name: str
    picture: Picture
    width: int = 0
    height: int = 0
    findings: tuple[Finding, ...] | None = None
    problem: str = ""


def perceive(
    engine: Engine,
    picture: Picture,
    plan: DegradationPlan | None = None,
    stop: threading.Event | None = None,
) -> tuple[Finding, ...] | None:
    """Return what a model finds wrong with a picture under a plan; None where it was stopped.

    The model is heard as far as the end of its list of findings, and no further. Raises
    RobustR1Error where the picture or the model fails.
    """
    request = request_of(engine, Case(picture, plan or DegradationPlan(), LOOK))
    with closing(engine.stream(look_at(request.images[0]), None, stop)) as events:
        for event in events:
            if isinstance(event, Answer):
                return None if event.finish == "stopped" else event.parsed.chain.findings
    return None


def perceive_files(
    engine: Engine, files: Sequence[str | Path], stop: threading.Event | None = None
) -> Iterator[Perceived]:
    """Yield for each file what is wrong with it; one that cannot be read keeps no other from it."""
    for file in files:
        picture = Picture(path=str(file))
        name = Path(file).name
        try:
            height, width = load_picture(picture).shape[:2]
            found = None if stop and stop.is_set() else perceive(engine, picture, stop=stop)
        except RobustR1Error as error:
            yield Perceived(name, picture, problem=str(error))
        else:
            yield Perceived(name, picture, width, height, found)
