"""Filters: which of the answered cases somebody wants to see."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from robust_r1.analysis.confusion import cell_id, cell_of, cell_words, cells_of
from robust_r1.analysis.entries import LOST, WON, Entry
from robust_r1.analysis.intensities import EDGES, bins_of
from robust_r1.degradations import find
from robust_r1.errors import InputError

RIGHT, WRONG, SCORED = "right", "wrong", "scored"
EITHER = "either way"
OUTCOMES = ("", RIGHT, WRONG, SCORED)
# How far a perceived intensity lies from the applied one: the bins of the histogram, in words.
OFF_BY = tuple(f"{low:+.1f} to {high:+.1f}" for low, high in zip(EDGES, EDGES[1:], strict=False))
FLIPS = ("", LOST, WON, EITHER)
MAX_TEXT = 200
MAX_VALUES = 64


@dataclass(frozen=True)
class Filter:
    """Say what a case must be; an empty field asks for nothing.

    Attributes:
        models, tasks, levels, categories, languages, prompts: the case's is one of these.
        degradations: ids; one of them at least was applied or perceived.
        outcome: `RIGHT` or `WRONG`, for captions right where every fact is; `SCORED` for either.
        flip: `LOST`, `WON` or `EITHER`, against the same picture undamaged.
        malformed: the chain is not well formed.
        text: stands in the case's name, question, choices, truth or answer, in any letter case.
        tag: the notebook has this tag for the case.
        missed: ids; one of them at least was applied and not perceived.
        false_alarms: ids; one of them at least was named and not applied.
        taken: cells of the confusion matrix as `cell_id` writes them; the case lies in all of them.
        off_by: of `OFF_BY`; for each of them the case has a matched finding that far off.
        only_right: the case is of this model, which alone among the runs is right about it.
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
    missed: tuple[str, ...] = ()
    false_alarms: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    off_by: tuple[str, ...] = ()
    only_right: str = ""
    categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()

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
            _either("missed", self.missed),
            _either("false alarm", self.false_alarms),
            *(cell_words(cell_of(one)) for one in self.taken),
            *(f"intensity off by {one}" for one in self.off_by),
            f"only {self.only_right} right" if self.only_right else "",
            " or ".join(self.categories),
            f"in {' or '.join(self.languages)}" if self.languages else "",
            f"with the prompt {' or '.join(self.prompts)}" if self.prompts else "",
        ]
        return ", ".join(part for part in parts if part)


def _either(word: str, ids: Sequence[str]) -> str:
    return f"{word} {' or '.join(find(id).chain_name for id in ids)}" if ids else ""


def select(
    entries: Sequence[Entry],
    wanted: Filter,
    tagged: Collection[tuple[str, str]] = (),
) -> tuple[Entry, ...]:
    """Return the entries that a filter lets pass, in their order.

    `tagged` holds (run, case id) of the cases that bear the filter's tag.
    """
    names, missed, alarms = (
        {find(id).chain_name for id in ids}
        for ids in (wanted.degradations, wanted.missed, wanted.false_alarms)
    )
    cells = {cell_of(one) for one in wanted.taken}
    bins = {OFF_BY.index(one) for one in wanted.off_by}
    alone = _only_right(entries, wanted.only_right) if wanted.only_right else frozenset()
    text = wanted.text.strip().lower()
    flips = {EITHER: (LOST, WON)}.get(wanted.flip, (wanted.flip,))
    right = {RIGHT: True, WRONG: False}.get(wanted.outcome)

    def passes(entry: Entry) -> bool:
        row = entry.row
        return (
            (not wanted.models or entry.model in wanted.models)
            and (not wanted.tasks or row.task in wanted.tasks)
            and (not wanted.levels or row.level in wanted.levels)
            and (not wanted.categories or row.category in wanted.categories)
            and (not wanted.languages or row.language in wanted.languages)
            and (not wanted.prompts or entry.terms.prompt in wanted.prompts)
            and (not names or not names.isdisjoint(entry.names))
            and (right is None or entry.right is right)
            and not (wanted.outcome == SCORED and entry.right is None)
            and (not wanted.flip or entry.flip in flips)
            and not (wanted.malformed and row.well_formed)
            and (not text or text in entry.words)
            and (not wanted.tag or (entry.run, row.id) in tagged)
            and not (missed and missed.isdisjoint(row.matching.misses))
            and not (alarms and alarms.isdisjoint(row.matching.false_alarms))
            and not (cells and not cells <= cells_of(row.matching))
            and not (bins and not bins <= bins_of(row.matching))
            and not (wanted.only_right and (entry.model, row.id) not in alone)
        )

    return tuple(filter(passes, entries))


def _only_right(entries: Sequence[Entry], model: str) -> frozenset[tuple[str, str]]:
    """Return (model, case id) where a model is right, another is wrong and no other is right."""
    right = {entry.row.id for entry in entries if entry.model == model and entry.right}
    others = [entry for entry in entries if entry.model != model]
    beaten = {entry.row.id for entry in others if entry.right is False}
    shared = {entry.row.id for entry in others if entry.right}
    return frozenset((model, id) for id in (right & beaten) - shared)


def why_none(entries: Sequence[Entry], wanted: Filter) -> str:
    """Say in a sentence why no case passes a filter; empty where there is no more to say."""
    here = {entry.model for entry in entries}
    if here and wanted.models and not here & {*wanted.models}:
        return _not_open(wanted.models[0])
    own = [entry for entry in entries if not wanted.models or entry.model in wanted.models]
    asked = [entry for entry in own if not wanted.tasks or entry.row.task in wanted.tasks]
    if wanted.outcome or wanted.flip or wanted.only_right:
        if asked and all(entry.row.task == "perception" for entry in asked):
            return (
                "These cases ask for the damage alone, so no answer is right or wrong: choose "
                "missed or false alarm instead."
            )
        if asked and all(entry.right is None for entry in asked):
            return "No true answer of these cases is known, so none is right or wrong."
    if here and wanted.only_right and wanted.only_right not in here:
        return _not_open(wanted.only_right)
    if wanted.only_right and len(here) < 2:
        return "A single run is open: open another one to see where only one of them is right."
    return ""


def _not_open(model: str) -> str:
    return f"No run of {model[:60]} is open: open its run above, or take it out of the filter."


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
    for key in ("degradations", "missed", "false_alarms"):
        if ids := checked.get(key):
            checked[key] = tuple(find(id).id for id in ids)
    if cells := checked.get("taken"):
        checked["taken"] = tuple(cell_id(cell_of(cell)) for cell in cells)
    for one in checked.get("off_by", ()):
        if one not in OFF_BY:
            raise InputError(f"off_by of a filter is {one[:40]!r}; write it as {OFF_BY[0]!r}")
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
