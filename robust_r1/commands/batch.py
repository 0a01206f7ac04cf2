"""Degrade many pictures into a folder, with a manifest that makes the work resumable.

`manifest.jsonl` holds a line for each picture written: source, its size in bytes, output (relative
to the folder), plan, seed, and the level or JPEG quality where there is one. A line is appended
only after its picture is complete, so whatever the manifest names is there and whole.

A source is the same as before where its path within the folder that was given is, and its size: the
folder itself may have been spelled otherwise, or have moved since. Earlier manifests have no sizes.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image

from robust_r1.commands.processes import in_order
from robust_r1.degradations import DegradationPlan
from robust_r1.errors import DataError, InputError, RobustR1Error
from robust_r1.images import encode_png, is_picture, load

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Job:
    """Describe one picture to write: where from, where to (relative to the folder), and how.

    Attributes:
        relative: the source's path within what was given.
    """

    source: Path
    relative: str
    output: str
    plan: DegradationPlan
    seed: int
    level: str | None = None
    quality: int | None = None

    def made(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a line of a manifest is about this job, wherever the source lay then."""
        mine, parts = self.record(), PurePath(self.relative).parts
        known = {"bytes": mine["bytes"], **record}  # earlier versions did not note it
        same = all(known.get(key) == value for key, value in mine.items() if key != "source")
        there = PurePath(str(record.get("source"))).parts
        return same and known.keys() == mine.keys() and there[-len(parts) :] == parts

    def record(self) -> dict[str, Any]:
        """Return the manifest's line for this job."""
        record: dict[str, Any] = {"source": str(self.source), "bytes": _size(self.source)}
        record |= {"output": self.output}
        record |= {"plan": json.loads(self.plan.to_json()), "seed": self.seed}
        extras = {"level": self.level, "quality": self.quality}
        return record | {key: value for key, value in extras.items() if value is not None}


@dataclass(frozen=True)
class Outcome:
    """Tell what became of a job: "written", "skipped" (was there already) or "failed"."""

    job: Job
    state: str
    error: str = ""


def find_pictures(inputs: Iterable[Path], out: Path) -> list[tuple[Path, str]]:
    """List the pictures to degrade with their paths relative to the input that named them.

    Folders are searched by the names of files, in sorted order, without following links and without
    `out`, which may lie inside. Raises InputError for a path that does not exist and a folder
    without pictures.
    """
    found: dict[Path, str] = {}
    for path in inputs:
        if path.is_dir():
            inside = list(_walk(path, out.resolve()))
            if not inside:
                raise InputError(f"{path} holds no pictures; give a folder that does, or files.")
            for picture in inside:
                found.setdefault(picture, picture.relative_to(path).as_posix())
        elif path.exists():
            found.setdefault(path, path.name)
        else:
            raise InputError(f"{path} does not exist; check the path.")
    return list(found.items())


def _walk(folder: Path, out: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if (here / name).resolve() != out)
        for name in sorted(files):
            if is_picture((here / name).relative_to(folder)):
                yield here / name


def check_jobs(jobs: Sequence[Job], out: Path) -> None:
    """Refuse jobs that would write one file twice or write over a source (InputError)."""
    sources = {job.source.resolve(): job.source for job in jobs}
    taken: dict[str, Path] = {}
    for job in jobs:
        # Some file systems do not tell a.png from A.PNG.
        other = taken.setdefault(job.output.casefold(), job.source)
        if other != job.source:
            raise InputError(
                f"{other} and {job.source} would both become {out / job.output}; "
                "rename one or give them separate folders with -o."
            )
        if source := sources.get((out / job.output).resolve()):
            raise InputError(f"{source} would be written over; give another folder with -o.")


def run_jobs(
    jobs: Sequence[Job], out: Path, workers: int, report: Callable[[Outcome], None]
) -> list[Outcome]:
    """Do the jobs that the folder's manifest does not name yet, and append each to it.

    A picture that cannot be read fails alone. `report` gets each outcome in the order of the jobs.
    Raises InputError where the folder already holds one of the outputs made in another way, and
    DataError for a broken manifest.
    """
    out.mkdir(parents=True, exist_ok=True)
    manifest = out / MANIFEST
    done = _read_manifest(manifest)
    for job in jobs:
        there = done.get(job.output)
        if there is not None and not job.made(there):
            raise InputError(
                f"{out / job.output} was made from another source or with other settings; "
                "give another folder with -o, or remove this one."
            )
    there_yet = {job.output for job in jobs if job.output in done and (out / job.output).exists()}
    made = in_order(partial(_make, out), (j for j in jobs if j.output not in there_yet), workers)
    outcomes = []
    with contextlib.closing(made):
        for job in jobs:
            outcome = Outcome(job, "skipped") if job.output in there_yet else next(made)
            if outcome.state == "written" and job.output not in done:
                _append(manifest, job.record())
            report(outcome)
            outcomes.append(outcome)
    return outcomes


def _make(out: Path, job: Job) -> Outcome:
    target = out / job.output
    try:
        write_picture(job.plan.apply(load(job.source)), target, job.quality)
    except RobustR1Error as error:
        return Outcome(job, "failed", str(error))
    return Outcome(job, "written")


def write_picture(image: np.ndarray, target: Path, quality: int | None = None) -> None:
    """Write a picture (uint8, H x W x 3) whole or not at all: PNG, or JPEG of a quality 1 to 100.

    JPEG keeps the full resolution of the colors, so that it adds as little damage as it can.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        if quality is None:
            part.write_bytes(encode_png(image))
        else:
            Image.fromarray(image).save(part, "JPEG", quality=quality, subsampling=0)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    text = path.read_text("utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        # A line cut off by a crash: its picture is simply made again.
        os.truncate(path, len(whole.encode()))
    done = {}
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            record = json.loads(line)
            done[record["output"]] = record
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"{path}:{number} is not a line of a manifest; give another folder with -o."
            ) from None
    return done


def _size(path: Path) -> int | None:
    """Return a file's size in bytes; None where it cannot be told."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _append(path: Path, record: dict[str, Any]) -> None:
    line = (json.dumps(record) + "\n").encode()
    # One write to a file opened for appending: a line is there whole, or it is not there.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)
