"""Which samples a stage learns from, and which ones it is measured on: no picture serves twice."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from robust_r1.errors import InputError
from robust_r1.records import Record

_SPLIT_SALT = 0x5F17
_VALIDATION = "validation"
_HELD_OUT = (_VALIDATION, "test")


def source_of(record: Record) -> str:
    """Return what the samples about one undamaged picture have in common."""
    return record.clean or record.image


def part_of(records: Sequence[Record], stage: str, share: float, seed: int) -> list[Record]:
    """Return the samples that a stage learns from, shuffled: no source picture serves both stages.

    Samples that say themselves that they are for validation or testing serve neither, nor do others
    about the same pictures.

    Args:
        records: all of a data file.
        stage: "sft" or "grpo".
        share: of the samples, for the first stage.
        seed: of the shuffle, the same for both stages.

    Raises:
        InputError: too few samples, or source pictures, for both stages.
    """
    held = {source_of(record) for record in records if record.split in _HELD_OUT}
    pool = [record for record in records if source_of(record) not in held]
    order = np.random.default_rng([_SPLIT_SALT, seed]).permutation(len(pool))
    shuffled = [pool[index] for index in order]
    counts = Counter(map(source_of, pool))
    wanted, taken = round(share * len(pool)), 0
    first: set[str] = set()
    for record in shuffled:
        if taken >= wanted:
            break
        if source_of(record) not in first:
            first.add(source_of(record))
            taken += counts[source_of(record)]
    if not 0 < taken < len(pool):
        raise InputError(
            f"{len(pool)} samples are too few for both stages with sft_share {share}; bring more, "
            "as no picture is to serve both, and what is marked validation or test serves neither"
        )
    return [record for record in shuffled if (source_of(record) in first) == (stage == "sft")]


def validation_of(records: Sequence[Record], most: int, seed: int) -> list[Record]:
    """Return samples to measure a model on while it learns: of those that say they are for it.

    Args:
        records: all of a data file.
        most: how many at most.
        seed: of the choice.
    """
    marked = [record for record in records if record.split == _VALIDATION]
    order = np.random.default_rng([_SPLIT_SALT, seed]).permutation(len(marked))
    return [marked[index] for index in order[:most]]
