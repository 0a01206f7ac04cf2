"""The entries of a table of benchmarks: what stands in one, checked where it is read.

The project's own table is `benchmarks.yaml` beside this module. A file of that name in a folder of
data adds a user's own, or replaces entries, such as one with another address.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import yaml

from robust_r1.engine.types import GenerationSettings
from robust_r1.errors import InputError
from robust_r1.records import FORMATS

TABLE = "benchmarks.yaml"
_KEY = re.compile("[a-z0-9][a-z0-9._-]*")
_REPO = re.compile("[\\w.-]+/[\\w.-]+")
_SETTINGS = [one.name for one in fields(GenerationSettings)]
_HEX = {"md5": re.compile("[0-9a-fA-F]{32}"), "sha256": re.compile("[0-9a-fA-F]{64}")}


@dataclass(frozen=True)
class Hub:
    """Name a file of a data set on the hub; without a file, the whole data set."""

    repo: str
    file: str = ""
    revision: str = "main"


@dataclass(frozen=True)
class Known:
    """Describe a published benchmark; what nobody has verified is left empty.

    Attributes:
        name: in runs and tables.
        files: what its file may be called, relative to the folder of the data.
        format: a member of `records.FORMATS`.
        address: the page that says how it is to be had, where `url` or `hub` do not.
        url, hub: where it can be fetched from: a file over HTTPS, or on the hub.
        md5, sha256: of the file, in hex.
        licence, language: empty where they are not known.
        rows: of the whole file; 0 where that is not known.
        megabytes: of the file, about; 0 where that is not known.
        folder: whether it is a folder of tables, as MMD-Bench is.
        by_hand: why it cannot be fetched by the program, where that takes a word.
        settings: of generation, by the names of `GenerationSettings`.
    """

    name: str
    files: tuple[str, ...]
    format: str
    address: str = ""
    url: str = ""
    hub: Hub | None = None
    md5: str = ""
    sha256: str = ""
    licence: str = ""
    language: str = ""
    rows: int = 0
    megabytes: float = 0.0
    folder: bool = False
    by_hand: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)

    @property
    def fetchable(self) -> bool:
        """Tell whether the program can fetch it."""
        return bool(self.url or self.hub)

    @property
    def where(self) -> str:
        """Return where it is to be had, for people."""
        if self.hub and not self.address:
            page = f"https://huggingface.co/datasets/{self.hub.repo}"
            return f"{page}/blob/{self.hub.revision}/{self.hub.file}" if self.hub.file else page
        return self.address or self.url

    @property
    def checksums(self) -> dict[str, str]:
        """Return the checksums that are known, by name."""
        known = {"md5": self.md5, "sha256": self.sha256}
        return {name: value for name, value in known.items() if value}


@cache
def bundled() -> Mapping[str, Known]:
    """Read the project's own table."""
    return read_entries(Path(__file__).with_name(TABLE))


def read_entries(path: Path) -> dict[str, Known]:
    """Read a table of benchmarks, by the names that `evaluate` takes.

    Raises:
        InputError: the file is no such table, with the entry and how to mend it.
    """
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "it cannot be read"
        raise InputError(f"{path}{line}: this is no YAML ({reason}); correct it") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(f"{path} is no table of benchmarks; write a name, a colon, and its fields")
    return {str(key): _entry(key, values, path) for key, values in found.items()}


def _entry(key: Any, values: Any, path: Path) -> Known:
    def wrong(what: str, mend: str) -> NoReturn:
        raise InputError(f"{path}: {key}: {what}; {mend}")

    if not isinstance(key, str) or not _KEY.fullmatch(key):
        wrong("this is no name for the command line", "use small letters, digits and hyphens")
    if not isinstance(values, dict):
        wrong("it has no fields", "give it at least name, files and format")
    names = [one.name for one in fields(Known)]
    if unknown := [str(name) for name in values if name not in names]:
        wrong(f"there is no field {unknown[0]}", f"choose from {', '.join(names)}")
    if missing := [name for name in ("name", "files", "format") if not values.get(name)]:
        wrong(f"it has no {missing[0]}", "write one")
    files = values["files"]
    given = {**values, "files": [files] if isinstance(files, str) else files}
    for name, (fits, mend) in _RULES.items():
        if name in given and not fits(given[name]):
            wrong(f"{name} is {given[name]!r}", mend)
    if "hub" in given and not given["hub"].get("file") and not given.get("folder"):
        wrong("its hub has no file", "name the one that is the benchmark")
    made: dict[str, Any] = {name: str(given[name]) for name in _HEX if name in given}
    made["files"] = tuple(given["files"])
    if "hub" in given:
        made["hub"] = Hub(**given["hub"])
    return Known(**{**given, **made})


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _files(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_inside, value))


def _inside(name: Any) -> bool:
    """Tell whether a name stays below the folder it is relative to."""
    if not isinstance(name, str) or not name or "\\" in name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _hub(value: Any) -> bool:
    parts = {one.name for one in fields(Hub)}
    if not isinstance(value, dict) or not value.keys() <= parts:
        return False
    texts = all(isinstance(part, str) for part in value.values())
    return texts and bool(_REPO.fullmatch(value.get("repo", "")))


def _settings(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= set(_SETTINGS)


def _amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


# What a field must be, and how to mend it.
_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_text, "write a text"),
    "files": (_files, "give the names that its file may have, without a way out of the folder"),
    "format": (lambda value: value in FORMATS, f"choose from {', '.join(FORMATS)}"),
    "address": (_address, "give an address that begins with https://"),
    "url": (_address, "give an address that begins with https://"),
    "hub": (_hub, "write {repo: OWNER/NAME, file: PATH}, and a revision if it is not main"),
    "md5": (lambda value: bool(_HEX["md5"].fullmatch(str(value))), "write 32 hex digits"),
    "sha256": (lambda value: bool(_HEX["sha256"].fullmatch(str(value))), "write 64 hex digits"),
    "licence": (_text, "write a text"),
    "language": (_text, "write a code such as en"),
    "rows": (lambda value: _amount(value) and isinstance(value, int), "write a whole number"),
    "megabytes": (_amount, "write a number"),
    "folder": (lambda value: isinstance(value, bool), "write true or false"),
    "by_hand": (_text, "write a text"),
    "settings": (_settings, f"choose from {', '.join(_SETTINGS)}"),
}
