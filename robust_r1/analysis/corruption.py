"""What each degradation costs: accuracy lost, and errors relative to a base model's.

Corruption errors are Hendrycks and Dietterich's (2019): a degradation's error summed over levels,
relative to the base's, and the same of its growth over the clean error; of both the means over
degradations are mCE and relative mCE. Each picture has its own degradation, so the clean error of
one is that of the same pictures. A picture under several counts for each of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robust_r1.analysis.entries import Entry, in_order
from robust_r1.ask.answered import Answered
from robust_r1.degradations import SPECS, STAGES, find
from robust_r1.metrics import Figure, figures_of_sums

ALL, STAGE, DEGRADATION = "all", "stage", "degradation"
FEWEST = 5  # pictures of a degradation that may be called the worst: fewer say next to nothing
_CLEAN, _DAMAGED, _ERROR, _RELATIVE = "clean", "damaged", "error", "relative error"
_DROP = "drop"


@dataclass(frozen=True)
class DegradationLine:
    """Say what one degradation, those of one stage, or all of them cost a model.

    Attributes:
        kind: ALL, STAGE or DEGRADATION.
        name: of the stage, or the degradation's id; empty for all.
        pictures: how many have it.
        clean, damaged: accuracy of the same questions without and with it, over all levels.
        drop: the difference.
        error, relative_error: (relative) corruption error against the base, for a stage and for all
            the mean over their degradations. None without a base; without a value where the base
            makes no error, or does not get worse.
    """

    kind: str
    name: str
    pictures: int
    clean: Figure
    damaged: Figure
    drop: Figure
    error: Figure | None = None
    relative_error: Figure | None = None


@dataclass(frozen=True)
class Corruption:
    """Hold one model's lines: all, then each stage with its degradations; `base` may be empty."""

    model: str
    base: str
    lines: tuple[DegradationLine, ...]

    @property
    def worst(self) -> DegradationLine | None:
        """Return the degradation that costs most accuracy, among those of FEWEST pictures or more.

        None where there is none, or none costs anything.
        """
        told = [
            line for line in self.lines
            if line.kind == DEGRADATION and line.pictures >= FEWEST and (line.drop.value or 0) > 0
        ]  # fmt: skip
        return max(told, key=lambda line: line.drop.value or 0, default=None)


@dataclass
class _Cases:
    """Collect a model's scored answers to damaged pictures, and what goes with each."""

    ids: list[tuple[str, ...]] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    # Error, clean error, and the base's two; nan where an answer is missing.
    errors: list[tuple[float, float, float, float]] = field(default_factory=list)


def corruption(entries: Sequence[Entry], base: str = "") -> tuple[Corruption, ...]:
    """Compute what each degradation costs each model; nothing where no damage is known by name.

    Args:
        base: the model that errors are relative to, which has no line of its own then; empty for
            none. Only what both answered counts.
    """
    theirs = {entry.row.id: entry for entry in entries if entry.model == base}
    found = []
    for model in in_order(entry.model for entry in entries):
        if model == base:
            continue
        cases = _collect([entry for entry in entries if entry.model == model], base, theirs)
        if cases.ids:
            found.append(Corruption(model, base, _lines(cases, bool(base))))
    return tuple(found)


def _collect(own: Sequence[Entry], base: str, theirs: Mapping[str, Entry]) -> _Cases:
    cases = _Cases()
    for entry in own:
        row, other = entry.row, theirs.get(entry.row.id)
        scored = row.known and row.plan and row.accuracy is not None
        if not scored or (base and (other is None or other.row.accuracy is None)):
            continue
        cases.ids.append(tuple(row.plan.intensities))
        cases.levels.append(row.level)
        cases.clusters.append(row.cluster)
        cases.errors.append((*_errors(entry), *_errors(other)))
    return cases


def _errors(entry: Entry | None) -> tuple[float, float]:
    return (np.nan, np.nan) if entry is None else (_error(entry.row), _error(entry.clean))


def _error(row: Answered | None) -> float:
    return np.nan if row is None or row.accuracy is None else 1 - row.accuracy


