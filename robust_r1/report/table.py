"""A table of figures before it is written down: as HTML, Markdown or LaTeX."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1.markup import escape

MINUS, DASH = "\u2212", "\u2013"
_NAME = 60
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    MINUS: "$-$", DASH: "--",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """Hold what a cell says: the value, what is set smaller behind it, and a style of HTML."""

    text: str = ""
    small: str = ""
    style: str = ""


@dataclass(frozen=True)
class Table:
    """Hold a table: caption, heads of its columns, and rows, whose first `heads` cells name them.

    `empty` is what a table without rows says instead.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    heads: int = 1
    style: str = ""
    empty: str = "Nothing to show for these cases."


def to_html(table: Table) -> str:
    """Write a table as HTML that scrolls by itself where it is too wide."""
    body = "".join(
        f"<tr>{''.join(_html(cell, place < table.heads) for place, cell in enumerate(row))}</tr>"
        for row in table.rows
    )
    if not body:
        body = f'<tr><td colspan="{len(table.columns)}">{escape(table.empty)}</td></tr>'
    head = "".join(
        f'<th scope="col"><span>{escape(name, _NAME)}</span></th>' for name in table.columns
    )
    caption = escape(table.caption)
    return (
        f'<div class="rr-scroll" tabindex="0" role="group" aria-label="{caption}">'
        f'<table class="rr-table {table.style}"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _html(cell: Cell, is_head: bool) -> str:
    text = escape(cell.text, _NAME)
    if is_head:
        return f'<th scope="row">{text}</th>'
    small = f" <small>{escape(cell.small)}</small>" if cell.small else ""
    return f'<td class="{cell.style}">{text}{small}</td>'


def to_markdown(tables: Sequence[Table]) -> str:
    """Write tables one below the other, each under its caption; those without rows are left out."""
    return "\n\n".join(_markdown(table) for table in tables if table.rows) + "\n"


def _markdown(table: Table) -> str:
    lines = [table.columns, ("---",) * len(table.columns)]
    lines += [tuple(map(plain_text, row)) for row in table.rows]
    drawn = "\n".join("| " + " | ".join(map(_bar, line)) + " |" for line in lines)
    return f"**{_bar(table.caption)}**\n\n{drawn}"


def _bar(text: str) -> str:
    """Return text that a cell of Markdown shows as itself."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))


def plain_text(cell: Cell) -> str:
    """Return what a cell says where nothing can be set smaller."""
    return f"{cell.text} ({cell.small})" if cell.small else cell.text


def to_latex(tables: Sequence[Table]) -> str:
    """Write tables for LaTeX with booktabs, intervals small; those without rows are left out."""
    head = "% needs \\usepackage{booktabs}\n"
    return head + "\n".join(_latex(table) for table in tables if table.rows)


def _latex(table: Table) -> str:
    columns = "l" * table.heads + "r" * (len(table.columns) - table.heads)
    head = " & ".join(map(_tex, table.columns))
    body = "".join(" & ".join(map(_latex_cell, row)) + " \\\\\n" for row in table.rows)
    return (
        "\\begin{table}\n\\centering\\small\n"
        f"\\caption{{{_tex(table.caption)}}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{head} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def _latex_cell(cell: Cell) -> str:
    small = f" {{\\scriptsize ({_tex(cell.small)})}}" if cell.small else ""
    return _tex(cell.text) + small


def _tex(text: str) -> str:
    """Return text that LaTeX sets as itself."""
    return "".join(_LATEX.get(sign, sign) for sign in " ".join(text.split()))
