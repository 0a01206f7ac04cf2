"""Draw the objects of a scene: shapes, digits and signs, each with a thin contrasting outline."""

import cv2
import numpy as np

from robust_r1.scenes.vocabulary import COLORS

_SHIFT = 4  # sub-pixel bits of OpenCV's drawing functions
_ONE = 1 << _SHIFT


def draw(picture: np.ndarray, noun: str, color: str, x: float, y: float, radius: float) -> None:
    """Paint one object into `picture` (uint8, H x W x 3, changed in place).

    Args:
        noun: a member of `vocabulary.NOUNS`.
        color: a key of `vocabulary.COLORS`; for a sign, the color of its plate.
        x, y, radius: center and half size in pixels.
    """
    fill = COLORS[color]
    ink = (24, 24, 24) if color in ("white", "yellow") else (246, 246, 246)
    if noun.startswith("digit"):
        _digit(picture, noun[-1], fill, ink, x, y, radius)
    elif noun.endswith("sign"):
        _sign(picture, noun, fill, ink, x, y, radius)
    elif noun == "ring":
        _circle(picture, x, y, radius * 0.78, ink, radius * 0.44 + 3)
        _circle(picture, x, y, radius * 0.78, fill, radius * 0.44)
    elif noun == "circle":
        _circle(picture, x, y, radius + 1.5, ink)
        _circle(picture, x, y, radius, fill)
    else:
        outline = _POLYGONS[noun]
        _polygon(picture, outline, x, y, radius, ink, grow=1.5)
        _polygon(picture, outline, x, y, radius, fill)


def _regular(corners: int, turn: float) -> np.ndarray:
    angles = np.arange(corners) * 2 * np.pi / corners + turn
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def _star() -> np.ndarray:
    points = _regular(10, -np.pi / 2)
    points[1::2] *= 0.45
    return points * 1.1


_BAR = 0.36  # half width of the bars of the cross, of its half size
_POLYGONS = {
    "square": _regular(4, np.pi / 4) * 1.25,
    "triangle": _regular(3, -np.pi / 2) * 1.15,
    "star": _star(),
    "cross": np.array(
        [
            (-_BAR, -1), (_BAR, -1), (_BAR, -_BAR), (1, -_BAR), (1, _BAR), (_BAR, _BAR),
            (_BAR, 1), (-_BAR, 1), (-_BAR, _BAR), (-1, _BAR), (-1, -_BAR), (-_BAR, -_BAR),
        ]
    ),
    "octagon": _regular(8, np.pi / 8) * 1.05,
    "plate": np.array([(-1.0, -0.8), (1.0, -0.8), (1.0, 0.8), (-1.0, 0.8)]),
    "arrow": np.array(
        [
            (-0.75, 0), (-0.1, -0.55), (-0.1, -0.2), (0.75, -0.2),
            (0.75, 0.2), (-0.1, 0.2), (-0.1, 0.55),
        ]
    ),
}  # fmt: skip


def _polygon(picture, outline, x, y, radius, color, grow=0.0, flip=False):
    points = outline * (radius + grow)
    if flip:
        points = points * (-1, 1)
    corners = np.round((points + (x, y)) * _ONE).astype(np.int32)
    cv2.fillPoly(picture, [corners], color, cv2.LINE_AA, shift=_SHIFT)


def _circle(picture, x, y, radius, color, thickness=None):
    center = (round(x * _ONE), round(y * _ONE))
    width = -1 if thickness is None else max(1, round(thickness))
    cv2.circle(picture, center, round(radius * _ONE), color, width, cv2.LINE_AA, shift=_SHIFT)


def _box(picture, x, y, half_width, half_height, color):
    first = (round((x - half_width) * _ONE), round((y - half_height) * _ONE))
    last = (round((x + half_width) * _ONE), round((y + half_height) * _ONE))
    cv2.rectangle(picture, first, last, color, -1, cv2.LINE_AA, shift=_SHIFT)


def _digit(picture, digit, fill, ink, x, y, radius):
    font, scale = cv2.FONT_HERSHEY_DUPLEX, radius * 2 / 22
    thick = max(2, round(radius * 0.26))
    (width, height), _ = cv2.getTextSize(digit, font, scale, thick)
    corner = (round(x - width / 2), round(y + height / 2))
    # The outline is the digit itself, drawn around: thickness changes its shape, not its border.
    for step_x, step_y in ((-2, 0), (2, 0), (0, -2), (0, 2), (-1, -1), (-1, 1), (1, -1), (1, 1)):
        place = (corner[0] + step_x, corner[1] + step_y)
        cv2.putText(picture, digit, place, font, scale, ink, thick, cv2.LINE_AA)
    cv2.putText(picture, digit, corner, font, scale, fill, thick, cv2.LINE_AA)


def _sign(picture, noun, fill, ink, x, y, radius):
    if noun == "no entry sign":
        _circle(picture, x, y, radius + 1.5, ink)
        _circle(picture, x, y, radius, fill)
        _box(picture, x, y, radius * 0.65, radius * 0.2, ink)
        return
    plate = {"stop sign": "octagon", "warning sign": "triangle"}.get(noun, "plate")
    _polygon(picture, _POLYGONS[plate], x, y, radius, ink, grow=1.5)
    _polygon(picture, _POLYGONS[plate], x, y, radius, fill)
    if noun == "stop sign":
        # A raised hand, reduced to what a few pixels can show: a palm with three fingers.
        _box(picture, x, y + radius * 0.3, radius * 0.42, radius * 0.26, ink)
        for offset in (-0.32, 0.0, 0.32):
            _box(picture, x + radius * offset, y - radius * 0.22, radius * 0.11, radius * 0.4, ink)
    elif noun == "warning sign":
        _box(picture, x, y - radius * 0.1, radius * 0.12, radius * 0.36, ink)
        _circle(picture, x, y + radius * 0.45, radius * 0.13, ink)
    else:
        _polygon(picture, _POLYGONS["arrow"], x, y, radius, ink, flip=noun.startswith("right"))
