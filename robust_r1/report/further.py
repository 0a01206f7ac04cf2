"""What `report` prints below the headline figures: the paper's table, costs of damage, pairs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from robust_r1.analysis.corruption import corruption
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.pairs import differing, paired, shared
from robust_r1.report.paper import paper_tables, published_note
from robust_r1.report.robustness_tables import (
    corruption_table,
    differing_table,
    drop_table,
    pair_table,
    worst_lines,
)
from robust_r1.report.summary import corruption_values, details, robustness_values
from robust_r1.report.table import Table, plain_text
from robust_r1.report.tables import cost_tables

DIFFERING = 5  # items that are listed on a terminal; the page shows more, with pictures


def further(
    entries: Sequence[Entry], base: str = "", full: bool = False
) -> tuple[list[Table], list[str]]:
    """Return the tables below the headline figures that have anything to show, and sentences.

    Args:
        entries: the cases.
        base: the model that corruption errors are relative to; empty for none.
        full: everything that damage costs, and not just the drops of a published benchmark.
    """
    tables, lines = list(paper_tables(entries)), []
    if tables and (note := published_note(entries)):
        lines.append(note)
    if full or tables:
        found = details(entries)
        tables += cost_tables(found) if full else [drop_table(found.levels)]
        lines += [*worst_lines(found.corruption), *found.lost_first]
    if base:
        tables.append(corruption_table(corruption(entries, base)))
    if pairs := _pair_tables(entries):
        tables += pairs
        lines.append("The page has the items that differ with their pictures: add -o FILE.html.")
    return [table for table in tables if table.rows], lines


def further_values(entries: Sequence[Entry], base: str = "") -> dict[str, Any]:
    """Return all of it as values that JSON can hold."""
    found = details(entries)
    levels = [asdict(one) | {"flip_rate": one.flips.rate} for one in found.levels]
    values = {"levels": levels, **robustness_values(found)}
    values["paper"] = [_table_values(table) for table in paper_tables(entries)]
    if base:
        errors = corruption(entries, base)
        values["corruption_errors"] = {one.model: corruption_values(one) for one in errors}
    if pairs := _pairs(entries):
        values["pairs"] = [asdict(line) for line in paired(pairs)]
        apart = differing(pairs, DIFFERING)
        values["differing"] = [{"item": one.item, "weight": one.weight} for one in apart]
    return values


def _table_values(table: Table) -> dict[str, Any]:
    rows = [list(map(plain_text, row)) for row in table.rows]
    return {"caption": table.caption, "columns": list(table.columns), "rows": rows}


def _pairs(entries: Sequence[Entry]) -> tuple[tuple[Entry, Entry], ...]:
    models = in_order(entry.model for entry in entries)
    return shared(entries, *models) if len(models) == 2 else ()


def _pair_tables(entries: Sequence[Entry]) -> list[Table]:
    pairs = _pairs(entries)
    if not pairs:
        return []
    models = in_order(entry.model for entry in entries)
    return [
        pair_table(paired(pairs), *models),
        differing_table(differing(pairs, DIFFERING), *models),
    ]
