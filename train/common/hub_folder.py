"""A data set as a folder of the Hub: parquet files with the pictures inside, and a card."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from datasets import Features, Image, List, Value
from pyarrow import Table
from pyarrow.parquet import ParquetWriter

from robust_r1.errors import InputError
from robust_r1.records import record_to_json
from robust_r1.records.lines import unwritable, write_whole
from train.common.data_files import Sample

CARD = "README.md"
DATA = "data"
_PART = ".part"
_ROWS = 64  # written at a time, each with its picture
_MOST = 400_000_000  # bytes of pictures in a file: the Hub likes files below half a gigabyte
_TEXT, _TEXTS = Value("string"), List(Value("string"))
FEATURES = Features(
    {
        "image": Image(),
        "question": _TEXT,
        "choices": _TEXTS,
        "answer": _TEXT,
        "chain": _TEXT,
        "plan": _TEXT,
        "seed": Value("int64"),
        "kind": _TEXT,
        "topic": _TEXT,
        "question_id": _TEXT,
        "clean": _TEXT,
        "rationales": _TEXTS,
        "annotator": _TEXT,
    }
)


@dataclass
class _Part:
    """Collect the rows of a split until a file of them is full."""

    folder: Path
    split: str
    files: list[Path] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    bytes: int = 0
    writer: Any = None

    def add(self, row: dict[str, Any]) -> None:
        if self.writer is None:
            self.files.append(self.folder / f"{self.split}-{len(self.files):05d}{_PART}")
            self.writer = ParquetWriter(self.files[-1], FEATURES.arrow_schema)
        self.rows.append(row)
        self.bytes += len(row["image"]["bytes"])
        if len(self.rows) == _ROWS:
            self.flush()
        if self.bytes >= _MOST:
            self.close()

    def flush(self) -> None:
        if self.rows:
            self.writer.write_table(Table.from_pylist(self.rows, FEATURES.arrow_schema))
            self.rows = []

    def close(self) -> None:
        if self.writer is not None:
            self.flush()
            self.writer.close()
        self.writer, self.bytes = None, 0

    def name(self) -> None:
        """Give the files the names that tell how many there are."""
        for number, path in enumerate(self.files):
            name = f"{self.split}-{number:05d}-of-{len(self.files):05d}.parquet"
            path.rename(path.with_name(name))


def write_hub_folder(folder: Path, samples: Iterable[Sample], license: str) -> dict[str, int]:
    """Write a folder that `datasets.load_dataset` and the Hub's viewer read.

    Args:
        folder: made if it is not there.
        samples: one in memory at a time, but for some dozens.
        license: the Hub's name of one, such as "cc-by-4.0" or "other", for the card.

    Returns:
        How many samples each split has.

    Raises:
        InputError: the folder holds a data set already.
        DataError: something cannot be written or read; no file with a final name is left then.
    """
    data = folder / DATA
    if any(data.glob("*.parquet")):
        raise InputError(f"{folder} holds a data set already; give another folder with -o")
    parts: dict[str, _Part] = {}
    counts: dict[str, Counter[str]] = {}
    try:
        data.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for sample in samples:
                split = sample.record.split or "train"
                if split not in parts:
                    parts[split] = _Part(data, split)
                    stack.callback(parts[split].close)
                parts[split].add(_row(sample))
                counts.setdefault(split, Counter())[sample.record.annotator or "not told"] += 1
        for part in parts.values():
            part.name()
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        for path in data.glob(f"*{_PART}"):
            path.unlink(missing_ok=True)
    write_whole(folder / CARD, [card(folder.name, counts, license)])
    return {split: counted.total() for split, counted in counts.items()}


def _row(sample: Sample) -> dict[str, Any]:
    told = record_to_json(sample.record)
    picture = sample.picture
    data = picture if isinstance(picture, bytes) else picture.read_bytes()
    row = {name: told.get(name) for name in FEATURES}
    row |= {"plan": json.dumps(told["plan"]), "rationales": list(sample.record.rationales)}
    row |= {name: row[name] or "" for name in ("question_id", "clean", "annotator")}
    return row | {"image": {"bytes": data, "path": Path(sample.record.image).name}}


def card(name: str, counts: dict[str, Counter[str]], license: str) -> str:
    """Write the card of a data set: what the Hub reads of it, then what people read."""
    total = sum(counted.total() for counted in counts.values())
    head = {
        "license": license,
        "language": ["en"],
        "task_categories": ["visual-question-answering"],
        "tags": ["robust-r1", "image-degradation", "reasoning"],
        "size_categories": [_size(total)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": s, "path": f"{DATA}/{s}-*"} for s in counts],
            }
        ],
    }
    rows = [
        f"| {split} | {counted.total():,} | {', '.join(sorted(counted))} |"
        for split, counted in counts.items()
    ]
    told = ["| split | samples | chains by |", "|---|---|---|", *rows]
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n# {name}\n{_ABOUT}" + "\n".join(
        [*told, "", _COLUMNS]
    )


def _size(total: int) -> str:
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
    return next((name for bound, name in bounds if total < bound), "100K<n<1M")


_ABOUT = """
Damaged pictures with questions, and reasoning chains that lead to the true answers: which damage is
there and how strong, what it does to the evidence, what the undamaged picture shows, a conclusion,
the answer. In the manner of Robust-R1 (Tang et al., AAAI 2026, arXiv 2512.17532).

"""
_COLUMNS = """## Columns
| column | holds |
|---|---|
| `image` | the damaged picture |
| `question`, `choices` | the question; its options, numbered from 0, or none |
| `answer` | the true answer, of options the number |
| `chain` | the reasoning chain: five sections between tags |
| `plan` | what was done to the picture, as JSON: kinds, intensities from 0 to 1, seeds |
| `seed`, `kind`, `topic` | what was drawn from which seed; mcq, vqa or cap; what is asked about |
| `question_id`, `clean`, `rationales` | the question and picture of the set it comes from |
| `annotator` | what wrote the chain: `rules`, or `llm:` and a model's name |

## Origin and rights
Questions and rationales with a `question_id` are A-OKVQA's (Schwenk et al. 2022, Apache-2.0); their
pictures are COCO 2017's, whose rights stay with those who took them (terms of Flickr). Whoever
passes this set on keeps these words, and adds those of the model that wrote the chains.
"""