class _Sums:
    """Turn cases into sums by degradation and level, and sums into figures.

    Of each degradation and level: errors, cases, then of those whose clean answers are scored the
    errors, the clean errors, and cases; with a base then the same sums of the base.
    """

    def __init__(self, cases: _Cases, with_base: bool) -> None:
        self.with_base = with_base
        levels, own = in_order(cases.levels), {id for ids in cases.ids for id in ids}
        self.ids = [spec.id for spec in SPECS if spec.id in own]
        mine, clean, base, base_clean = np.array(cases.errors).T
        twins = ~(np.isnan(clean) | (with_base & np.isnan(base_clean)))
        sides = [(mine, clean), (base, base_clean)][: 1 + with_base]
        values = np.nan_to_num(np.stack([
            quantity for one, undamaged in sides
            for quantity in (one, np.ones(len(one)), one * twins, undamaged * twins, twins)
        ], axis=1))  # fmt: skip
        self.shape = (len(self.ids), len(levels), values.shape[1])
        self.parts = np.zeros((len(cases.ids), *self.shape))
        places = {id: place for place, id in enumerate(self.ids)}
        steps = {level: place for place, level in enumerate(levels)}
        for number, (ids, level) in enumerate(zip(cases.ids, cases.levels, strict=True)):
            for id in ids:
                self.parts[number, places[id], steps[level]] = values[number]

    def figures(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Return the figures of each of some sums, k x all, by kind, name and figure."""
        found = {}
        table = sums.reshape(-1, *self.shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            single = _ratios(table) if self.with_base else {}
            for kind, name, ids in self.places():
                chosen = [self.ids.index(id) for id in ids]
                sums_here = table[:, chosen, :, :5].sum((1, 2))
                errors, n, twin_errors, clean, twins = np.moveaxis(sums_here, -1, 0)
                key = f"{kind}/{name}/"
                found[key + _DAMAGED] = 1 - errors / n
                found[key + _CLEAN] = 1 - clean / twins
                found[key + _DROP] = (twin_errors - clean) / twins
                for figure, values in single.items():
                    found[key + figure] = _mean_of_known(values[:, chosen])
        return found

    def places(self) -> list[tuple[str, str, list[str]]]:
        """Return kind, name and degradations of each line."""
        lines = [(ALL, "", self.ids)]
        for stage in STAGES:
            ids = [id for id in self.ids if find(id).stage == stage]
            lines += [(STAGE, stage, ids)] if ids else []
            lines += [(DEGRADATION, id, [id]) for id in ids]
        return lines


def _ratios(table: np.ndarray) -> dict[str, np.ndarray]:
    """Return corruption errors, k x degradations, from sums, k x degradations x levels x 10."""
    means = np.nan_to_num(table[..., [0, 5]] / table[..., [1, 6]]).sum(2)
    growth = table[..., [2, 7]] - table[..., [3, 8]]
    grown = np.nan_to_num(growth / table[..., [4, 9]]).sum(2)
    # A base that makes no error, or gets no worse, is nothing to divide by.
    return {
        _ERROR: np.where(means[..., 1] > 0, means[..., 0] / means[..., 1], np.nan),
        _RELATIVE: np.where(grown[..., 1] > 1e-12, grown[..., 0] / grown[..., 1], np.nan),
    }


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    return np.where(known, values, 0).sum(1) / known.sum(1)


def _lines(cases: _Cases, with_base: bool) -> tuple[DegradationLine, ...]:
    sums = _Sums(cases, with_base)
    flat = sums.parts.reshape(len(sums.parts), -1)
    figures = figures_of_sums(flat, sums.figures, cases.clusters)
    shown: dict[str, set[str]] = {id: set() for id in sums.ids}
    for cluster, own in zip(cases.clusters, cases.ids, strict=True):
        for id in own:
            shown[id].add(cluster)
    lines = []
    for kind, name, ids in sums.places():
        key, pictures = f"{kind}/{name}/", set().union(*(shown[id] for id in ids))
        of = {what: figures.get(key + what) for what in (_ERROR, _RELATIVE)}
        lines.append(
            DegradationLine(
                kind, name, len(pictures),
                *(figures[key + what] for what in (_CLEAN, _DAMAGED, _DROP)), *of.values(),
            )
        )  # fmt: skip
    return tuple(lines)
