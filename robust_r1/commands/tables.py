"""Print tables that people can read on a terminal."""

from collections.abc import Mapping, Sequence

from robust_r1.metrics import Figure


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Align columns by their widest cell; numbers to the right, texts to the left.

    >>> print(format_table(("name", "ms"), [("lens blur", 1.5), ("noise", 12)]))
    name        ms
    lens blur  1.5
    noise       12
    """
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    right = [
        bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(header))
    ]
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) or str(cell).replace(".", "", 1).isdecimal()


def markdown(
    title: str, models: Sequence[str], columns: Sequence[Mapping], signed: bool = False
) -> str:
    """Write figures as a Markdown table: one line a figure, one column a model, n at the end."""
    lines = [(title, *models, "n"), ("---",) * (len(models) + 2)]
    for name in dict.fromkeys(name for column in columns for name in column):
        figures = [column.get(name) for column in columns]
        counts = sorted({figure.n for figure in figures if figure})
        shown = ["" if figure is None else _cell(figure, signed) for figure in figures]
        lines.append((name, *shown, "/".join(str(count) for count in counts)))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(figure: Figure, signed: bool) -> str:
    if figure.value is None:
        return "not scored"
    sign = "+" if signed else ""
    digits = 1 if abs(figure.value) >= 10 else 3
    short = max(1, digits - 1)
    value = f"{figure.value:{sign}.{digits}f}"
    if figure.low is None:
        return value
    return f"{value} ({figure.low:{sign}.{short}f} to {figure.high:{sign}.{short}f})"
