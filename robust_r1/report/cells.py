"""Figures as the cells of a table."""

from collections.abc import Mapping, Sequence

from robust_r1.analysis.entries import in_order
from robust_r1.metrics import Figure
from robust_r1.report.table import DASH, MINUS, Cell, Table


def by_figure(
    caption: str,
    found: Sequence[tuple[str, Mapping[str, Figure]]],
    empty: str = "Nothing to show for these cases.",
    signed: bool = False,
) -> Table:
    """Set figures side by side: `found` holds (model, figure by name) in the models' order."""
    names = in_order(name for _, figures in found for name in figures)
    rows = []
    for name in names:
        figures = [column.get(name) for _, column in found]
        cells = [figure_cell(figure, signed=signed) for figure in figures]
        rows.append((Cell(name), *cells, count_cell(figures)))
    return Table(caption, ("figure", *(model for model, _ in found), "n"), tuple(rows), empty=empty)


def figure_cell(figure: Figure | None, digits: int = 3, signed: bool = False) -> Cell:
    """Write a figure and its interval; a dash where there is none.

    A signed one gets its sign, and a star where 0 lies outside its interval.
    """
    if figure is None or figure.value is None:
        return Cell(DASH)
    short = 1 if abs(figure.value) >= 10 else digits
    value = number_text(figure.value, short, signed)
    if figure.low is None or figure.high is None:
        return Cell(value)
    # The interval of a table with four digits still has two: it is no more certain than that.
    fine = short if signed else min(short, 2)
    low, high = number_text(figure.low, fine, signed), number_text(figure.high, fine, signed)
    star = " *" if signed and not figure.low <= 0 <= figure.high else ""
    return Cell(value + star, f"{low} to {high}")


def count_cell(figures: Sequence[Figure | None]) -> Cell:
    """Say how many cases stand behind a line; of several numbers those that there are."""
    counts = sorted({figure.n for figure in figures if figure})
    return Cell("/".join(map(str, counts)), style="rr-n")


def number_text(value: float, digits: int, signed: bool = False) -> str:
    """Write a number with a true minus."""
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", MINUS)
