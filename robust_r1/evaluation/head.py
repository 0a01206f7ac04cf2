"""The head of an evaluation run, `run.json`: what was asked, of which model, and how.

A folder whose head says otherwise is refused with the differences, so that no two runs mix.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robust_r1.ask.prompts import OURS
from robust_r1.errors import InputError
from robust_r1.records import RecordError

FORMAT = 1
_FILE = "run.json"
# What a head says of how far the run came, beside what it was asked with.
PROGRESS = ("rows", "unusable", "skipped", "cases")


def open_head(folder: Path, head: Mapping[str, Any]) -> None:
    """Begin a run's folder with this head, or make sure that the one there says the same.

    Raises:
        InputError: the folder holds a run of something else, which the text names.
    """
    head = {"format": FORMAT, **head}
    if (folder / _FILE).exists():
        if wrong := differences_of(read_head(folder), head):
            raise InputError(
                f"{folder} holds a run with other settings ({'; '.join(wrong)}); give another "
                "folder with -o"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    _write_head(folder, head)


def _write_head(folder: Path, head: Mapping[str, Any]) -> None:
    partial = folder / f"{_FILE}.partial"
    partial.write_text(json.dumps(head, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / _FILE)


# What held for every run before a run said so.
_BEFORE = {"terms prompt": OURS, "terms degrade_at": "fitted", "terms logprobs": False}


def differences_of(found: Mapping[str, Any], head: Mapping[str, Any]) -> list[str]:
    """Name what a folder's run was asked with and would not be now: "weights 1, not 2"."""
    old, new = _flat(found), _flat(head)
    names = [*new, *(name for name in old if name.startswith("terms ") and name not in new)]
    said = []
    for name in names:
        if name in ("weights", "max_pixels") and name not in old:
            continue  # a run of before they were recorded
        was, now = (values.get(name, _BEFORE.get(name)) for values in (old, new))
        if was != now:
            said.append(f"{name.removeprefix('terms ')} {was!r}, not {now!r}")
    return said


def _flat(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return a head with the parts of its settings and terms one by one."""
    found: dict[str, Any] = {}
    for name, value in head.items():
        if name in ("settings", "terms"):
            found |= {f"{name} {part}": inner for part, inner in value.items()}
        else:
            found[name] = value
    return found


def note_rows(
    folder: Path, rows: int, faults: Sequence[RecordError], skipped: Sequence[int] = ()
) -> None:
    """Keep in the head how many rows of a file were read, and which could not be used.

    `skipped` are the numbers of the items that were left out after they were read: shards need
    them to know which of their sources stood where.
    """
    told = [{"place": str(one.place), "wrong": one.wrong, "mend": one.mend} for one in faults]
    _write_head(
        folder, {**read_head(folder), "rows": rows, "unusable": told, "skipped": list(skipped)}
    )


def note_cases(folder: Path, cases: int | None) -> None:
    """Keep in the head that the run came to its end, with so many cases; None that it goes on."""
    head = read_head(folder)
    if head.pop("cases", None) != cases or cases is not None:
        _write_head(folder, head if cases is None else {**head, "cases": cases})


def unusable_rows(head: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the rows that a head says were left out, each with what is wrong with it."""
    return tuple(f"{one['place']}: {one['wrong']}" for one in head.get("unusable", ()))


def read_head(folder: Path) -> dict[str, Any]:
    """Return what a run's head says.

    Raises:
        InputError: the folder is no run, or one of another format.
    """
    path = folder / _FILE
    if not path.is_file():
        raise InputError(f"{folder} is no evaluation run: it has no {_FILE}")
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(head, dict):
        raise InputError(f"{path} is not as evaluate writes it: no JSON object")
    if head.get("format") != FORMAT:
        raise InputError(
            f"{folder} was written in format {head.get('format')}, this version reads {FORMAT}; "
            "run evaluate again"
        )
    return head
