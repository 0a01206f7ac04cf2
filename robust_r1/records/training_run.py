"""What a run of training leaves in its folder, also while it is still written.

    log.jsonl       what its trainer measured, an object for each time that it did
    warmup.jsonl    the same of an encoder's warm-up
    samples.jsonl   what the model said, an object for each completion
    recipe.json     the settings that it was begun with
    history.json    the stages that its weights went through

`train/README.md` fixes their keys. One of the first three makes a folder a run's. What was written
by earlier versions has fewer keys. A last line without its end is still being written and left for
the next look; a damaged one is left out and told.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from robust_r1.errors import DataError
from robust_r1.records.lines import opened

LOG, WARMUP, SAMPLES = "log.jsonl", "warmup.jsonl", "samples.jsonl"
RECIPE, HISTORY = "recipe.json", "history.json"
FILES = (LOG, WARMUP, SAMPLES)
Kind = Literal["trained", "watched", "greedy"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Not measured, but where a row stands.
_PLACE = ("step", "of", "seconds")
_REWARD = "_reward"  # the end of a reward's name, as trainers write it
_MOST = 10**15  # nothing that is measured or counted is larger
_SHORT = 12  # hex digits that name a prompt which its rows do not name


@dataclass(frozen=True)
class Measured:
    """Hold what was measured at a step, by name; None is what was no number, as of a lost run."""

    step: int
    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Said:
    """Hold one completion and what it was worth.

    Attributes:
        kind: "trained" of a group that a step learned from, "watched" of a group sampled for a
            fixed prompt, "greedy" the likeliest completion for a fixed prompt.
        step: optimizer steps that the model had made.
        sample: names the prompt, the same wherever it is asked again.
        question: in words, with its numbered options.
        solution: the true chain.
        completion: what the model wrote.
        member: place in its group, from 0.
        tokens: its length; None where nobody counted.
        rewards: each by its name ("degradation"), unweighted; None is one that did not apply.
        reward: their weighted sum, where it was written down.
        advantage: by how much it was reinforced, where that was written down.
        picture: the picture's file, which may be gone; empty where there was none. A path that is
            not absolute begins at the folder of the run.
        split: "train" or "validation"; empty where nobody said.
    """

    kind: Kind
    step: int
    sample: str
    question: str
    solution: str
    completion: str
    member: int = 0
    tokens: int | None = None
    rewards: Mapping[str, float | None] = field(default_factory=dict)
    reward: float | None = None
    advantage: float | None = None
    picture: str = ""
    split: str = ""


@dataclass(frozen=True)
class TrainingRun:
    """Hold a run of training.

    Attributes:
        folder: of the run.
        log, warmup: what was measured, every step once, in order.
        planned: the steps that the run is to have; None where its log does not say.
        seconds: that it has taken, all its starts together.
        said: completions, in the order of their steps.
        settings: of the recipe, by name as "grpo.beta"; empty where none was kept.
        stages: what the weights went through, in order.
        problems: one sentence for each file that is damaged.
    """

    folder: Path
    log: tuple[Measured, ...] = ()
    warmup: tuple[Measured, ...] = ()
    planned: int | None = None
    seconds: float = 0.0
    said: tuple[Said, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def step(self) -> int:
        """Return the last step that anything is known of."""
        ends = [row.step for row in self.log[-1:]] + [said.step for said in self.said[-1:]]
        return max(ends, default=0)

    @property
    def weights(self) -> Mapping[str, float]:
        """Return what each reward counts in their sum; empty where no recipe says so."""
        found = self.settings.get("grpo.rewards")
        return found if isinstance(found, dict) else {}


def is_training_run(folder: str | Path) -> bool:
    """Tell whether a folder holds what a run of training writes."""
    return any((Path(folder) / name).is_file() for name in FILES)


def read_training_run(folder: str | Path) -> TrainingRun:
    """Read a run of training; what is damaged in it is left out and told in its problems.

    Raises:
        DataError: the folder is no run of training, or the system will not read it.
    """
    folder = Path(folder)
    if not is_training_run(folder):
        raise DataError(
            f"{folder} holds no run of training: there is no {', '.join(FILES[:-1])} or "
            f"{FILES[-1]} in it; give the folder that a training command was given with -o"
        )
    problems: list[str] = []
    log, warmup, said = (list(_objects(folder / name, problems)) for name in FILES)
    return TrainingRun(
        folder,
        log=_measured(log),
        warmup=_measured(warmup),
        planned=next((row["of"] for row in reversed(log) if _is_count(row.get("of"))), None),
        seconds=_seconds(log),
        said=_completions(said, folder),
        settings=_mapping(_whole(folder / RECIPE, problems), "settings"),
        stages=_stages(_whole(folder / HISTORY, problems)),
        problems=tuple(problems),
    )


def _objects(path: Path, problems: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file that has a line for each; damaged lines are told at its end."""
    if not path.is_file():
        return
    with opened(path) as file:
        lines = file.read().split(b"\n")
    broken = []
    for number, line in enumerate(lines, 1):
        row = _parse(line)
        if isinstance(row, dict) and _is_count(row.get("step")):
            yield row
        elif line.strip() and number < len(lines):  # the last one may be on its way
            broken.append(number)
    if broken:
        which = f"line {broken[0]}" if len(broken) == 1 else f"{len(broken)} lines"
        first = "" if len(broken) == 1 else f", the first of them line {broken[0]},"
        verb = "is" if len(broken) == 1 else "are"
        problems.append(f"Of {path.name} {which}{first} {verb} damaged and left out.")


