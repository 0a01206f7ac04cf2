"""evaluate mmd-bench: a run for each table of a folder, and one summary of all."""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robust_r1.commands.evaluate_answer import answer, check_concurrency
from robust_r1.commands.evaluate_data import Work, work_of
from robust_r1.commands.evaluate_download import fetch, fetch_benchmark, say
from robust_r1.commands.eyes import open_eyes
from robust_r1.commands.sets_summary import summary_lines
from robust_r1.commands.settings import given_settings
from robust_r1.engine import Engine, GenerationSettings, load_engine
from robust_r1.engine.eyes import EyesEngine, with_eyes
from robust_r1.engine.hub import data_files
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation import Row
from robust_r1.evaluation.download import remote_of_hub
from robust_r1.evaluation.entries import Known
from robust_r1.evaluation.known import (
    data_folders,
    facts,
    known_benchmarks,
    look_for,
    missing,
)
from robust_r1.evaluation.published import CLEAN
from robust_r1.evaluation.ranks import Ranks, ranks_of
from robust_r1.evaluation.sets import (
    MIXED,
    Measured,
    Table,
    accuracy,
    chosen,
    measure,
    read_choice,
    tables_of,
)
from robust_r1.metrics import Figure

_SUMMARY = "summary.json"
_OWN = "ours"  # in the name of the folder of a clean table that was degraded here


@dataclass(frozen=True)
class _Job:
    """Describe one run: the folder below -o, and what it is asked by."""

    name: str
    args: argparse.Namespace
    operation: str = ""


def run_sets(args: argparse.Namespace, known: Known) -> int:
    """Answer the tables that are wanted, each into a folder of its own, and sum them up.

    A table that cannot be used is left out and named at the end.
    """
    if args.degrade_at and not args.degrade_clean:
        raise InputError(
            f"the pictures of {known.name} came damaged; leave out --degrade-at, or add "
            "--degrade-clean"
        )
    tables = fetch_sets(args, known) if args.download else _here(args, known)
    jobs = [_Job(table.path.stem, _as_published(args, table)) for table in tables]
    if args.degrade_clean:
        jobs += _own_jobs(args, tables)
    works, wrong = _opened(jobs)
    check_concurrency(args)
    given_settings(args, GenerationSettings())  # out of range: said before the model is loaded
    eyes = open_eyes(args.eyes)
    engine = load_engine(args.model, args.quantize, max_pixels=args.max_pixels)
    engine = with_eyes(engine, eyes)
    ranks = ranks_of(os.environ)
    rows = _answered(args, engine, works, wrong, ranks)
    if ranks.rank:
        return 0  # the summary is printed once
    measured = [_measured(table, rows) for table in tables]
    names = dict.fromkeys(table.set for table in tables)
    asked = {name: rows[at] for name in names if (at := _clean_name(name)) in rows}
    clean = {name: accuracy(found, CLEAN) for name, found in asked.items()}
    values = _values(known, engine, measured, clean, wrong)
    (args.output / _SUMMARY).write_text(json.dumps(values, indent=1) + "\n", "utf-8")
    if args.json:
        print(json.dumps(values, indent=1))
    else:
        count = "1 run" if len(rows) == 1 else f"{len(rows)} runs"
        head = f"{known.name}, {engine.info.name} ({engine.precision}), {count}"
        print(head, *summary_lines(measured, clean), sep="\n")
    if wrong:
        raise DataError(f"{len(wrong)} of {len(jobs)} runs could not be made: {'; '.join(wrong)}")
    return 0


def fetch_sets(args: argparse.Namespace, known: Known) -> tuple[Table, ...]:
    """Fetch the tables that are wanted and not here, and return all that are wanted.

    Raises:
        InputError: nobody said which, or they cannot be fetched.
    """
    if known.hub is None or not args.sets:
        raise InputError(
            f"{known.name} is large ({facts(known)}); say with --sets which of its benchmarks "
            "--download is to fetch, and with --levels and --degradations which of their tables"
        )
    choice = read_choice(args.sets, args.levels, args.degradations)
    folders = data_folders(args.folder)
    home = look_for(known, folders) or folders[0] / known.files[0]
    theirs = {Path(file.path): file for file in data_files(known.hub.repo, known.hub.revision)}
    wanted = chosen(tables_of(theirs), choice, known.where)
    targets = {table: home / table.path.name for table in wanted}
    lacking = [table for table, path in targets.items() if not path.exists()]
    size = sum(theirs[table.path].size or 0 for table in lacking)
    say(
        f"fetching {len(lacking)} of {len(wanted)} tables, {size / 1e6:.1f} MB, from {known.where} "
        f"to {home}, licence {known.licence or 'as it says there'}"
    )
    for table in lacking:
        fetch(remote_of_hub(theirs[table.path]), targets[table])
    return tables_of(targets.values())


