"""Make a data set of A-OKVQA: damage, annotate, check, and keep what was done after each sample.

A rejected sample is kept with its reasons, and the next question of the same split stands in for
it, so that a set has as many samples as were asked for. What comes out depends on the questions,
the seed and the replies alone: neither on the number of workers nor on interruptions.
"""

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robust_r1.chain import render
from robust_r1.errors import DataError, InputError, ModelError, RobustR1Error
from robust_r1.records import AokvqaItem, Record, record_to_json
from robust_r1.records.lines import json_line, json_lines, opened, unwritable, write_whole
from train.aokvqa.annotators import Annotator, Task, Unusable
from train.aokvqa.asking import StillOpen
from train.aokvqa.damage import damage_all
from train.aokvqa.questions import Questions, draw, image_of
from train.common.checks import faults_of
from train.common.journal import Journal
from train.common.samples import IMAGES

MANIFEST, REJECTS = "manifest.json", "rejects.jsonl"
# What is done so far: a line for each sample. Gone when all are.
JOURNAL, SETTINGS = "unfinished.jsonl", "unfinished.json"
MOST_REJECTED = 0.5  # of the samples: beyond, the annotator is no use
JUDGED_FROM = 20  # samples; before, a few rejected ones say little
GONE_AFTER = 8  # samples without a reply, one after the other: nobody is there

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """Say what is built: from which questions and pictures, how damaged, and where.

    Attributes:
        questions: of each split.
        pictures: COCO's folder, which holds `train2017` and `val2017`.
        seed: what choice and damage are drawn from.
        clean_share: chance of a picture without damage.
        max_pixels: what a picture is fitted to before it is damaged.
        folder: of the data set.
        jobs: processes that damage pictures.
    """

    questions: tuple[Questions, ...]
    pictures: Path
    seed: int
    clean_share: float
    max_pixels: int
    folder: Path
    jobs: int = 1

    def settings(self, annotator: Annotator) -> dict[str, Any]:
        """Return what fixes the samples, so that two different sets never share a folder."""
        return {
            "questions": {one.split: one.sha256 for one in self.questions},
            "samples": {one.split: one.wanted for one in self.questions},
            "seed": self.seed,
            "clean_share": self.clean_share,
            "max_pixels": self.max_pixels,
            "annotator": {"name": annotator.name, **annotator.settings},
        }

    def task(self, item: AokvqaItem, split: str) -> Task:
        """Return the task of a question."""
        return draw(item, split, self.seed, self.clean_share, self.pictures, self.folder)


def begin(folder: Path, settings: Mapping[str, Any]) -> bool:
    """Make the folder ready, or take up what it holds; tell whether it is complete.

    Raises:
        InputError: it holds another data set.
        DataError: it cannot be written, or read.
    """
    for name in (MANIFEST, SETTINGS):
        if (folder / name).is_file() and (wrong := _differences(folder / name, settings)):
            raise InputError(
                f"{folder} holds another data set ({wrong}); give another folder with -o"
            )
    if (folder / MANIFEST).is_file():
        return True
    try:
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    write_whole(folder / SETTINGS, [json_line({"settings": settings})])
    return False


def _differences(path: Path, settings: Mapping[str, Any]) -> str:
    found = read_json(path).get("settings")
    found = found if isinstance(found, dict) else {}
    names = dict.fromkeys((*settings, *found))
    return ", ".join(f"other {name}" for name in names if settings.get(name) != found.get(name))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of ours; raises DataError where it is damaged."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} could not be read ({error}); remove it and run again") from error
    return value if isinstance(value, dict) else {}