def _parse(text: bytes) -> Any:
    """Parse JSON; what is no number in it becomes None, and what is no JSON too."""
    try:
        return json.loads(text.decode("utf-8"), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _whole(path: Path, problems: list[str]) -> Any:
    """Read a file that holds one value; None where it is not there, or damaged, which is told."""
    if not path.is_file():
        return None
    with opened(path) as file:
        value = _parse(file.read())
    if value is None:
        problems.append(f"{path.name} is damaged, so what it says is not known.")
    return value


def _measured(rows: Sequence[Mapping[str, Any]]) -> tuple[Measured, ...]:
    """Return what was measured by step.

    A run that was killed goes on from its last checkpoint and takes the steps after it once more:
    what they measured before is of no weights that there are.
    """
    known: dict[int, dict[str, float | None]] = {}
    for row in _going_on(rows, known):
        values = {
            key: _number(value)
            for key, value in row.items()
            if key not in _PLACE and (value is None or _is_number(value))
        }
        known.setdefault(row["step"], {}).update(values)
    return tuple(Measured(step, known[step]) for step in sorted(known))


def _going_on(
    rows: Sequence[Mapping[str, Any]], known: dict[int, Any]
) -> Iterator[Mapping[str, Any]]:
    """Yield rows; where their steps go back, forget what is known from there on."""
    before = 0
    for row in rows:
        if row["step"] < before:
            for step in [step for step in known if step >= row["step"]]:
                del known[step]
        before = row["step"]
        yield row


def _completions(rows: Sequence[Mapping[str, Any]], folder: Path) -> tuple[Said, ...]:
    known: dict[int, dict[tuple[str, str, int], Said]] = {}
    for row in _going_on(rows, known):
        if not isinstance(row.get("completion"), str):
            continue
        group = known.setdefault(row["step"], {})
        said = _said(row, folder)
        member = said.member
        if "member" not in row:  # an earlier version's: in order
            alike = [key for key in group if key[:2] == (said.kind, said.sample)]
            member = len(alike)
        group[said.kind, said.sample, member] = said
    return tuple(said for step in sorted(known) for said in known[step].values())


def _said(row: Mapping[str, Any], folder: Path) -> Said:
    rewards = {
        key.removesuffix(_REWARD): _number(value)
        for key, value in row.items()
        if key.endswith(_REWARD) and (value is None or _is_number(value))
    }
    question, solution = _text(row, "question") or _text(row, "prompt"), _text(row, "solution")
    kind = row.get("kind")
    tokens = row.get("tokens")
    return Said(
        kind=kind if kind in KINDS else "trained" if rewards else "greedy",
        step=row["step"],
        sample=_text(row, "sample") or _digest(question, solution),
        question=question,
        solution=solution,
        completion=row["completion"],
        member=row["member"] if _is_count(row.get("member")) else 0,
        tokens=tokens if _is_count(tokens) else None,
        rewards=rewards,
        reward=_number(row.get("reward")),
        advantage=_number(row.get("advantage")),
        picture=str(folder / picture) if (picture := _text(row, "picture")) else "",
        split=_text(row, "split"),
    )


def _seconds(rows: Sequence[Mapping[str, Any]]) -> float:
    """Add up the seconds of all starts; with each they begin at 0."""
    times = [row["seconds"] for row in rows if _is_number(row.get("seconds"))]
    ends = [now for now, after in zip(times, [*times[1:], -1], strict=False) if after < now]
    return float(sum(ends))


def _stages(value: Any) -> tuple[str, ...]:
    rows = value if isinstance(value, list) else []
    return tuple(_text(row, "stage") for row in rows if isinstance(row, dict))


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:_SHORT]


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if not _is_number(value) or abs(value) > _MOST:
        return None
    return float(value) if math.isfinite(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
