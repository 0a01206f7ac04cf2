"""The tables that sum up runs of MMD-Bench: by benchmark and level, and by operation."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from robust_r1.commands.tables import format_table
from robust_r1.degradations import LEVELS, SPECS
from robust_r1.evaluation.published import CLEAN
from robust_r1.evaluation.sets import MIXED, Measured, mean_of
from robust_r1.metrics import Figure

Get = Callable[[Measured], Figure | None]
_MEAN = "mean of benchmarks"


def summary_lines(measured: Sequence[Measured], clean: Mapping[str, Figure]) -> Iterator[str]:
    """Yield the lines of the summary, tables of what was measured alone.

    Args:
        measured: the tables.
        clean: the accuracy on the clean table of each benchmark that was asked too.
    """
    parts: list[tuple[str, Get, Mapping[str, Figure], bool]] = [
        ("Accuracy, pictures as published", lambda one: one.published, {}, False),
        ("Accuracy, clean pictures degraded here", lambda one: one.own, clean, False),
        ("Published minus degraded here, same items", lambda one: one.difference, {}, True),
    ]
    for title, get, undamaged, signed in parts:
        known = [one for one in measured if get(one) is not None]
        if mixed := [one for one in known if one.operation == MIXED]:
            yield from ("", f"{title}, by level:", _by_level(mixed, get, undamaged, signed))
        elif undamaged:
            yield from ("", "Accuracy, clean:", _by_level([], get, undamaged, signed))
        if single := [one for one in known if one.operation != MIXED]:
            yield from ("", f"{title}, by operation:", _by_operation(single, get, signed))


def _by_level(
    mixed: Sequence[Measured], get: Get, clean: Mapping[str, Figure], signed: bool
) -> str:
    found = {(one.set, one.level): get(one) for one in mixed}
    found |= {(name, CLEAN): figure for name, figure in clean.items()}
    sets = list(dict.fromkeys(name for name, _ in found))
    levels = [level for level in (CLEAN, *LEVELS) if any(at == level for _, at in found)]
    rows = [(name, *(_cell(found.get((name, at)), signed) for at in levels)) for name in sets]
    if len(sets) > 1:
        means = (mean_of({name: found.get((name, at)) for name in sets}) for at in levels)
        rows.append((_MEAN, *(_number(one, signed) for one in means)))
    return format_table(("benchmark", *levels), rows)


def _by_operation(single: Sequence[Measured], get: Get, signed: bool) -> str:
    found = {(one.operation, one.level, one.set): get(one) for one in single}
    sets = list(dict.fromkeys(name for _, _, name in found))
    rows = []
    for kind in (spec.id for spec in SPECS):
        for level in (at for at in LEVELS if any(key[:2] == (kind, at) for key in found)):
            figures = {name: found.get((kind, level, name)) for name in sets}
            cells = [_cell(figure, signed) for figure in figures.values()]
            whole = [_number(mean_of(figures), signed)] if len(sets) > 1 else []
            rows.append((kind, level, *cells, *whole))
    return format_table(("operation", "level", *sets, *([_MEAN] if len(sets) > 1 else [])), rows)


def _cell(figure: Figure | None, signed: bool) -> str:
    if figure is None:
        return ""
    if not signed or figure.value is None or figure.low is None or figure.high is None:
        return str(figure)
    return f"{figure.value:+.3f} ({figure.low:+.2f} to {figure.high:+.2f}, n = {figure.n})"


def _number(value: float | None, signed: bool) -> str:
    return "" if value is None else f"{value:+.3f}" if signed else f"{value:.3f}"
