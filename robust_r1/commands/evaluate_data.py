"""What `evaluate` is asked to evaluate: a benchmark made here, or a published one from a file."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from robust_r1.ask.prompts import Prompt, read_prompt
from robust_r1.commands.evaluate_download import fetch_benchmark
from robust_r1.degradations import LEVELS
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.evaluation import BENCHMARKS, STRENGTHS, BenchmarkItem, benchmark
from robust_r1.evaluation.entries import Known
from robust_r1.evaluation.known import (
    data_folders,
    find_benchmark,
    known_benchmarks,
    known_file,
)
from robust_r1.evaluation.published import ALL_LEVELS, PublishedItems, Selection
from robust_r1.records import BenchmarkFile, open_benchmark
from robust_r1.records.rbench_pictures import has_references

NATIVE, FITTED = "native", "fitted"
AS_PUBLISHED = "as published"
BOTH_PICTURES = "distorted and reference"  # of R-Bench, where both are there
_ENDINGS = (".tsv", ".csv", ".jsonl", ".parquet")
_SHARD = re.compile("([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Work:
    """Describe what is evaluated.

    Attributes:
        name: of the benchmark.
        terms: how its items are asked, as a run keeps it.
        items: what is asked of a model.
        cases: how many there are; None where nobody knows before the file's end.
        settings: the benchmark's own, of generation.
    """

    name: str
    terms: Mapping[str, Any]
    items: Callable[[Engine], Sequence[BenchmarkItem] | PublishedItems]
    cases: int | None
    settings: Mapping[str, Any] = field(default_factory=dict)


def named(args: argparse.Namespace) -> Known | None:
    """Return the published benchmark that the arguments name; None where they name another thing.

    Raises:
        InputError: a broken table of benchmarks, or a flag that is for others than these.
    """
    known = known_benchmarks(data_folders(args.folder)).get(args.data)
    if args.download and known is None:
        names = ", ".join(known_benchmarks(data_folders(args.folder)))
        raise InputError(f"--download takes the name of a published benchmark; one of {names}")
    for flag in ("sets", "degradations", "degrade_clean"):
        if getattr(args, flag) and not (known and known.folder):
            said = flag.replace("_", "-")
            raise InputError(f"--{said} is for mmd-bench, a folder of tables; leave it out")
    return known


def work_of(args: argparse.Namespace, operation: str = "") -> Work:
    """Find out what the arguments ask for, and open the file if there is one.

    Args:
        operation: what every picture of a published benchmark is damaged by; empty to draw it.

    Raises:
        InputError: an unknown name, a benchmark that is not here, or a flag out of its range.
        DataError: a file in no known format.
    """
    if args.limit is not None and args.limit < 1:
        raise InputError(f"--limit is {args.limit}; give at least 1")
    prompt, shard = read_prompt(args.prompt), _shard(args.shard)
    if args.data in BENCHMARKS:
        return _made_here(args, prompt, shard)
    return _published(args, prompt, shard, operation)


def _made_here(args: argparse.Namespace, prompt: Prompt, shard: tuple[int, int]) -> Work:
    if args.folder or args.pictures or args.damage_seed:
        raise InputError(
            f"{args.data} is made here, damage and all; leave out --data, --pictures and "
            "--damage-seed"
        )
    items = _chosen(benchmark(args.data), args.levels, args.limit, shard)
    at = args.degrade_at or FITTED
    asked = [_asked(item, prompt, at == NATIVE) for item in items]
    terms = {"prompt": prompt.name, "degrade_at": at, **_part(shard)}
    return Work(args.data, terms, lambda engine: asked, len(asked))


def _published(
    args: argparse.Namespace, prompt: Prompt, shard: tuple[int, int], operation: str
) -> Work:
    path, known = _path(args)
    file = open_benchmark(path, args.pictures, name=known.name if known else None)
    if known and file.format != known.format:
        raise InputError(
            f"{path} is no {known.name}, whose format is {known.format}: this is {file.format}; "
            "give another file, or this one under a name of its own"
        )
    if file.format == "rbench" and args.pictures and has_references(Path(args.pictures)):
        raise InputError(
            f"{args.pictures} has the undamaged pictures by its name; give the folder of the "
            "distorted ones, or the one that has both folders in it"
        )
    if args.damage_seed < 0:
        raise InputError(f"--damage-seed is {args.damage_seed}; give 0 or more")
    damaged = file.damage is not None or file.format == "rbench"
    if damaged and (args.levels or args.degrade_at):
        raise InputError(
            f"the pictures of {path.name} came damaged and are asked about as they are; leave out "
            "--levels and --degrade-at"
        )
    at = args.degrade_at or NATIVE
    levels = _levels(args.levels)
    chosen = Selection(levels, args.damage_seed, at == NATIVE, args.limit, shard, operation)
    drawn = {"degrade_at": at, "levels": list(levels), "damage_seed": args.damage_seed}
    drawn |= {"operation": operation} if operation else {}
    terms = {
        "prompt": prompt.name,
        **({"degrade_at": AS_PUBLISHED} if damaged else drawn),
        **({"pictures": BOTH_PICTURES} if file.references else {}),
        **_part(shard),
        "file": file.path.name,
        "bytes": file.path.stat().st_size,
    }
    rows = min(filter(None, (args.limit, known.rows if known else 0)), default=0)
    each = 1 + file.references if damaged else len(levels)
    cases = len(range(shard[0] - 1, rows, shard[1])) * each
    items = partial(_items, file, chosen, prompt, known.language if known else "")
    name = ", ".join(filter(None, (file.name, _damage_words(file))))
    return Work(name, terms, items, cases or None, known.settings if known else {})


def _items(
    file: BenchmarkFile, chosen: Selection, prompt: Prompt, language: str, engine: Engine
) -> PublishedItems:
    return PublishedItems(file, engine.info, chosen, prompt, language)


def _damage_words(file: BenchmarkFile) -> str:
    damage = file.damage
    return " ".join(filter(None, (damage.kind, damage.level))) if damage else ""


def _path(args: argparse.Namespace) -> tuple[Path, Known | None]:
    """Return the file of a name or a path, and the benchmark that it is, if it is a known one."""
    data, known = args.data, known_benchmarks(data_folders(args.folder))
    if data in known:
        find = fetch_benchmark if args.download else find_benchmark
        return find(known[data], args.folder), known[data]
    path = Path(data)
    if path.exists():
        return path, known_file(path)
    if path.suffix.lower() in _ENDINGS or len(path.parts) > 1:
        raise InputError(f"there is no file {data}; check the path")
    names = ", ".join((*BENCHMARKS, *known))
    raise InputError(
        f"unknown benchmark {data!r}; choose one of {names}, or give a file ({', '.join(_ENDINGS)})"
    )


def _asked(item: BenchmarkItem, prompt: Prompt, native: bool) -> BenchmarkItem:
    case, picture = prompt.of(item.case), item.case.picture
    if native and picture is not None:
        case = replace(case, picture=replace(picture, native=True))
    return replace(item, case=case)


def _part(shard: tuple[int, int]) -> dict[str, str]:
    return {} if shard == (1, 1) else {"shard": f"{shard[0]}/{shard[1]}"}


def _shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    match = _SHARD.fullmatch(text.strip())
    first, every = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= first <= every:
        raise InputError(f"--shard is {text!r}; write I/N, as in 1/4, with I from 1 to N")
    return first, every


def _levels(text: str | None) -> tuple[str, ...]:
    """Return the levels of a published benchmark that are wanted, in their own order."""
    wanted = {one.strip() for one in text.split(",")} if text is not None else set(ALL_LEVELS)
    if unknown := sorted(wanted - set(ALL_LEVELS)):
        raise InputError(f"unknown level {unknown[0]!r}; choose from {', '.join(ALL_LEVELS)}")
    return tuple(level for level in ALL_LEVELS if level in wanted)


def _chosen(
    items: Sequence[BenchmarkItem], levels: str | None, limit: int | None, shard: tuple[int, int]
) -> Sequence[BenchmarkItem]:
    if levels is not None:
        known = list(dict.fromkeys(item.level for item in items))
        wanted = [_level(level.strip(), known) for level in levels.split(",")]
        items = [item for item in items if item.level in wanted]
    sources = list(dict.fromkeys(item.source for item in items))[:limit]
    kept = set(sources[shard[0] - 1 :: shard[1]])
    return [item for item in items if item.source in kept]


def _level(name: str, known: Sequence[str]) -> str:
    """Return a level as the benchmark calls it: its own name, or a percentage such as 50."""
    if name in known:
        return name
    same = [own for own in known if name in LEVELS and STRENGTHS.get(own) == LEVELS[name]]
    if not same:
        percent = ", ".join(LEVELS)
        raise InputError(f"unknown level {name!r}; choose from {', '.join(known)} ({percent})")
    return same[0]
