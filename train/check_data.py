"""Check the chains of a data set: grammar, findings, answers, leaks, lengths.

    python -m train.check_data data/aokvqa

IN is what train.convert_data takes. Of each sample it checks that the chain is well formed, that
its findings are the plan's and its answer the true one, that its influence does not name the true
option, and that it is as long as its annotator's chains shall be.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from robust_r1.errors import RobustR1Error
from robust_r1.records import Record
from robust_r1.records.lines import RecordError
from train.aokvqa.annotators import Rules
from train.aokvqa.language_model import LENGTHS
from train.common.checks import Band, faults_of
from train.common.data_files import check_source, read_samples

_SHOWN = 20
_LENGTHS = {"rules": Rules().lengths, "llm": LENGTHS}


def band_of(record: Record) -> Band | None:
    """Return the words that a record's chain shall have; None where its annotator has no bounds."""
    lengths = _LENGTHS.get(record.annotator.partition(":")[0])
    return lengths.band(record.plan.total_intensity) if lengths else None


def check(source: Path, pictures: Sequence[Path] = ()) -> tuple[Counter[str], list[str]]:
    """Check all samples; return how many each split has, and a line for each that has faults.

    Raises:
        DataError: no data, or a broken file.
    """
    counts: Counter[str] = Counter()
    left_out: list[RecordError] = []
    faulty = []
    for sample in read_samples(source, pictures, left_out):
        record = sample.record
        counts[record.split or "train"] += 1
        if faults := faults_of(record, band_of(record)):
            faulty.append(f"{record.question_id or record.image}: {'; '.join(faults)}")
    counts["unusable"] = len(left_out)
    return counts, [*map(str, left_out), *faulty]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check; 2 where a sample has a fault or nothing can be read."""
    parser = argparse.ArgumentParser(
        "python -m train.check_data", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("source", type=Path, metavar="IN", help="data file or folder")
    parser.add_argument("--pictures", nargs="+", type=Path, default=[], help="folders of pictures")
    options = parser.parse_args(arguments)
    try:
        check_source(options.source)
        counts, faults = check(options.source, options.pictures)
    except RobustR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for fault in faults[:_SHOWN]:
        print(fault)
    if faults:
        wrong = (
            f"{len(faults)} of {counts.total()} samples have faults; mend them, or leave them out"
        )
        print(f"error: {options.source}: {wrong}", file=sys.stderr)
        return 2
    del counts["unusable"]
    told = " and ".join(f"{count} for {split}" for split, count in counts.items())
    print(f"{options.source}: {told} samples without a fault")
    return 0


if __name__ == "__main__":
    sys.exit(main())
