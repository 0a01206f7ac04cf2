"""The contact sheet: every degradation by intensity on one picture, with labels."""

from collections.abc import Sequence

import cv2
import numpy as np

from robust_r1.degradations.table import SPECS, STAGES, Degradation, degrade

_CELL = 224  # long side of a cell in pixels: 16 rows stay legible and below a megabyte as JPEG
_GAP, _MARGIN, _HEAD = 4, 196, 34
_PAPER, _INK, _FAINT = (250, 250, 248), (30, 30, 34), (110, 110, 118)


def contact_sheet(
    image: np.ndarray,
    intensities: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    seed: int = 0,
) -> np.ndarray:
    """Return a table of pictures: one row per degradation in stage order, one column per intensity.

    The picture is shrunk to the size of a cell before it is degraded, so that noise, blocks and
    fine blur reach the sheet as they are.

    Args:
        image: uint8, H x W x 3, RGB; it is not modified.
        intensities: the columns, each in [0, 1].
        seed: the seed of every cell, so that a row shows one realisation growing.

    Returns:
        uint8, RGB; about 1350 x 2500 pixels for a 3:2 picture and five columns.

    Raises:
        InputError: as `degrade` does.
    """
    cell = _shrink(image)
    high, wide = cell.shape[:2]
    rows = [[degrade(cell, spec.id, s, seed) for s in intensities] for spec in SPECS]
    band = _GAP + max(high, 68)  # the label's three lines
    height = _HEAD + sum(band for _ in SPECS) + 10 * len(STAGES)
    sheet = np.empty((height, _MARGIN + len(intensities) * (wide + _GAP), 3), np.uint8)
    sheet[:] = _PAPER
    for column, intensity in enumerate(intensities):
        _write(sheet, f"{intensity:g}", _MARGIN + column * (wide + _GAP), 24, _INK)
    top, stage = _HEAD, ""
    for spec, pictures in zip(SPECS, rows, strict=True):
        if spec.stage != stage:
            stage = spec.stage
            top += 10
            cv2.line(sheet, (0, top - 6), (sheet.shape[1], top - 6), _FAINT, 1)
            _write(sheet, stage.upper(), 10, top + 16, _FAINT, 0.42)
        _draw_row(sheet, top, spec, pictures)
        top += band
    return sheet


def _draw_row(
    sheet: np.ndarray, top: int, spec: Degradation, pictures: Sequence[np.ndarray]
) -> None:
    _write(sheet, spec.label, 10, top + 42, _INK)
    _write(sheet, spec.id, 10, top + 62, _FAINT, 0.42)
    high, wide = pictures[0].shape[:2]
    for column, picture in enumerate(pictures):
        left = _MARGIN + column * (wide + _GAP)
        sheet[top : top + high, left : left + wide] = picture


def _shrink(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    ratio = min(1.0, _CELL / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _write(
    sheet: np.ndarray, text: str, x: int, y: int, ink: tuple[int, ...], size: float = 0.5
) -> None:
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)
