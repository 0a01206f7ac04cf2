"""Turn a data set into another format: for other trainers, for the Hub, or back into ours.

    python -m train.convert_data data/aokvqa --to sharegpt -o data/llama-factory
    python -m train.convert_data downloads/Robust-R1 --to project --leave-out -o data/authors

IN is a data file or folder of any format: the project's, the authors' as it lies on the Hub,
ShareGPT, parquet. `--to` takes

    project      SPLIT.jsonl and images/, which train.sft and train.grpo read
    authors      SPLIT.jsonl and SPLIT_images/, for the authors' code
    sharegpt     NAME_SPLIT.json, images/ and dataset_info.json, for LLaMA-Factory
    messages     the same with `messages` in place of `conversations`
    huggingface  data/SPLIT-*.parquet and a card, for `hf upload` and datasets.load_dataset
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from robust_r1.errors import InputError, RobustR1Error
from robust_r1.records import (
    Conversation,
    Record,
    conversation_of,
    write_authors,
    write_records,
    write_sharegpt,
)
from robust_r1.records.lines import RecordError, unwritable
from train.common.data_files import Sample, check_source, read_samples
from train.common.journal import write_bytes
from train.common.samples import IMAGES

FORMATS = ("project", "authors", "sharegpt", "messages", "huggingface")
_UNNAMED = "train"  # the split of samples that tell none


def convert(samples: Iterable[Sample], to: str, folder: Path, name: str) -> dict[str, int]:
    """Write samples into a folder in one of FORMATS but "huggingface".

    Pictures are linked where the disk allows it, else copied.

    Args:
        name: of the data set, for LLaMA-Factory.

    Returns:
        How many samples each split has.

    Raises:
        InputError: the folder holds a data set already.
        DataError: something cannot be written.
    """
    splits: dict[str, list[Record]] = {}
    pictures = _Pictures(folder)
    for sample in samples:
        split = sample.record.split or _UNNAMED
        if split not in splits:
            path = _file(to, folder, name, split)
            if path.exists():
                raise InputError(f"{folder} holds {path.name} already; give another folder with -o")
            splits[split] = []
        place = f"{split}_images" if to == "authors" else IMAGES
        splits[split].append(replace(sample.record, image=pictures.take(sample, place)))
    for split, records in splits.items():
        talks = (_talk(record, to) for record in records)
        if to == "project":
            write_records(_file(to, folder, name, split), records)
        elif to == "authors":
            write_authors(_file(to, folder, name, split), talks)
        else:
            layout = "messages" if to == "messages" else "conversations"
            write_sharegpt(folder, f"{name}_{split}", talks, layout)
    return {split: len(records) for split, records in splits.items()}


def _file(to: str, folder: Path, name: str, split: str) -> Path:
    plain = to in ("project", "authors")
    return folder / (f"{split}.jsonl" if plain else f"{name}_{split}.json")


def _talk(record: Record, to: str) -> Conversation:
    """Return a record as a conversation; the authors name pictures without their folder."""
    image = Path(record.image).name if to == "authors" else record.image
    return conversation_of(replace(record, image=image))


class _Pictures:
    """Put pictures into a folder, each once, under names that are their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[tuple[str, str], str] = {}  # by place and source
        self._taken: set[str] = set()

    def take(self, sample: Sample, place: str) -> str:
        """Put a sample's picture there and return its name, relative to the folder."""
        picture = sample.picture
        source = str(picture) if isinstance(picture, Path) else f"row {len(self._taken)}"
        if (place, source) in self._names:
            return self._names[place, source]
        name = f"{place}/{Path(sample.record.image).name}"
        number = 2
        while name in self._taken:
            name = f"{place}/{number}_{Path(sample.record.image).name}"
            number += 1
        self._taken.add(name)
        self._names[place, source] = name
        self._put(picture, self._folder / name)
        return name

    def _put(self, picture: Path | bytes, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(picture, bytes):
                write_bytes(path, picture)
                return
            if path.exists() and path.samefile(picture):  # linked before, or its own folder
                return
            path.unlink(missing_ok=True)
            with suppress(OSError):  # another disk, or one that links nothing
                os.link(picture, path)
                return
            shutil.copyfile(picture, path)
        except OSError as error:
            raise unwritable(path, error) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert; 2 on bad input, with one line that says what is wrong."""
    options = _parse(arguments)
    left_out: list[RecordError] = []
    try:
        for source in options.source:
            check_source(source)
        samples = _read(options, left_out if options.leave_out else None)
        if options.to == "huggingface":
            from train.common.hub_folder import write_hub_folder

            counts = write_hub_folder(options.output, samples, options.license)
        else:
            name = options.name or options.output.absolute().name
            counts = convert(samples, options.to, options.output, name)
        if not counts:
            raise InputError(f"no sample can be used ({left_out[0]})")
    except RecordError as error:
        more = "" if options.leave_out else ", or leave such samples out with --leave-out"
        print(f"error: {error}{more}", file=sys.stderr)
        return 2
    except RobustR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    told = " and ".join(f"{count} for {split}" for split, count in counts.items())
    print(f"{options.output}: {told} samples, {len(left_out)} left out")
    for fault in left_out:
        print(f"left out: {fault}")
    return 0


def _read(options: argparse.Namespace, left_out: list[RecordError] | None) -> Iterator[Sample]:
    for source in options.source:
        yield from read_samples(source, options.pictures, left_out)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m train.convert_data", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("source", nargs="+", type=Path, metavar="IN", help="data file or folder")
    parser.add_argument("--to", required=True, choices=FORMATS, help="format to write")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder to write into")
    parser.add_argument("--pictures", nargs="+", type=Path, default=[], help="folders of pictures")
    parser.add_argument(
        "--leave-out", action="store_true", help="leave out samples that cannot be used, and say so"
    )
    parser.add_argument("--name", help="name of the data set for LLaMA-Factory (the folder's)")
    parser.add_argument("--license", default="other", help="for the card on the Hub (other)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
