"""What is wrong with pictures, written down: for programs, for spreadsheets, and for people."""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from robust_r1.analysis.perception import Look, Perception, PooledFinding, Scale
from robust_r1.degradations import SPECS
from robust_r1.degradations.names import label_of, place_of
from robust_r1.errors import DataError
from robust_r1.markup import escape
from robust_r1.report.files import plain_cell
from robust_r1.report.table import Cell, Table, to_html

CARDS = 2000  # pictures that a page shows; each is some 10 kB
COLUMNS = (
    "file", "width", "height", "model", "precision", "scale", "tiles", "damage", "findings",
    *(spec.chain_name for spec in SPECS),
)  # fmt: skip
_STYLE = Path(__file__).with_name("report.css")
_NAME = 200
_TIMES = "\u00d7"
_ABOUT: Mapping[Scale, str] = {
    "whole": "the picture as a model sees it, shrunk to its budget",
    "close": "parts of it in its own pixels, where fine damage is not shrunk away",
}


def perception_values(one: Perception) -> dict[str, Any]:
    """Return a perception as JSON values, without its thumbnail; `read_perception` reads them.

    Both scales stand apart: {"file", "width", "height", "damage", "whole": {"tiles", "findings":
    [{"name", "intensity", "share"}]}, "close": ...}; of a picture with a problem there is neither.
    """
    values: dict[str, Any] = {"file": one.file, "width": one.width, "height": one.height}
    if one.problem:
        return values | {"problem": one.problem}
    values["damage"] = one.damage
    for look in one.looks:
        findings = [
            {"name": it.name, "intensity": it.intensity, "share": round(it.share, 4)}
            for it in look.findings
        ]
        values[look.scale] = {"tiles": look.tiles, "findings": findings}
    return values


def read_perception(values: Mapping[str, Any]) -> Perception:
    """Read back what `perception_values` wrote; raises DataError where it did not."""
    try:
        looks = tuple(
            Look(
                scale,
                int(values[scale]["tiles"]),
                tuple(
                    PooledFinding(str(it["name"]), float(it["intensity"]), float(it["share"]))
                    for it in values[scale]["findings"]
                ),
            )
            for scale in _ABOUT
            if scale in values
        )
        size = int(values["width"]), int(values["height"])
        return Perception(str(values["file"]), *size, looks, str(values.get("problem", "")))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"not a picture's findings ({error!r})") from error


def by_damage(perceptions: Sequence[Perception]) -> list[Perception]:
    """Sort pictures, the most damaged first: by the strongest finding, then by all of them."""

    def key(one: Perception) -> tuple[float, float]:
        return -one.damage, -sum(it.intensity for look in one.looks for it in look.findings)

    return sorted(perceptions, key=key)


def look_text(look: Look) -> str:
    """List a look's findings, the strongest first: "noise 0.45 (12 of 16)", or "none"."""
    return ", ".join(_finding_text(look, one) for one in look.findings) or "none"


def to_csv(perceptions: Sequence[Perception], terms: Mapping[str, str]) -> str:
    """Write a line for each picture and scale, with a head and the mark that spreadsheets look for.

    A degradation's column is its intensity, 0 where it was not named; `findings` has the shares of
    tiles as well, and names that are none of the sixteen. `terms` are model and precision.
    """
    buffer = io.StringIO()
    buffer.write("\ufeff")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in perceptions:
        for look in one.looks:
            found = {it.name: it.intensity for it in look.findings}
            values = {
                "file": one.file,
                "width": one.width,
                "height": one.height,
                "model": terms["model"],
                "precision": terms["precision"],
                "scale": look.scale,
                "tiles": look.tiles,
                "damage": max(found.values(), default=0),
                "findings": look_text(look),
                **{spec.chain_name: found.get(spec.chain_name, 0) for spec in SPECS},
            }
            writer.writerow([plain_cell(values[name]) for name in COLUMNS])
    return buffer.getvalue()


