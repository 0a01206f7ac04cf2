"""What each degradation costs: accuracy lost, and errors relative to a base model's.

Corruption errors are Hendrycks and Dietterich's (2019): a degradation's error summed over levels,
relative to the base's, and the same of its growth over the clean error; of both the means over
degradations are mCE and relative mCE. Each picture has its own degradation, so the clean error of
one is that of the same pictures. A picture under several counts for each of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from robust_r1.analysis.entries import Entry, in_order
from robust_r1.ask.answered import Answered
from robust_r1.degradations import SPECS, STAGES, find
from robust_r1.metrics import Figure, figures_of_sums

ALL, STAGE, DEGRADATION = "all", "stage", "degradation"
FEWEST = 5  # pictures of a degradation that may be called the worst: fewer say next to nothing
_CLEAN, _DAMAGED, _DROP, _ERROR, _RELATIVE = "clean", "damaged", "drop", "error", "relative error"
_FIGURES = (_CLEAN, _DAMAGED, _DROP, _ERROR, _RELATIVE)


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


_Place = tuple[str, str]  # the kind and the name of a line


def _places(ids: Iterable[str]) -> list[_Place]:
    """Return the lines that a case with these degradations counts in, in their order."""
    known, lines = {*ids}, [(ALL, "")]
    for stage in STAGES:
        own = [spec.id for spec in SPECS if spec.stage == stage and spec.id in known]
        lines += [(STAGE, stage)] if own else []
        lines += [(DEGRADATION, id) for id in own]
    return lines


class _Sums:
    """Turn cases into sums by line and level, and sums into figures.

    Of each line and level: errors, cases, then of those whose clean answers are scored the errors,
    the clean errors, and cases; with a base then the same sums of the base.
    """

    def __init__(self, cases: _Cases, with_base: bool) -> None:
        self.with_base = with_base
        levels = in_order(cases.levels)
        self.places = _places(id for ids in cases.ids for id in ids)
        mine, clean, base, base_clean = np.array(cases.errors).T
        twins = ~(np.isnan(clean) | (with_base & np.isnan(base_clean)))
        sides = [(mine, clean), (base, base_clean)][: 1 + with_base]
        values = np.nan_to_num(np.stack([
            quantity for one, undamaged in sides
            for quantity in (one, np.ones(len(one)), one * twins, undamaged * twins, twins)
        ], axis=1))  # fmt: skip
        self.shape = (len(self.places), len(levels), values.shape[1])
        self.parts = np.zeros((len(cases.ids), *self.shape))
        rows = {place: row for row, place in enumerate(self.places)}
        steps = {level: step for step, level in enumerate(levels)}
        counted = {ids: [rows[place] for place in _places(ids)] for ids in {*cases.ids}}
        for number, (ids, level) in enumerate(zip(cases.ids, cases.levels, strict=True)):
            self.parts[number, counted[ids], steps[level]] = values[number]

    def figures(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Return the figures of each of some sums, k x all, by line and name."""
        found = {}
        table = sums.reshape(-1, *self.shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = _ratios(table) if self.with_base else {}
            for row, place in enumerate(self.places):
                errors, n, twin_errors, clean, twins = table[:, row, :, :5].sum(1).T
                found[_key(place, _DAMAGED)] = 1 - errors / n
                found[_key(place, _CLEAN)] = 1 - clean / twins
                found[_key(place, _DROP)] = (twin_errors - clean) / twins
                chosen = [self.places.index(one) for one in self._single(place)]
                for name, values in ratios.items():
                    found[_key(place, name)] = _mean_of_known(values[:, chosen])
        return found

    def _single(self, place: _Place) -> list[_Place]:
        """Return the degradations of a line."""
        kind, name = place
        single = [one for one in self.places if one[0] == DEGRADATION]
        return [
            one for one in single
            if kind == ALL or one == place or (kind == STAGE and find(one[1]).stage == name)
        ]  # fmt: skip


def _key(place: _Place, name: str) -> str:
    return "/".join((*place, name))


def _ratios(table: np.ndarray) -> dict[str, np.ndarray]:
    """Return corruption errors, k x lines, from sums, k x lines x levels x 10."""
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
    shown: dict[_Place, list[str]] = {place: [] for place in sums.places}
    for cluster, own in zip(cases.clusters, cases.ids, strict=True):
        for place in _places(own):
            shown[place].append(cluster)
    lines = []
    for place, clusters in shown.items():
        pictures = len({*clusters})
        told = [
            _of_pictures(figures[_key(place, name)], pictures, len(clusters))
            for name in _FIGURES[: 5 if with_base else 3]
        ]
        lines.append(DegradationLine(*place, pictures, *told))
    return tuple(lines)


def _of_pictures(figure: Figure, pictures: int, n: int) -> Figure:
    """Give a figure its own number of answers; of a single picture it has no interval."""
    return replace(figure, n=n) if pictures > 1 else Figure(figure.value, n)