def _here(args: argparse.Namespace, known: Known) -> tuple[Table, ...]:
    """Return the tables that are wanted in the benchmark's folder, or loose in a folder of data."""
    choice = read_choice(args.sets, args.levels, args.degradations)
    folders = data_folders(args.folder)
    if args.folder is not None and not args.folder.is_dir():
        raise InputError(f"--data names {args.folder}, which is no folder; give that of the files")
    found = look_for(known, folders)
    for folder in (found,) if found else folders:
        paths = sorted(folder.rglob("*.tsv") if found else folder.glob("*.tsv"))
        if tables := tables_of(paths):
            return chosen(tables, choice, str(folder))
    if found:
        return chosen((), choice, str(found))
    raise InputError(missing(known, folders))


def _as_published(args: argparse.Namespace, table: Table) -> argparse.Namespace:
    own = {"data": str(table.path), "levels": None, "degrade_at": None}
    return argparse.Namespace(**{**vars(args), **own, "download": False})


def _own_jobs(args: argparse.Namespace, tables: Sequence[Table]) -> list[_Job]:
    """Return the runs of the clean tables, degraded here as the published ones are."""
    jobs = []
    for name in dict.fromkeys(table.set for table in tables):
        clean = _clean(args, name)
        # A run for each level, so that more of them can be asked for later.
        jobs.append(_Job(_clean_name(name), _at(args, clean, CLEAN)))
        for table in (one for one in tables if one.set == name):
            operation = "" if table.operation == MIXED else table.operation
            jobs.append(_Job(_own_name(table), _at(args, clean, table.level), operation))
    return jobs


def _at(args: argparse.Namespace, clean: Path, level: str) -> argparse.Namespace:
    own = {"data": str(clean), "levels": level, "download": False}
    return argparse.Namespace(**{**vars(args), **own})


def _clean_name(name: str) -> str:
    return f"{name}-{CLEAN}"


def _own_name(table: Table) -> str:
    return f"{table.set}-{_OWN}-{table.operation}-{table.level}"


def _clean(args: argparse.Namespace, name: str) -> Path:
    """Return the clean table of a benchmark, fetched if that was asked and can be done."""
    folders = data_folders(args.folder)
    known = next((one for one in known_benchmarks(folders).values() if one.name == name), None)
    if known and args.download:
        return fetch_benchmark(known, args.folder)
    plain = known or Known(name, (f"{name}.tsv",), "vlmevalkit")
    if found := look_for(plain, folders):
        return found
    raise InputError(missing(plain, folders) + "; or leave out --degrade-clean")


def _opened(jobs: Sequence[_Job]) -> tuple[dict[str, Work], list[str]]:
    """Open the tables; return what is answered by name, and why some cannot be.

    Raises:
        DataError: none can be.
    """
    works, wrong = {}, []
    for job in jobs:
        try:
            works[job.name] = work_of(job.args, job.operation)
        except DataError as error:
            wrong.append(str(error))
    if not works:
        raise DataError(f"no table can be read: {'; '.join(wrong)}")
    return works, wrong


def _answered(
    args: argparse.Namespace, engine: Engine, works: Mapping[str, Work], wrong: list[str],
    ranks: Ranks,
) -> dict[str, tuple[Row, ...]]:
    """Make the runs; return their rows by name, and add to `wrong` why some cannot be made."""
    rows: dict[str, tuple[Row, ...]] = {}
    for number, (name, work) in enumerate(works.items(), 1):
        say(f"{name} ({number} of {len(works)})")
        try:
            rows[name] = answer(args, engine, work, args.output / name, ranks).rows
        except DataError as error:
            wrong.append(str(error))
    return rows


def _measured(table: Table, rows: Mapping[str, tuple[Row, ...]]) -> Measured:
    return measure(table, rows.get(table.path.stem), rows.get(_own_name(table)))


def _values(
    known: Known,
    engine: Engine,
    measured: Sequence[Measured],
    clean: Mapping[str, Figure],
    wrong: Sequence[str],
) -> dict[str, Any]:
    return {
        "benchmark": known.name,
        "model": engine.info.name,
        "precision": engine.precision,
        **({"eyes": engine.eyes} if isinstance(engine, EyesEngine) else {}),
        "clean": {name: asdict(figure) for name, figure in clean.items()},
        "tables": [asdict(one) for one in measured],
        "not_made": list(wrong),
    }
