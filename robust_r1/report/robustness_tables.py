"""Tables of what damage costs: answers lost and won, degradations, confidence, tokens, groups."""

from collections.abc import Sequence

from robust_r1.analysis.confidence import ConfidenceFigures
from robust_r1.analysis.corruption import ALL, STAGE, Corruption, DegradationLine
from robust_r1.analysis.costs import Cost
from robust_r1.analysis.entries import in_order
from robust_r1.analysis.groups import GroupFigure
from robust_r1.analysis.pairs import EVERY, Differing, PairedLine
from robust_r1.analysis.robustness import LevelFigures
from robust_r1.degradations import find
from robust_r1.metrics import Figure, truth_words
from robust_r1.report.cells import by_figure, count_cell, figure_cell
from robust_r1.report.table import DASH, Cell, Table
from robust_r1.report.words import said_in

NOT_AVAILABLE = "not available"


def drop_table(levels: Sequence[LevelFigures]) -> Table:
    """Set side by side the relative drop at each level, and how answers turned on the way there."""
    whole: dict[tuple[str, str], LevelFigures] = {}
    for one in levels:  # of all tasks together, which come first, or of the only one
        if one.flips.n:
            whole.setdefault((one.model, one.level), one)
    found: dict[str, dict[str, Figure]] = {}
    for (model, level), one in whole.items():
        figures = {"relative drop": one.drop, "right to wrong": one.lost, "wrong to right": one.won}
        found.setdefault(model, {}).update(
            {f"{name}, {level}": figure for name, figure in figures.items()}
        )
    return by_figure(
        "What damage turns, against the same questions about clean pictures: the share of the "
        "accuracy that is lost, and of the answers that turn", list(found.items()),
    )  # fmt: skip


def corruption_table(found: Sequence[Corruption]) -> Table:
    """Set side by side what each degradation costs, or errors relative to the base if there is one.

    Lines are all degradations, then each stage with its own.
    """
    base = found[0].base if found else ""
    told = {(one.model, line.kind, line.name): line for one in found for line in one.lines}
    order = in_order(f"{line.kind}/{line.name}" for one in found for line in one.lines)
    rows = []
    for place in _by_stage(order):
        kind, _, name = place.partition("/")
        lines = [told.get((one.model, kind, name)) for one in found]
        cells = [cell for line in lines for cell in (_against(line) if base else _costs(line))]
        counts = in_order(str(line.pictures) for line in lines if line)
        counted = Cell("/".join(counts), style="rr-n")
        rows.append((*_named(kind, name), *cells, counted))
    kinds = ("mCE", "relative mCE") if base else ("accuracy", "lost")
    columns = tuple(f"{one.model}: {kind}" for one in found for kind in kinds)
    caption = (
        f"Corruption errors against {base}: 1 is as bad; for stages and all the mean over "
        f"degradations; {NOT_AVAILABLE} where {base} makes no error, or gets no worse"
        if base
        else "Accuracy under each degradation, and how much is lost from the same pictures clean"
    )
    return Table(caption, ("by", "degradation", *columns, "pictures"), tuple(rows), heads=2)


def _by_stage(order: Sequence[str]) -> list[str]:
    """Return the lines in the order of the operations: models may lack some of them."""
    names = [place.partition("/") for place in order]
    specs = [name for kind, _, name in names if kind not in (ALL, STAGE)]
    stages = in_order(find(name).stage for name in specs)
    ordered = [place for place in order if place.startswith(f"{ALL}/")]
    for stage in stages:
        own = [name for name in specs if find(name).stage == stage]
        ordered += [f"{STAGE}/{stage}", *(f"degradation/{name}" for name in own)]
    return ordered


def _named(kind: str, name: str) -> tuple[Cell, Cell]:
    if kind == ALL:
        return Cell("all"), Cell("")
    return (Cell("stage"), Cell(name)) if kind == STAGE else (Cell(""), Cell(find(name).label))


def _costs(line: DegradationLine | None) -> tuple[Cell, Cell]:
    if line is None:
        return Cell(DASH), Cell(DASH)
    return figure_cell(line.damaged), figure_cell(line.drop, signed=True)


def _against(line: DegradationLine | None) -> tuple[Cell, Cell]:
    if line is None:
        return Cell(DASH), Cell(DASH)
    one, other = (
        Cell(NOT_AVAILABLE) if figure is None or figure.value is None else figure_cell(figure)
        for figure in (line.error, line.relative_error)
    )
    return one, other