class Builder:
    """Build a data set in its folder, which is held and begun; a context manager."""

    def __init__(self, plan: Plan, annotator: Annotator, show: Progress | None = None) -> None:
        """Open the journals of what is done and of what is rejected."""
        self._plan, self._annotator = plan, annotator
        self._show = show or (lambda what, done, total: None)
        self._stack = contextlib.ExitStack()
        self.done = self._open(JOURNAL)
        self.rejected = self._open(REJECTS)
        self._silent: list[ModelError] = []
        self._silent_in_a_row = 0
        self._counted = 0

    def __enter__(self) -> "Builder":
        """Return the builder."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the journals."""
        self._stack.close()

    def _open(self, name: str) -> Journal:
        return self._stack.enter_context(Journal(self._plan.folder / name, "question_id"))

    async def build(self) -> None:
        """Make all samples that are still open.

        Raises:
            ModelError: the endpoint is gone, or samples stay open; more than MOST_REJECTED of the
                samples are rejected.
            DataError: something cannot be written.
        """
        for questions in self._plan.questions:
            while tasks := self._missing(questions):
                self._counted = questions.wanted - len(tasks)
                tasks = list(self._damaged(tasks))
                with _first_error():
                    await self._annotate(tasks, questions)
                if self._silent:
                    count = len(self._silent)
                    raise ModelError(
                        f"samples that got no reply: {count}; the same command asks again "
                        f"({self._silent[0]})"
                    )
        self._judge()

    def _missing(self, questions: Questions) -> list[Task]:
        """Return the next tasks: of all that may still be taken, as many as samples are missing."""
        plan, missing = self._plan, []
        taken = questions.wanted
        for item in questions.items:
            if taken == 0:
                break
            if item.question_id in self.rejected:
                continue
            taken -= 1
            if item.question_id not in self.done:
                missing.append(plan.task(item, questions.split))
        return missing

    def _damaged(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Yield the tasks whose pictures could be damaged; the others are rejected."""
        damaged = damage_all(tasks, self._plan.max_pixels, self._plan.jobs)
        with contextlib.closing(damaged):
            for number, (task, wrong) in enumerate(damaged, 1):
                self._show("pictures", number, len(tasks))
                if wrong:
                    self._reject(task, [f"the picture cannot be used: {wrong}"], "")
                else:
                    yield task

    async def _annotate(self, tasks: Sequence[Task], questions: Questions) -> None:
        waiting = iter(tasks)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._annotator.at_once, len(tasks))):
                group.create_task(self._work(waiting, questions))

    async def _work(self, waiting: Iterator[Task], questions: Questions) -> None:
        for task in waiting:
            try:
                record = self._record(task, render(await self._annotator.annotate(task)))
                band = self._annotator.lengths.band(task.plan.total_intensity)
                if faults := faults_of(record, band):
                    raise Unusable(faults, record.chain)
                self.done.add(record_to_json(record))
                self._counted, self._silent_in_a_row = self._counted + 1, 0
            except (Unusable, InputError) as fault:  # InputError: a tag inside a section
                reasons = fault.reasons if isinstance(fault, Unusable) else (str(fault),)
                self._reject(task, reasons, getattr(fault, "draft", ""))
            except StillOpen as still:
                self._silent_in_a_row += 1
                if still.gone or self._silent_in_a_row >= GONE_AFTER:
                    raise ModelError(f"{still.fault} The same command goes on.") from None
                self._silent.append(still.fault)
            self._show(questions.split, self._counted, questions.wanted)

    def _record(self, task: Task, chain: str) -> Record:
        return Record(
            image=task.image,
            question=task.item.question,
            choices=task.item.choices,
            answer=str(task.number),
            chain=chain,
            plan=task.plan,
            seed=task.seed,
            split=task.split,
            kind="mcq",
            question_id=task.item.question_id,
            clean=task.item.image,
            rationales=task.item.rationales,
            annotator=self._annotator.name,
        )

    def _reject(self, task: Task, reasons: Iterable[str], draft: str) -> None:
        told = {"question_id": task.item.question_id, "split": task.split}
        self.rejected.add({**told, "reasons": list(reasons), "draft": draft})
        if len(self.rejected) + len(self.done) >= JUDGED_FROM:
            self._judge()

    def _judge(self) -> None:
        """Raise ModelError where too many samples are rejected."""
        judged = len(self.rejected) + len(self.done)
        if len(self.rejected) > MOST_REJECTED * judged:
            first = (self.rejected.get(name) or {} for name in self.rejected)
            why, count = Counter(_kind(one["reasons"][0]) for one in first).most_common(1)[0]
            raise ModelError(
                f"{len(self.rejected)} of the first {judged} samples were rejected, {count} of "
                f"them because: {why}; see {self._plan.folder / REJECTS}, then mend the prompts or "
                "take another model, in another folder"
            )


def _kind(reason: str) -> str:
    """Return the part of a reason that others share, short."""
    return reason.partition("'")[0].partition("(")[0].strip()[:100] or reason[:100]


@contextlib.contextmanager
def _first_error() -> Iterator[None]:
    """Raise the first of a group's errors in place of the group."""
    try:
        yield
    except* RobustR1Error as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


def finish(plan: Plan, builder: Builder, told: Mapping[str, Any]) -> dict[str, Any]:
    """Write a file for each split and the manifest; remove what was needed on the way.

    Args:
        told: what else the manifest says: settings, and the report of an endpoint.

    Returns:
        The manifest.
    """
    folder, kept = plan.folder, set[str]()
    files, samples = {}, {}
    for questions in plan.questions:
        names = [one.question_id for one in questions.items if one.question_id in builder.done]
        path = folder / f"{questions.split}.jsonl"
        write_whole(path, map(builder.done.line, names))
        files[path.name] = _digest(path)
        samples[questions.split] = len(names)
        kept |= {Path(image_of(questions.split, name)).name for name in names}
    rejects = [builder.rejected.get(name) or {} for name in builder.rejected]
    reasons = Counter(_kind(one["reasons"][0]) for one in rejects)
    rejected = {"rejected": len(rejects), "reasons": dict(reasons.most_common())}
    manifest = {**told, "samples": samples, **rejected, "sha256": files}
    write_whole(folder / MANIFEST, [json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"])
    for path in (folder / JOURNAL, folder / SETTINGS, *(folder / IMAGES).iterdir()):
        if path.parent == folder or path.name not in kept:  # pictures of rejected samples
            path.unlink(missing_ok=True)
    return manifest


def mend(plan: Plan) -> dict[str, Any]:
    """Damage again what pictures a complete set has lost, and return its manifest.

    Raises:
        DataError: a file of the set is lost or changed, or something cannot be written.
    """
    manifest = read_json(plan.folder / MANIFEST)
    for questions in plan.questions:
        path = plan.folder / f"{questions.split}.jsonl"
        if _digest(path) != manifest.get("sha256", {}).get(path.name):
            raise DataError(f"{path} is not as it was written; remove {MANIFEST} and run again")
        names = {value["question_id"] for _, value in json_lines(path)}
        items = [item for item in questions.items if item.question_id in names]
        tasks = [plan.task(item, questions.split) for item in items]
        lost = [task for task in tasks if not task.damaged.is_file()]
        for task, wrong in damage_all(lost, plan.max_pixels, plan.jobs):
            if wrong:
                raise DataError(f"{task.clean}: {wrong}")
    return manifest


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with opened(path) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
