"""Data files as rows for TRL: training on pictures and chains that were not drawn here.

The project's records and conversations of others are read (`data_files`). Everything is checked
before training begins, so that a broken line or a missing picture costs nothing but a sentence.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset
from PIL import Image

from robust_r1.chain import build_prompt
from robust_r1.engine.conversation import plain
from robust_r1.images import load
from robust_r1.records import Record
from train.common.data_files import read_samples, trained_on

# What a model sees of a picture; uint8, (height, width, 3), in and out.
Fit = Callable[[np.ndarray], np.ndarray]


def read_data(path: Path) -> list[Record]:
    """Read a data file, in the project's format, the authors' or ShareGPT, and find its pictures.

    Raises:
        DataError: a file that cannot be read or is empty, a broken line, a picture that is not
            there, or a sample without a chain that parses; file and line or picture are named.
    """
    return [trained_on(sample, path) for sample in read_samples(path)]


def chain_rows(
    records: Sequence[Record],
    folder: Path,
    fit: Fit | None = None,
    order: Sequence[int] | None = None,
) -> Dataset:
    """Return rows of prompt, completion and images, each picture read when its row is.

    Args:
        records: samples with chains. Control tokens in their texts are made plain, as they are for
            a model that answers.
        folder: that their pictures' paths begin at.
        fit: what a model sees of a picture, `ModelInfo.fit`; None leaves pictures as they are.
        order: of each row the number of its record; None for each record once.
    """

    def read(index: int) -> dict:
        record = records[index]
        said = [{"role": "assistant", "content": plain(record.chain)}]
        return {**_asked(record, folder, fit), "completion": said}

    return _rows(range(len(records)) if order is None else order, read)


def rollout_rows(
    records: Sequence[Record],
    folder: Path,
    fit: Fit | None = None,
    order: Sequence[int] | None = None,
) -> Dataset:
    """Return rows for reinforcement; arguments are those of `chain_rows`.

    A row holds `prompt` and `images` for the policy, `solution` (the reference chain as text) and
    `choices` (the options, empty for an open question) for the rewards, `question` for people.
    """

    def read(index: int) -> dict:
        record = records[index]
        choices = [plain(choice) for choice in record.choices]
        known = {"solution": plain(record.chain), "choices": choices, "question": record.prompt}
        return {**_asked(record, folder, fit), **known}

    return _rows(range(len(records)) if order is None else order, read)


def _asked(record: Record, folder: Path, fit: Fit | None) -> dict:
    picture = load(record.picture(folder))
    picture = picture if fit is None else fit(picture)
    return {
        "prompt": [{"role": "user", "content": build_prompt(plain(record.prompt.strip()))}],
        "images": [Image.fromarray(picture)],
    }


def _rows(numbers: Sequence[int], read: Callable[[int], dict]) -> Dataset:
    def draw(rows: dict) -> dict:
        drawn = [read(index) for index in rows["index"]]
        return {key: [row[key] for row in drawn] for key in drawn[0]}

    return Dataset.from_dict({"index": list(numbers)}).with_transform(draw)
