"""Write a data set of degraded pictures with questions, answers and reference chains.

    python -m train.make_data --split train --scenes 1000 -o data/train
    python -m train.make_data --split train --photos photos --copies 4 --seed 7 -o data/photos
    python -m train.make_data --aokvqa aokvqa --coco coco --annotator rules -o data/aokvqa

The last builds the paper's set: A-OKVQA's questions about COCO's pictures, with chains by rules or
by a language model (train.aokvqa). Of scenes and photographs it writes into the folder:

    images/         the degraded pictures, PNG
    records.jsonl   the project's format (robust_r1.records.Record)
    authors.jsonl   the same samples in the authors' format, for their training code
    manifest.json   how it was made, how many of what, checksums

Interrupted at any moment, the same command goes on where it was. The same settings give the same
bytes, whatever the number of workers.
"""

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2

from robust_r1.degradations import SPECS
from robust_r1.errors import DataError, InputError, RobustR1Error
from robust_r1.images import encode_png
from robust_r1.records import Record, conversation_of, read_records, record_to_json, write_authors
from robust_r1.records.lines import json_line, unwritable, write_whole
from train.aokvqa.command import add_flags, is_asked_for, run
from train.common.journal import Journal, alone_in, write_bytes
from train.common.samples import IMAGES, Sample, photo_samples, scene_samples

RECORDS, AUTHORS, MANIFEST = "records.jsonl", "authors.jsonl", "manifest.json"
# What is done so far: a line for each sample whose picture is complete. Gone when all are.
JOURNAL = "unfinished.jsonl"
SETTINGS = "unfinished.json"
_BINS = 10  # of the histogram of intensities


