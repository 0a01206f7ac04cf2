"""The data formats: what is read from files is checked once, here, and frozen from then on.

Project JSON Lines, the authors' JSON Lines, LLaMA-Factory's ShareGPT, VLMEvalKit's tables,
R-Bench's tables and A-OKVQA. A broken record raises DataError, which names the file, the line and
how to mend it.
"""

from robust_r1.records.aokvqa import AokvqaItem, read_aokvqa, write_aokvqa
from robust_r1.records.conversations import (
    Conversation,
    Turn,
    conversation_of,
    read_authors,
    read_sharegpt,
    record_of,
    split_question,
    write_authors,
    write_sharegpt,
)
from robust_r1.records.project import KINDS, Record, read_records, record_to_json, write_records
from robust_r1.records.rbench import (
    RBenchItem,
    RBenchResult,
    read_rbench,
    read_rbench_results,
    write_rbench,
    write_rbench_results,
)
from robust_r1.records.vlmeval import (
    VlmRow,
    VlmTable,
    corrupted_name,
    read_vlmeval,
    write_corrupted,
    write_vlmeval,
)

__all__ = [
    "KINDS",
    "AokvqaItem",
    "Conversation",
    "RBenchItem",
    "RBenchResult",
    "Record",
    "Turn",
    "VlmRow",
    "VlmTable",
    "conversation_of",
    "corrupted_name",
    "read_aokvqa",
    "read_authors",
    "read_rbench",
    "read_rbench_results",
    "read_records",
    "read_sharegpt",
    "read_vlmeval",
    "record_of",
    "record_to_json",
    "split_question",
    "write_aokvqa",
    "write_authors",
    "write_corrupted",
    "write_rbench",
    "write_rbench_results",
    "write_records",
    "write_sharegpt",
    "write_vlmeval",
]
