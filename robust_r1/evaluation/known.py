"""Published benchmarks by name: where they lie on this machine, and else where they are to be had.

Nothing is fetched here: `evaluation/download.py` does that, when it is asked.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from robust_r1.errors import InputError
from robust_r1.evaluation.benchmarks import BENCHMARKS
from robust_r1.evaluation.entries import TABLE, Known, bundled, read_entries

_VARIABLE = "LMUData"  # as VLMEvalKit spells it


def known_benchmarks(folders: Sequence[Path] = ()) -> Mapping[str, Known]:
    """Return the published benchmarks, by the names that `evaluate` takes.

    Args:
        folders: of data, whose own tables add to the project's; the first one's entries win.

    Raises:
        InputError: a folder's table is broken.
    """
    found = dict(bundled())
    for folder in reversed(folders):
        if (folder / TABLE).is_file():
            found |= read_entries(folder / TABLE)
            if taken := sorted(found.keys() & BENCHMARKS.keys()):
                raise InputError(
                    f"{folder / TABLE}: {taken[0]} is made here; give the entry another name"
                )
    return found


def known_file(path: Path) -> Known | None:
    """Return the benchmark that a file is by its name; None where it is none of the table."""
    known = known_benchmarks((path.parent,)).values()
    mine = path.name.lower()
    named = (one for one in known if not one.folder)
    return next((one for one in named if mine in (Path(f).name.lower() for f in one.files)), None)


def data_folders(data: Path | None) -> tuple[Path, ...]:
    """Return where benchmarks are looked for: the given folder, then VLMEvalKit's."""
    own = Path(os.environ.get(_VARIABLE) or Path.home() / "LMUData")
    return (own,) if data is None else (data, own)


def look_for(known: Known, folders: Sequence[Path]) -> Path | None:
    """Return the file or folder of a benchmark in one of some folders; None if none has it."""
    places = ((folder, name) for folder in folders for name in known.files)
    return next(filter(None, (_find(*place) for place in places)), None)


def find_benchmark(known: Known, data: Path | None) -> Path:
    """Return the file or folder of a benchmark on this machine.

    Args:
        data: the folder that is looked into first; None for VLMEvalKit's alone.

    Raises:
        InputError: it is not here, with where it is to be had.
    """
    if data is not None and not data.is_dir():
        raise InputError(f"--data names {data}, which is no folder; give the one with the files")
    folders = data_folders(data)
    if found := look_for(known, folders):
        return found
    raise InputError(missing(known, folders))


def _find(folder: Path, name: str) -> Path | None:
    """Return a file below a folder by its name in any case; the exact one first."""
    if (folder / name).exists():
        return folder / name
    for part in Path(name).parts:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        same = next((one for one in inside if one.name.lower() == part.lower()), None)
        if same is None:
            return None
        folder = same
    return folder


def facts(known: Known) -> str:
    """Return what is known of a benchmark's file: "78.3 MB, 765 rows, licence CC BY-ND"."""
    told = [f"about {known.megabytes:g} MB"] if known.megabytes else ["size not known"]
    told += [f"{known.rows} rows"] if known.rows else []
    told += [f"licence {known.licence}"] if known.licence else ["see there for its licence"]
    return ", ".join(told)


def missing(known: Known, folders: Sequence[Path]) -> str:
    """Say that a benchmark is not here, and how it is to be had."""
    where = " or ".join(map(str, folders))
    said = f"{known.name} is not here: {where} has no {known.files[0]}"
    by_hand = "put it there, or name its folder with --data"
    if not known.where:
        return f"{said}; {by_hand}"
    said += f". It is to be had at {known.where} ({facts(known)})"
    if known.fetchable:
        fetches = "--download fetches it"
        if known.folder:
            fetches = "--download with --sets NAME fetches its tables of a benchmark"
        return f"{said}: {fetches}, or {by_hand}"
    return f"{said}; {known.by_hand + ': ' if known.by_hand else ''}{by_hand}"