def summary_table(perceptions: Sequence[Perception]) -> Table:
    """Count for each degradation in how many pictures it was found, scale by scale."""
    scales = [scale for scale in _ABOUT if any(_at(one, scale) for one in perceptions)]
    found: dict[str, dict[Scale, list[float]]] = {}
    for one in perceptions:
        for look in one.looks:
            for it in look.findings:
                found.setdefault(it.name, {}).setdefault(look.scale, []).append(it.intensity)
    rows = tuple(
        (
            Cell(label_of(name)),
            *(cell for scale in scales for cell in _counted(found[name].get(scale, []))),
        )
        for name in sorted(found, key=place_of)
    )
    columns = tuple(f"{scale}: {what}" for scale in scales for what in ("pictures", "median"))
    empty = "Nothing is wrong with any of these pictures."
    return Table("How often what was found", ("degradation", *columns), rows, empty=empty)


def to_page(
    perceptions: Sequence[Perception],
    problems: Sequence[Perception],
    terms: Mapping[str, str],
    thumbnails: Mapping[str, bytes],
) -> str:
    """Write one HTML page that needs nothing else: pictures sorted by damage, dark and light.

    Args:
        perceptions: pictures that were looked at.
        problems: those that could not be.
        terms: model, precision and scale.
        thumbnails: JPEG files by the pictures' names.
    """
    shown = by_damage(perceptions)
    scales = [scale for scale in _ABOUT if any(_at(one, scale) for one in perceptions)]
    about = "; ".join(f"<b>{scale}</b> is {_ABOUT[scale]}" for scale in scales)
    damaged = sum(one.damage > 0 for one in shown)
    model = f"{escape(terms['model'], _NAME)} ({escape(terms['precision'])})"
    counted = f"{len(shown)} pictures, something wrong with {damaged}, seen by {model}."
    named = "".join(f"<li>{escape(one.problem, 400)}</li>" for one in problems)
    left = f"<h2>Left out: {len(problems)}</h2><ul>{named}</ul>" if problems else ""
    cards = "".join(_card(one, thumbnails.get(one.file)) for one in shown[:CARDS])
    rest = len(shown) - CARDS
    more = f"<p>{rest} with less damage are in CSV and JSON lines.</p>" if rest > 0 else ""
    title = "What is wrong with these pictures"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE.read_text('utf-8')}</style></head><body><main>"
        f'<h1>{title}</h1><p class="lead">{counted} {about}.</p>'
        f"{to_html(summary_table(perceptions))}{left}"
        f'<h2>The most damaged first</h2><div class="cards">{cards}</div>{more}'
        "</main></body></html>\n"
    )


def _card(one: Perception, thumbnail: bytes | None) -> str:
    name = escape(one.file, _NAME)
    picture = '<p class="gone">No small copy.</p>'
    if thumbnail:
        url = f"data:image/jpeg;base64,{base64.b64encode(thumbnail).decode('ascii')}"
        picture = f'<img src="{url}" alt="{name}" loading="lazy">'
    looks = "".join(f'<p class="scale"><b>{look.scale}</b>{_chips(look)}</p>' for look in one.looks)
    size = f"{one.width} {_TIMES} {one.height}"
    return f"<article>{picture}<div><h3>{name} <small>{size}</small></h3>{looks}</div></article>"


def _chips(look: Look) -> str:
    if not look.findings:
        return "<span>nothing</span>"
    return "".join(
        f'<span class="found rr-heat-{min(int(10 * it.intensity), 9)}">'
        f"{escape(_finding_text(look, it), _NAME)}</span>"
        for it in look.findings
    )


def _finding_text(look: Look, one: PooledFinding) -> str:
    tiles = f" ({round(one.share * look.tiles)} of {look.tiles})" if look.tiles > 1 else ""
    return f"{label_of(one.name)} {one.intensity:.2f}{tiles}"


def _counted(intensities: Sequence[float]) -> tuple[Cell, Cell]:
    told = f"{median(intensities):.2f}" if intensities else ""
    return Cell(str(len(intensities))), Cell(told)


def _at(one: Perception, scale: Scale) -> bool:
    return any(look.scale == scale for look in one.looks)
