"""Published benchmarks by name: what their files are called, and where they lie on this machine.

The table is `benchmarks.yaml` beside this module; a new benchmark is one entry there. Nothing is
fetched: what is not here is said, with where it is to be had.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path

import yaml

from robust_r1.errors import InputError
from robust_r1.records import FORMATS

_TABLE = Path(__file__).with_name("benchmarks.yaml")
_VARIABLE = "LMUData"  # as VLMEvalKit spells it
_LISTED = 5  # tables of a folder that a sentence names


@dataclass(frozen=True)
class Known:
    """Describe a published benchmark; what nobody has verified is left empty.

    Attributes:
        name: in runs and tables.
        files: what its file may be called, relative to the folder of the data.
        format: a member of `records.FORMATS`.
        address: where the file is to be had, or the page that says so.
        licence, language: empty where they are not known.
        rows: of the whole file; 0 where that is not known.
        megabytes: of the file; 0 where that is not known.
        folder: whether it is a folder of tables, of which one at a time is evaluated.
        settings: of generation, by the names of `GenerationSettings`.
    """

    name: str
    files: tuple[str, ...]
    format: str
    address: str
    licence: str = ""
    language: str = ""
    rows: int = 0
    megabytes: float = 0.0
    folder: bool = False
    settings: Mapping[str, float] = field(default_factory=dict)


@cache
def known_benchmarks() -> Mapping[str, Known]:
    """Read the table: the published benchmarks, by the names that `evaluate` takes."""
    entries = yaml.safe_load(_TABLE.read_text("utf-8"))
    names = {one.name for one in fields(Known)}
    found = {}
    for key, values in entries.items():
        if unknown := sorted(values.keys() - names):
            raise InputError(f"{_TABLE}: {key} has unknown fields: {', '.join(unknown)}")
        found[key] = Known(**{**values, "files": tuple(values["files"])})
        if found[key].format not in FORMATS:
            raise InputError(f"{_TABLE}: {key} has the format {found[key].format!r}, no known one")
    return found


def known_file(path: Path) -> Known | None:
    """Return the benchmark that a file is by its name; None where it is none of the table."""
    named = (one for one in known_benchmarks().values() if not one.folder)
    mine = path.name.lower()
    return next((one for one in named if mine in (Path(f).name.lower() for f in one.files)), None)


def data_folders(data: Path | None) -> tuple[Path, ...]:
    """Return where benchmarks are looked for: the given folder, then VLMEvalKit's."""
    own = Path(os.environ.get(_VARIABLE) or Path.home() / "LMUData")
    return (own,) if data is None else (data, own)


def find_benchmark(known: Known, data: Path | None) -> Path:
    """Return the file of a benchmark on this machine.

    Args:
        data: the folder that is looked into first; None for VLMEvalKit's alone.

    Raises:
        InputError: it is not here, with where it is to be had; or it is a folder of tables.
    """
    if data is not None and not data.is_dir():
        raise InputError(f"--data names {data}, which is no folder; give the one with the files")
    folders = data_folders(data)
    for folder in folders:
        for name in known.files:
            if (found := _find(folder, name)) is None:
                continue
            if known.folder:
                raise InputError(_choose(known, found))
            return found
    raise InputError(_missing(known, folders))


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


def _missing(known: Known, folders: tuple[Path, ...]) -> str:
    facts = [f"{known.megabytes:g} MB"] if known.megabytes else []
    facts += [f"{known.rows} rows"] if known.rows else []
    facts += [f"licence {known.licence}"] if known.licence else ["see there for its licence"]
    where = " or ".join(map(str, folders))
    return (
        f"{known.name} is not here: {where} has no {known.files[0]}. It is to be had at "
        f"{known.address} ({', '.join(facts)}); put it there, or name its folder with --data"
    )


def _choose(known: Known, folder: Path) -> str:
    tables = sorted(one.name for one in folder.rglob("*.tsv"))
    named = ", ".join(tables[:_LISTED]) + (", ..." if len(tables) > _LISTED else "")
    return (
        f"{known.name} is a folder of tables, each a run of its own: {folder} has "
        f"{named or 'none yet'}; give the path of one instead of the name"
    )