def make_data(
    samples: Sequence[Sample],
    folder: Path,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Draw samples into a folder, going on where an interrupted call was.

    Args:
        samples: what to draw; the files keep this order.
        folder: made if it is not there.
        jobs: worker processes; 1 draws in this one.
        progress: called with (samples done, samples in all) after each.

    Returns:
        The manifest.

    Raises:
        InputError: the folder holds another data set, or another process writes there.
        DataError: a file cannot be written, or a worker was killed.
        ImageError: a photograph cannot be read.
    """
    settings = _settings(samples)
    with alone_in(folder):
        return _make(samples, folder, settings, jobs, progress)


def _make(
    samples: Sequence[Sample],
    folder: Path,
    settings: dict[str, Any],
    jobs: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    done = _begin(folder, settings)
    open_samples = [
        sample
        for sample in samples
        if sample.image not in done or not (folder / sample.image).is_file()
    ]
    finished = len(samples) - len(open_samples)
    with (
        Journal(folder / JOURNAL, "image") as journal,
        contextlib.closing(_drawn(open_samples, folder, jobs)) as drawn,
    ):
        for record in drawn:
            journal.add(record_to_json(record))
            done[record.image] = record
            finished += 1
            if progress:
                progress(finished, len(samples))
    return _finish(folder, settings, [done[sample.image] for sample in samples])


def draw_to(sample: Sample, folder: Path) -> Record:
    """Draw one sample and write its picture, whole or not at all."""
    cv2.setNumThreads(1)
    picture, record = sample.draw()
    write_bytes(folder / sample.image, encode_png(picture))
    return record


def _drawn(samples: Sequence[Sample], folder: Path, jobs: int) -> Generator[Record, None, None]:
    """Yield the records in the order of the samples, each after its picture is there."""
    if jobs == 1 or len(samples) < 2:
        for sample in samples:
            yield draw_to(sample, folder)
        return
    # Spawned, because OpenCV's threads do not survive a fork.
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(draw_to, samples, [folder] * len(samples))
    except BrokenProcessPool as error:
        raise DataError("a worker was stopped, for want of memory perhaps; run it again") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _settings(samples: Sequence[Sample]) -> dict[str, Any]:
    """Describe the samples so that two different sets never share a folder."""
    if not samples:
        raise InputError("no samples were asked for; give --scenes or --photos")
    names = "\n".join(repr((s.image, s.name, s.seed, s.max_pixels)) for s in samples)
    return {"samples": len(samples), "sha256": hashlib.sha256(names.encode()).hexdigest()}


def _begin(folder: Path, settings: dict[str, Any]) -> dict[str, Record]:
    """Make the folder, or take up what it holds: the records of what is done, by picture."""
    for name in (MANIFEST, SETTINGS):
        if (folder / name).is_file() and _read_json(folder / name).get("settings") != settings:
            raise InputError(f"{folder} holds another data set; give another folder with -o")
    try:
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    with Journal(folder / JOURNAL, "image"):
        """Cut off what a crash left of its last line."""
    if not (folder / MANIFEST).is_file():
        write_whole(folder / SETTINGS, [json_line({"settings": settings})])
    found: list[Record] = []
    for name in (RECORDS, JOURNAL):
        found += read_records(folder / name) if (folder / name).is_file() else []
    return {record.image: record for record in found}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} could not be read ({error}); remove it and run again") from error
    return value if isinstance(value, dict) else {}


def _finish(folder: Path, settings: dict[str, Any], records: list[Record]) -> dict[str, Any]:
    lines = [json_line(record_to_json(record)) for record in records]
    write_whole(folder / RECORDS, lines)
    write_authors(folder / AUTHORS, map(conversation_of, records))
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in (RECORDS, AUTHORS)
    }
    manifest = {"settings": settings, **summary(records), "sha256": files}
    write_whole(folder / MANIFEST, [json.dumps(manifest, indent=1) + "\n"])
    for name in (JOURNAL, SETTINGS):
        (folder / name).unlink(missing_ok=True)
    return manifest


def summary(records: Sequence[Record]) -> dict[str, Any]:
    """Count what a data set holds: splits, kinds, topics, seeds and the distribution of plans."""
    steps = [step for record in records for step in record.plan.steps]
    by_id = {spec.id: [s.intensity for s in steps if s.id == spec.id] for spec in SPECS}
    bins = Counter(min(int(step.intensity * _BINS), _BINS - 1) for step in steps)
    seeds = [record.seed for record in records]
    totals = [record.plan.total_intensity for record in records]
    return {
        "splits": _counts(record.split for record in records),
        "kinds": _counts(record.kind for record in records),
        "topics": _counts(record.topic for record in records),
        "seeds": {"lowest": min(seeds), "highest": max(seeds), "distinct": len(set(seeds))},
        "plans": {
            "by_number_of_degradations": _counts(str(len(record.plan)) for record in records),
            "mean_total_intensity": round(sum(totals) / len(totals), 4),
            "intensities_in_tenths": [bins[number] for number in range(_BINS)],
            "by_degradation": {
                id: {"count": len(values), "mean_intensity": round(sum(values) / len(values), 4)}
                for id, values in by_id.items()
                if values
            },
        },
    }


def _counts(values: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="train", help="train, validation or test")
    parser.add_argument("--scenes", type=int, default=0, help="number of scenes")
    parser.add_argument("--first", type=int, default=0, help="index of the first scene")
    parser.add_argument("--photos", type=Path, help="folder of photographs to damage")
    parser.add_argument("--copies", type=int, default=1, help="damaged copies of each photograph")
    parser.add_argument("--seed", type=int, default=0, help="what is drawn for photographs")
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=1024 * 1024,
        help="photographs are fitted to this before they are damaged, as for a model",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder of the data set")
    add_flags(parser)
    return parser.parse_args(arguments)


def check_numbers(arguments: argparse.Namespace) -> None:
    """Raise InputError for a number of the command line that is too small."""
    least = {"scenes": 0, "first": 0, "copies": 1, "seed": 0, "max_pixels": 1, "jobs": 1}
    for name, low in (least | {"samples": 0, "validation": 0, "at_once": 1}).items():
        value = getattr(arguments, name)
        if value is not None and value < low:
            flag = name.replace("_", "-")
            raise InputError(f"--{flag} is {value}; give {low} or more")


def samples_of(arguments: argparse.Namespace) -> list[Sample]:
    """Name the samples that a command line asks for.

    Raises:
        InputError: an unknown split, a missing folder, scenes that are not there.
    """
    found = scene_samples(arguments.split, arguments.first, arguments.scenes)
    if arguments.photos is not None:
        found += photo_samples(
            arguments.photos,
            arguments.split,
            arguments.seed,
            arguments.copies,
            arguments.max_pixels,
        )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the data set; 2 on bad input, 130 when interrupted."""
    options = parse_arguments(arguments)
    show = _show if sys.stderr.isatty() else None
    try:
        check_numbers(options)
        if is_asked_for(options):
            told = run(options)
        else:
            make_data(samples := samples_of(options), options.output, options.jobs, show)
            told = f"{options.output}: {len(samples)} samples"
    except RobustR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(f"{told}; see {MANIFEST}")
    return 0


def _show(done: int, total: int) -> None:
    print(f"\r{done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
