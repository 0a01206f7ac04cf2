"""Filters: which of the answered cases somebody wants to see."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from robust_r1.analysis.entries import LOST, WON, Entry
from robust_r1.degradations import find
from robust_r1.errors import InputError

RIGHT, WRONG = "right", "wrong"
EITHER = "either way"
OUTCOMES = ("", RIGHT, WRONG)
FLIPS = ("", LOST, WON, EITHER)
MAX_TEXT = 200
MAX_VALUES = 64


@dataclass(frozen=True)
class Filter:
    """Say what a case must be; an empty field asks for nothing.

    Attributes:
        models, tasks, levels: the case's is one of these.
        degradations: ids; one of them at least was applied or perceived.
        outcome: `RIGHT` or `WRONG`, for captions right where every fact is.
        flip: `LOST`, `WON` or `EITHER`, against the same picture undamaged.
        malformed: the chain is not well formed.
        text: stands in the case's name, question, choices, truth or answer, in any letter case.
        tag: the notebook has this tag for the case.
    """

    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    degradations: tuple[str, ...] = ()
    outcome: str = ""
    flip: str = ""
    malformed: bool = False
    text: str = ""
    tag: str = ""

    def __str__(self) -> str:
        """Say in words what is asked for; empty where nothing is."""
        parts = [
            " or ".join(self.models),
            " or ".join(self.tasks),
            " or ".join(self.levels),
            " or ".join(find(id).chain_name for id in self.degradations),
            self.outcome,
            f"flipped {self.flip}" if self.flip else "",
            "malformed" if self.malformed else "",
            f'with "{self.text}"' if self.text else "",
            f"tagged {self.tag}" if self.tag else "",
        ]
        return ", ".join(part for part in parts if part)


def select(
    entries: Sequence[Entry],
    wanted: Filter,
    tagged: Collection[tuple[str, str]] = (),
) -> tuple[Entry, ...]:
    """Return the entries that a filter lets pass, in their order.

    `tagged` holds (run, case id) of the cases that bear the filter's tag.
    """
    names = {find(id).chain_name for id in wanted.degradations}
    text = wanted.text.strip().lower()
    flips = {EITHER: (LOST, WON)}.get(wanted.flip, (wanted.flip,))
    right = {RIGHT: True, WRONG: False}.get(wanted.outcome)

    def passes(entry: Entry) -> bool:
        row = entry.row
        return (
            (not wanted.models or entry.model in wanted.models)
            and (not wanted.tasks or row.task in wanted.tasks)
            and (not wanted.levels or row.level in wanted.levels)
            and (not names or not names.isdisjoint(entry.names))
            and (right is None or entry.right is right)
            and (not wanted.flip or entry.flip in flips)
            and not (wanted.malformed and row.well_formed)
            and (not text or text in entry.words)
            and (not wanted.tag or (entry.run, row.id) in tagged)
        )

    return tuple(filter(passes, entries))


def to_json(wanted: Filter) -> str:
    """Write a filter as JSON text; fields that ask for nothing are left out."""
    return json.dumps({key: value for key, value in asdict(wanted).items() if value})


def from_json(text: str) -> Filter:
    """Read a filter that `to_json` or a program wrote; empty text is the filter that asks nothing.

    Raises:
        InputError: no JSON object, an unknown key, or a value of another kind.
    """
    try:
        values = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise InputError(f"a filter must be JSON text, such as {_EXAMPLE}: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"a filter must be a JSON object, such as {_EXAMPLE}")
    return from_values(values)


_EXAMPLE = '{"levels": ["high"], "outcome": "wrong"}'


def from_values(values: Mapping[str, object]) -> Filter:
    """Make a filter from values by name; raise InputError for what cannot be one."""
    known = {field.name: field.default for field in fields(Filter)}
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise InputError(f"a filter has no {key[:40]!r}; it has {', '.join(known)}")
        checked[key] = _checked(key, value, known[key])
    for key, allowed in (("outcome", OUTCOMES), ("flip", FLIPS)):
        if checked.get(key, "") not in allowed:
            words = ", ".join(repr(one) for one in allowed if one)
            raise InputError(f"{key} of a filter is {str(checked[key])[:40]!r}; choose {words}")
    if ids := checked.get("degradations"):
        checked["degradations"] = tuple(find(id).id for id in ids)
    return Filter(**checked)


def _checked(key: str, value: object, default: object) -> object:
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and len(value) <= MAX_VALUES and all(
            isinstance(one, str) for one in value
        ):
            return tuple(value)
        raise InputError(f"{key} of a filter must be a list of at most {MAX_VALUES} texts")
    if not isinstance(value, type(default)):
        kind = "true or false" if isinstance(default, bool) else "a text"
        raise InputError(f"{key} of a filter must be {kind}, got {value!r:.40}")
    return value[:MAX_TEXT] if isinstance(value, str) else value
