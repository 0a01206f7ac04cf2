"""A figure of chosen cases for a paper, as SVG: picture, plan, chain and answer of each."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1 import images
from robust_r1.analysis.entries import Entry
from robust_r1.chain import parse
from robust_r1.errors import InputError
from robust_r1.markup import escape
from robust_r1.report.pictures import picture_of
from robust_r1.report.words import applied, findings_text, said_in, verdict

MAX_CASES = 24
# In pixels of the page, 96 an inch: three cards are 11.9 inches wide, a landscape page of A4.
_COLUMNS, _WIDTH, _GAP, _PAD, _PICTURE = 3, 370, 12, 10, 120
_SIZE, _LINE = 10.5, 14
# Letters of the fonts below are half as wide as high on the average.
_LETTER = 0.5 * _SIZE
_MOST_LINES = 40  # of a chain; a model that loops would fill the page
_INK, _SOFT, _RULE = "#1a1f29", "#566072", "#c3c9d4"


@dataclass(frozen=True)
class _Words:
    """Hold a line of text: what it says, in bold or not, and its color."""

    text: str
    bold: bool = False
    color: str = _INK


def figure_svg(entries: Sequence[Entry]) -> str:
    """Draw 1 to MAX_CASES cases as an SVG file that needs no other file.

    Raises:
        InputError: no case, or more than fit.
    """
    if not 1 <= len(entries) <= MAX_CASES:
        raise InputError(
            f"a figure shows 1 to {MAX_CASES} cases, and {len(entries)} pass the filter: narrow "
            "it, or tag those that you want and filter by the tag"
        )
    cards = [_card(entry) for entry in entries]
    columns = min(_COLUMNS, len(cards))
    drawn, top = [], _GAP
    for first in range(0, len(cards), columns):
        line = cards[first : first + columns]
        height = max(tall for _, tall in line)
        for place, (card, _) in enumerate(line):
            left = _GAP + place * (_WIDTH + _GAP)
            frame = f'<rect width="{_WIDTH}" height="{height}" fill="none" stroke="{_RULE}"/>'
            drawn.append(f'<g transform="translate({left} {top})">{frame}{card}</g>')
        top += height + _GAP
    width = _GAP + columns * (_WIDTH + _GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" '
        f'viewBox="0 0 {width} {top}" font-family="Helvetica, Arial, sans-serif" '
        f'font-size="{_SIZE}"><rect width="{width}" height="{top}" fill="#ffffff"/>'
        f"{''.join(drawn)}</svg>\n"
    )


def _card(entry: Entry) -> tuple[str, int]:
    """Return a case as SVG, and how tall it is."""
    row = entry.row
    beside = [
        *_wrapped(f"{row.id}, {entry.model}", _beside(), bold=True),
        *_wrapped(applied(entry), _beside()),
        *_wrapped(row.question, _beside(), bold=True),
        *_wrapped(" / ".join(row.choices), _beside(), color=_SOFT),
        *_wrapped(f"Answer: {said_in(entry) or 'none'} ({verdict(entry)})", _beside()),
    ]
    below = _chain(entry)
    left, start = 2 * _PAD + _PICTURE, _PAD + max(_PICTURE, len(beside) * _LINE) + 6
    drawn = _picture(entry) + _lines(beside, left, _PAD) + _lines(below, _PAD, start)
    return drawn, round(start + len(below) * _LINE + _PAD)


def _chain(entry: Entry) -> list[_Words]:
    chain = parse(entry.row.text).chain
    parts = (
        ("Names", findings_text(entry.row.found)),
        ("Influence", chain.influence),
        ("Reasoning", chain.reasoning),
        ("Conclusion", chain.conclusion),
    )
    room = int((_WIDTH - 2 * _PAD) / _LETTER)
    lines = [
        line for name, text in parts if text.strip() for line in _wrapped(f"{name}: {text}", room)
    ]
    return [*lines[:_MOST_LINES], *([_Words("\u2026")] if len(lines) > _MOST_LINES else [])]


def _picture(entry: Entry) -> str:
    place = f'x="{_PAD}" y="{_PAD}" width="{_PICTURE}" height="{_PICTURE}"'
    try:
        url = images.data_url(picture_of(entry))
    except InputError:
        words = _lines([_Words("picture not here", color=_SOFT)], 2 * _PAD, _PICTURE / 2)
        return f'<rect {place} fill="#eceef2"/>{words}'
    return f'<image {place} href="{url}" preserveAspectRatio="xMinYMin meet"/>'


def _beside() -> int:
    return int((_WIDTH - 3 * _PAD - _PICTURE) / _LETTER)


def _wrapped(text: str, room: int, bold: bool = False, color: str = _INK) -> list[_Words]:
    room = int(room * 0.92) if bold else room
    return [_Words(line, bold, color) for line in textwrap.wrap(" ".join(text.split()), room)]


def _lines(words: Sequence[_Words], left: float, top: float) -> str:
    return "".join(
        f'<text x="{left}" y="{top + (number + 0.8) * _LINE:.1f}" fill="{line.color}" '
        f'font-weight="{"bold" if line.bold else "normal"}">{escape(line.text)}</text>'
        for number, line in enumerate(words)
    )
