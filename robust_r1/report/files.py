"""The cases of an analysis as files: CSV for spreadsheets, JSON lines for programs."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from robust_r1.analysis.entries import Entry, in_order
from robust_r1.chain import Finding
from robust_r1.metrics import answer_words, truth_words
from robust_r1.store import Marks

COLUMNS = (
    "benchmark", "model", "id", "source", "task", "level", "question", "choices", "truth",
    "answer", "accuracy", "flip", "applied", "perceived", "degradation_reward", "well_formed",
    "tokens", "seconds", "tags", "note", "text",
)  # fmt: skip
_NAME = 100
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(entries: Sequence[Entry], marks: Mapping[tuple[str, str], Marks]) -> str:
    """Write one line a case, with a head; a text that a spreadsheet would run gets a quote.

    An option's number stands behind its text; JSON lines have answers as they were given.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        values = case_values(entry, marks)
        choices = entry.row.choices
        values["choices"] = " | ".join(choices)
        values["truth"] = truth_words(entry.row.truth, choices)
        values["answer"] = answer_words(entry.row.answer, choices)
        values["applied"] = _findings(entry.row.true)
        values["perceived"] = _findings(entry.row.found)
        values["tags"] = " ".join(f"#{tag}" for tag in values["tags"])
        writer.writerow([plain_cell(values[name]) for name in COLUMNS])
    return buffer.getvalue()


def to_jsonl(entries: Sequence[Entry], marks: Mapping[tuple[str, str], Marks]) -> str:
    """Write one JSON object a line, with the plan, so that a program can make the picture again."""
    lines = []
    for entry in entries:
        values = case_values(entry, marks) | {"plan": json.loads(entry.row.plan.to_json())}
        lines.append(json.dumps(values, ensure_ascii=False) + "\n")
    return "".join(lines)


def file_name(entries: Sequence[Entry], what: str, ending: str) -> str:
    """Return a name that says what a file is: benchmark, models and what of them."""
    names = (*in_order(e.benchmark for e in entries), *in_order(e.model for e in entries), what)
    short = re.sub(r"[^a-z0-9.]+", "-", "-".join(names).lower()).strip("-.")
    return f"{short[-_NAME:].strip('-.')}.{ending}"


def case_values(entry: Entry, marks: Mapping[tuple[str, str], Marks]) -> dict:
    """Return a case as values by the names of `COLUMNS`."""
    row, found = entry.row, marks.get((entry.run, entry.row.id), Marks())
    return {
        "benchmark": entry.benchmark,
        "model": entry.model,
        "id": row.id,
        "source": row.source,
        "task": row.task,
        "level": row.level,
        "question": row.question,
        "choices": list(row.choices),
        "truth": row.truth,
        "answer": row.answer,
        "accuracy": row.accuracy,
        "flip": entry.flip,
        "applied": [asdict(finding) for finding in row.true],
        "perceived": [asdict(finding) for finding in row.found],
        "degradation_reward": row.degradation,
        "well_formed": row.well_formed,
        "tokens": row.tokens,
        "seconds": row.seconds,
        "tags": list(found.tags),
        "note": found.note,
        "text": row.text,
    }


def _findings(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{finding.name}({finding.intensity:.2f})" for finding in findings)


def plain_cell(value: object) -> object:
    """Return a cell of a CSV file: empty for None, and quoted where a spreadsheet would run it."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