def worst_lines(found: Sequence[Corruption]) -> list[str]:
    """Say in a sentence for each model which degradation costs it most."""
    said = []
    for one in found:
        if worst := one.worst:
            low, high = worst.drop.low, worst.drop.high
            interval = "" if low is None else f" ({low:.2f} to {high:.2f})"
            said.append(
                f"{one.model} loses most under {find(worst.name).chain_name}: "
                f"{worst.drop.value:.3f} of its accuracy{interval}, {worst.pictures} pictures."
            )
    return said


def confidence_table(found: Sequence[ConfidenceFigures]) -> Table:
    """Set side by side what the options' probabilities tell, by figure and level."""
    columns: dict[str, dict[str, Figure]] = {}
    names = in_order(name for one in found for name in one.figures)
    for name in names:
        for one in found:
            if name in one.figures:
                columns.setdefault(one.model, {})[f"{name}, {one.level}"] = one.figures[name]
    return by_figure(
        "Confidence, from the probabilities of the options where the answer begins: margin is the "
        "right option's over the best other's, kept answers are right clean and damaged",
        list(columns.items()),
    )  # fmt: skip


def cost_table(found: Sequence[Cost]) -> Table:
    """Set side by side tokens and seconds an answer by total intensity."""
    columns: dict[str, dict[str, Figure]] = {}
    for one in found:
        columns.setdefault(one.model, {})[f"tokens, {one.band}"] = one.tokens
    for one in found:
        columns[one.model][f"seconds, {one.band}"] = one.seconds
    return by_figure(
        "Tokens and seconds an answer, by total intensity of the damage", list(columns.items())
    )


def group_table(grouping: str, found: Sequence[GroupFigure]) -> Table:
    """Set side by side accuracy by group and level."""
    models = in_order(one.model for one in found)
    told = {(one.model, one.group, one.level): one.accuracy for one in found}
    levels = in_order(one.level for one in found)
    rows = []
    for group in in_order(one.group for one in found):
        for level in levels:
            figures = [told.get((model, group, level)) for model in models]
            if any(figures):
                cells = map(figure_cell, figures)
                rows.append((Cell(group), Cell(level), *cells, count_cell(figures)))
    return Table(
        f"Accuracy by {grouping} and level", (grouping, "level", *models, "n"), tuple(rows), heads=2
    )


def pair_table(lines: Sequence[PairedLine], first: str, second: str) -> Table:
    """Set out how two runs compare on the items that both hold."""
    rows = tuple(
        (
            Cell(line.level if line.level != EVERY else "pictures, all levels"),
            *_pair_counts(line), Cell(_p(line.p)), figure_cell(line.gap, signed=True),
            Cell(str(line.n), style="rr-n"),
        )
        for line in lines
    )  # fmt: skip
    columns = ("level", "both right", "neither", f"only {first}", f"only {second}",
               "p, exact McNemar", "difference", "n")  # fmt: skip
    return Table(
        f"{first} against {second} on the items of both; over all levels it is pictures that "
        "count, by who is right more often", columns, rows,
    )  # fmt: skip


def _pair_counts(line: PairedLine) -> list[Cell]:
    if line.level == EVERY:  # who is right as often is right of all, of some or of none
        return [Cell(f"{line.both} alike"), Cell(DASH), Cell(str(line.first)),
                Cell(str(line.second))]  # fmt: skip
    counts = (line.both, line.neither, line.first, line.second)
    return [Cell(str(count)) for count in counts]


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"


def differing_table(found: Sequence[Differing], first: str, second: str) -> Table:
    """List the items on which two runs differ most, by the first level at which they do."""
    rows = []
    for one in found:
        mine, other = one.pairs[0]
        row, levels = mine.row, " ".join(pair[0].row.level for pair in one.pairs)
        said = [said_in(entry) or DASH for entry in (mine, other)]
        truth = truth_words(row.truth, row.choices)
        rows.append((Cell(one.item), Cell(levels), Cell(row.question),
                     *map(Cell, (*said, truth))))  # fmt: skip
    columns = ("item", "differ at", "question", first, second, "truth")
    return Table("Items on which they differ most", columns, tuple(rows))
