"""Put the runs of `--shard 1/N` to `N/N` together into the run that one process would have written.

Sources were dealt out in turn, so they are taken up in turn. An id that stands in several runs
counts once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robust_r1.errors import InputError
from robust_r1.evaluation.benchmarks import BENCHMARKS, benchmark
from robust_r1.evaluation.head import PROGRESS, differences_of, note_cases, read_head
from robust_r1.evaluation.judgements import FILE, joined_judgements
from robust_r1.evaluation.runs import Row, Run, load_run, write_run

_SHARD = re.compile("([0-9]+)/([0-9]+)")
_NUMBER = re.compile("[0-9]+")


@dataclass(frozen=True)
class _Shard:
    """Hold a run of one shard: place (from 1) and number of shards, head, rows."""

    folder: Path
    place: int
    of: int
    head: Mapping[str, Any]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        return f"{self.place}/{self.of}"

    def sources(self) -> list[str | None]:
        """Return the sources in the order of the benchmark; None for one that was left out."""
        own = list(dict.fromkeys(row.source for row in self.rows))
        skipped = {
            number // self.of for number in self.head.get("skipped", ())
            if number % self.of == self.place - 1
        }  # fmt: skip
        left = iter(own)
        return [
            None if place in skipped else next(left) for place in range(len(own) + len(skipped))
        ]


def merge_runs(folders: Sequence[Path], out: Path) -> Run:
    """Write the run whose shards these are.

    Args:
        folders: the runs of all shards, in any order; one may be given twice.
        out: a folder without a run.

    Raises:
        InputError: a folder is no shard's run, they were asked with different settings, one is
            missing or not finished, or `out` holds a run already.
        DataError: a line cannot be read.
    """
    if (out / "run.json").exists():
        raise InputError(f"{out} holds a run already; give another folder with -o")
    shards = sorted((_read(folder) for folder in folders), key=lambda one: one.place)
    first = shards[0]
    for other in shards[1:]:
        if wrong := differences_of(_common(first.head), _common(other.head)):
            raise InputError(
                f"{other.folder} was run with other settings than {first.folder} "
                f"({'; '.join(wrong)}); merge runs of one command"
            )
    unique = {shard.place: shard for shard in reversed(shards)}
    if missing := [place for place in range(1, first.of + 1) if place not in unique]:
        named = ", ".join(f"{place}/{first.of}" for place in missing)
        raise InputError(f"the shards {named} are missing; run them, and give their folders too")
    rows = {row.id: row for shard in reversed(shards) for row in shard.rows}
    dealt = [unique[place] for place in range(1, first.of + 1)]
    _check_finished(dealt)
    head = {key: value for key, value in _common(first.head).items() if key != "format"}
    merged = _in_order(dealt, rows)
    judged = joined_judgements([shard.folder for shard in dealt])
    write_run(out, {**head, **_left_out(dealt)}, merged)
    if judged:
        (out / FILE).write_text(judged, encoding="utf-8")
    note_cases(out, len(merged))
    return load_run(out)


def _read(folder: Path) -> _Shard:
    head = read_head(folder)
    told = _SHARD.fullmatch(str(head.get("terms", {}).get("shard", "")))
    if told is None:
        raise InputError(
            f"{folder} is a whole run, not the run of a shard; merge those of evaluate --shard I/N"
        )
    return _Shard(folder, int(told[1]), int(told[2]), head, load_run(folder).rows)


def _common(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the shards of a run have in common: their number, but not which each is."""
    terms = {key: value for key, value in head["terms"].items() if key != "shard"}
    kept = {key: head[key] for key in head if key not in PROGRESS}
    return {**kept, "terms": terms}


def _check_finished(shards: Sequence[_Shard]) -> None:
    """Make sure that each run came to its end, and that each has what was dealt to it."""
    size = len(shards)
    counts = [len(shard.sources()) for shard in shards]
    # The last source that any has is the last that was dealt.
    total = max(place + size * (n - 1) + 1 if n else 0 for place, n in enumerate(counts))
    for place, shard in enumerate(shards):
        due = len(range(place, total, size))
        if shard.head.get("cases") is None or counts[place] != due:
            raise InputError(
                f"shard {shard.name} in {shard.folder} has {counts[place]} of {due} sources, or "
                "did not come to its end; start its command again, with the --limit of the others, "
                "and merge then"
            )


def _in_order(shards: Sequence[_Shard], rows: Mapping[str, Row]) -> list[Row]:
    """Return the rows as one process would have written them."""
    if shards[0].head["benchmark"] in BENCHMARKS:
        items = benchmark(shards[0].head["benchmark"])
        return [rows[item.id] for item in items if item.id in rows]
    dealt = [shard.sources() for shard in shards]
    order = [
        own[turn] for turn in range(max(map(len, dealt))) for own in dealt if turn < len(own)
    ]
    by_source: dict[str | None, list[Row]] = {}
    for row in rows.values():
        by_source.setdefault(row.source, []).append(row)
    return [row for source in order if source is not None for row in by_source[source]]


def _left_out(shards: Sequence[_Shard]) -> dict[str, Any]:
    """Return what the shards say of rows that could not be used, each once, by their lines."""
    read = [shard.head["rows"] for shard in shards if "rows" in shard.head]
    if not read:
        return {}
    faults = {str(one["place"]): one for shard in shards for one in shard.head["unusable"]}
    skipped = {number for shard in shards for number in shard.head.get("skipped", ())}
    in_order = sorted(faults, key=lambda place: [int(one) for one in _NUMBER.findall(place)])
    return {
        "rows": max(read),
        "unusable": [faults[place] for place in in_order],
        "skipped": sorted(skipped),
    }
