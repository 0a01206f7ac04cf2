"""The data formats: what is read from files is checked once, here, and frozen from then on.

Project JSON Lines, the authors' JSON Lines, LLaMA-Factory's ShareGPT, VLMEvalKit's tables,
R-Bench's tables and A-OKVQA. A broken record raises DataError, which names the file, the line and
how to mend it.

Benchmarks come through `open_benchmark`, whatever their format, as one kind of item. They are read
although some rows are broken: these are counted, named and left out.
"""

from robust_r1.records.aokvqa import AokvqaItem, read_aokvqa, write_aokvqa
from robust_r1.records.conversations import (
    Conversation,
    Turn,
    authors_lines,
    conversation_of,
    read_authors,
    record_of,
    split_question,
    write_authors,
)
from robust_r1.records.item import (
    TASKS,
    Damage,
    LazyPicture,
    PictureBytes,
    PictureCell,
    PictureFile,
    PublishedItem,
)
from robust_r1.records.lines import Place, RecordError
from robust_r1.records.names import corrupted_name
from robust_r1.records.project import KINDS, Record, read_records, record_to_json, write_records
from robust_r1.records.published import FORMATS, BenchmarkFile, open_benchmark
from robust_r1.records.rbench import RBenchResult, read_rbench_results
from robust_r1.records.reading import Reading, UnusableRows, with_pictures
from robust_r1.records.sharegpt import LAYOUTS, read_sharegpt, sharegpt_entries, write_sharegpt
from robust_r1.records.vlmeval import write_corrupted

__all__ = [
    "FORMATS",
    "KINDS",
    "LAYOUTS",
    "TASKS",
    "AokvqaItem",
    "BenchmarkFile",
    "Conversation",
    "Damage",
    "LazyPicture",
    "PictureBytes",
    "PictureCell",
    "PictureFile",
    "Place",
    "PublishedItem",
    "RBenchResult",
    "Reading",
    "Record",
    "RecordError",
    "Turn",
    "UnusableRows",
    "authors_lines",
    "conversation_of",
    "corrupted_name",
    "open_benchmark",
    "read_aokvqa",
    "read_authors",
    "read_rbench_results",
    "read_records",
    "read_sharegpt",
    "record_of",
    "record_to_json",
    "sharegpt_entries",
    "split_question",
    "with_pictures",
    "write_aokvqa",
    "write_authors",
    "write_corrupted",
    "write_records",
    "write_sharegpt",
]
