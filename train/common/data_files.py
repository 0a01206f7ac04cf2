"""Read training data in every shape: ours, the authors', ShareGPT, parquet as the Hub has it.

A sample's picture is looked for where people put it: beside the file, in `train_images` beside
`train.jsonl` as on the Hub, in `images`, or in the folders given; by its whole name, then by its
last part.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from robust_r1.errors import DataError, InputError
from robust_r1.records import Record, authors_lines, record_of, sharegpt_entries
from robust_r1.records.conversations import Conversation
from robust_r1.records.lines import Place, RecordError, json_lines
from robust_r1.records.project import check_record, record_of_json, strict_record
from robust_r1.records.sharegpt import is_list, is_sharegpt

SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
# Files of a folder that are no data: what a builder keeps, and the same samples once more.
_OTHERS = ("authors", "rejects", "replies", "unfinished")


@dataclass(frozen=True)
class Sample:
    """Join a record and its picture: the path of a file, or a file's bytes."""

    record: Record
    picture: Path | bytes


def read_samples(
    source: Path, pictures: Sequence[Path] = (), left_out: list[RecordError] | None = None
) -> Iterator[Sample]:
    """Yield the samples of a file or of a folder, one after the other.

    Args:
        source: a file of any format, or a folder with `train.jsonl` and the like, with one data
            file, or with parquet files.
        pictures: folders to look for pictures in; none for those near the file.
        left_out: takes what is wrong with a sample that cannot be used (a chain that does not
            parse, a picture that is not there, several pictures or questions); None to raise it.

    Raises:
        DataError: a file that is no data, or broken; without `left_out`, the first sample that
            cannot be used.
    """
    for path in data_files(source):
        for found in _samples(path, pictures):
            if not isinstance(found, RecordError):
                yield found
            elif left_out is None:
                raise found
            else:
                left_out.append(found)


def trained_on(sample: Sample, path: Path) -> Record:
    """Return the record of a sample that can be trained on, with a path that leads to its picture.

    Args:
        sample: of `read_samples`.
        path: of its file.

    Raises:
        DataError: there is no chain, or the picture is inside the file.
    """
    record = sample.record
    if not isinstance(sample.picture, Path):
        raise DataError(f"{path} has its pictures inside; turn it into ours by train.convert_data")
    if not record.chain:
        raise DataError(f"{path}: the sample of {record.image} has no chain to learn from")
    beside = record.picture(path.parent) == sample.picture
    return replace(record, image=record.image if beside else str(sample.picture.absolute()))


def data_files(source: Path) -> list[Path]:
    """Return the data files of a folder, training first; a file is its own.

    Raises:
        DataError: a folder without data, or with several files whose splits have no names.
    """
    if not source.is_dir():
        return [source]
    if parquet := sorted([*source.glob("data/*.parquet"), *source.glob("*.parquet")], key=_rank):
        return parquet
    named = [source / f"{split}.jsonl" for split in SPLITS]
    if named := [path for path in named if path.is_file()]:
        return named
    found = [
        path
        for path in sorted([*source.glob("*.jsonl"), *source.glob("*.json")])
        if path.stem not in _OTHERS and path.name not in ("manifest.json", "dataset_info.json")
    ]
    if len(found) == 1:
        return found
    names = ", ".join(path.name for path in found[:5]) or "no data file"
    raise DataError(f"{source} holds {names}; give the file that has the samples")


def _stem(path: Path) -> str:
    return path.stem.partition("-")[0]


def _rank(path: Path) -> tuple[int, str]:
    """Put training before validation before test, and the parts of each in their order."""
    order = list(SPLITS)
    return (order.index(_stem(path)) if _stem(path) in order else len(order)), path.name


def _samples(path: Path, pictures: Sequence[Path]) -> Iterator[Sample | RecordError]:
    if path.suffix == ".parquet":
        yield from _parquet(path)
        return
    kind = _kind(path)
    split = SPLITS.get(path.stem, SPLITS.get(path.stem.rpartition("_")[2], ""))
    if kind == "project":
        for place, value in json_lines(path):
            try:
                record = strict_record(value, place)
                told = replace(record, split=record.split or split)
                yield _located(told, place, pictures or [path.parent])
            except RecordError as fault:
                yield fault
        return
    beside = [path.parent, path.parent / f"{path.stem}_images", path.parent / "images"]
    for place, talk in sharegpt_entries(path) if kind == "sharegpt" else authors_lines(path):
        try:
            yield _located(_record(talk, split, place), place, pictures or beside)
        except RecordError as fault:
            yield fault


def _kind(path: Path) -> str:
    """Tell what a file holds, by its first record: "sharegpt", "authors" or "project".

    Raises:
        DataError: it holds nothing.
    """
    if is_list(path):
        return "sharegpt"
    first = next((value for _, value in json_lines(path)), None)
    if first is None:
        raise DataError(f"{path} holds no samples; make some with train.make_data")
    if is_sharegpt(first):
        return "sharegpt"
    return "authors" if isinstance(first, dict) and "conversations" in first else "project"


def _record(talk: Conversation, split: str, place: Place) -> Record:
    try:
        record = record_of(talk, split)
    except DataError as error:
        wrong, _, mend = str(error).partition("; ")
        raise place.fault(wrong, mend) from error
    if not record.chain.strip():
        raise place.fault("there is no chain", "write one, or leave the sample out")
    check_record(record, place)
    return record


def _located(record: Record, place: Place, folders: Sequence[Path]) -> Sample:
    """Find a record's picture; raises RecordError where it is not there."""
    for name in dict.fromkeys((record.image, Path(record.image).name)):
        for folder in folders:
            if (folder / name).is_file():
                return Sample(record, folder / name)
    first = folders[0] / record.image
    raise place.fault(f"there is no picture {first}", "give the folder that has it")


def _parquet(path: Path) -> Iterator[Sample | RecordError]:
    """Yield the samples of a parquet file as `train.common.hub_folder` writes it."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number, split = 0, SPLITS.get(_stem(path), "")
    try:
        with ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=16):
                for row in batch.to_pylist():
                    number += 1
                    yield _row(row, Place(path, number), split)
    except (OSError, ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{path} could not be read: {reason}; download it again") from error


def _row(row: dict[str, Any], place: Place, split: str) -> Sample | RecordError:
    picture = row.pop("image", None)
    if not isinstance(picture, dict) or not picture.get("bytes"):
        return place.fault("there is no picture in the column image", "give a data set of ours")
    told = {key: value for key, value in row.items() if value not in (None, "", [])}
    name = Path(picture.get("path") or f"{place.path.stem}-{place.line:06d}.png").name
    try:
        plan = json.loads(told.pop("plan", "null"))
        told = {"split": split, **told, "image": name, "plan": plan}
        return Sample(record_of_json(told, place)[0], picture["bytes"])
    except RecordError as fault:
        return fault
    except (ValueError, TypeError):
        return place.fault("the plan is no JSON", "write it as DegradationPlan.to_json does")


def check_source(source: Path) -> None:
    """Raise InputError where there is neither file nor folder."""
    if not source.exists():
        raise InputError(f"there is no {source}; give a data file or a folder with one")
