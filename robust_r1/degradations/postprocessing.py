"""Damage after the fact: filters, paint, marks that someone removed badly.

Each operation takes a picture (uint8, H x W x 3, RGB), an intensity s above 0 and up to 1, and a
generator; it returns a new picture. The generator is read the same way whatever s is.
"""

import cv2
import numpy as np

from robust_r1.degradations import pens
from robust_r1.degradations.pixels import blur, canvas_size, fit_to, mix, reveal, unit


def sharpness_change(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Sharpen too much: add 6 s^0.8 times the difference to a copy blurred by 3 px at 640.

    Halos that hit black or white pull the mean level along; what they pull is taken off again.
    """
    amount = 6.0 * intensity**0.8
    soft = blur(image, max(0.8, 3.0 * unit(image)))
    level, offset = sum(cv2.mean(image)), 0.0
    for _ in range(2):
        sharp = cv2.addWeighted(image, 1.0 + amount, soft, -amount, offset)
        offset -= (sum(cv2.mean(sharp)) - level) / 3.0
    return cv2.addWeighted(image, 1.0 + amount, soft, -amount, offset)


def graffiti(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Paint scribbles and words over the picture, one after another, each line from its start.

    The seed fixes place, shape, color and thickness of all marks; intensity sets how many have
    been started and how far each has got.
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    out = image.copy()
    for number, grown in enumerate(reveal(intensity, 9, 1.5).tolist()):
        if grown == 0.0:
            break
        mark = pens.draw_mark(rng, number)
        thick = max(1, round(mark.thickness * unit(image)))
        corner = np.array([mark.place[0] * width, mark.place[1] * height])
        lines = [
            np.rint((corner + line * longest) * 16.0).astype(np.int32)
            for line in pens.first_part(mark.lines, grown)
        ]
        cv2.polylines(out, lines, False, mark.color, thick, cv2.LINE_AA, 4)
    return out


def watermark_damage(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Paint out boxes from their surroundings (Telea), translucent, with darkened edges.

    The boxes, slightly tilted like a repeated stamp, and what fills them are fixed by the seed;
    intensity sets how many show and how opaque they are. The fill is smooth, so it is computed on
    a canvas of at most 72 px.
    """
    count = 16
    centers, tilt = rng.uniform(0.0, 1.0, size=(count, 2)), rng.uniform(-14.0, 14.0)
    sizes = rng.uniform((0.06, 0.035), (0.18, 0.08), size=(count, 2))
    small = np.empty(canvas_size(image, min(72, max(image.shape[:2]))), np.uint8)
    veil, hole = np.zeros(image.shape[:2], np.uint8), np.zeros_like(small)
    shown = np.rint(255 * reveal(intensity, count, 0.8)).astype(int).tolist()
    for k in reversed(range(count)):  # the first to show, the most opaque, comes last, on top
        _fill_box(hole, centers[k], sizes[k], tilt, 255)
        if shown[k] > 0:
            _fill_box(veil, centers[k], sizes[k], tilt, shown[k])
    fill = cv2.resize(image, small.shape[::-1], interpolation=cv2.INTER_AREA)
    if not hole.all():  # Telea needs something to start from
        fill = cv2.inpaint(fill, hole, 2.0, cv2.INPAINT_TELEA)
    cover = veil.astype(np.float32) * np.float32((0.6 + 0.4 * intensity) / 255.0)
    out = mix(image, fit_to(fill, image), cover)
    rim = cv2.subtract(veil, blur(veil, max(0.6, 4.0 * unit(image))))
    light = cv2.convertScaleAbs(rim, alpha=-0.4 - 0.6 * intensity, beta=255)
    return cv2.multiply(out, cv2.merge([light] * 3), scale=1.0 / 255.0)


def _fill_box(
    mask: np.ndarray, center: np.ndarray, size: np.ndarray, tilt: float, value: int
) -> None:
    """Fill a tilted box, center in shares of width and height, size in shares of the long side."""
    height, width = mask.shape
    wide, tall = np.maximum(size * max(height, width), 1.5).tolist()
    box = cv2.boxPoints(((center[0] * width, center[1] * height), (wide, tall), tilt))
    cv2.fillConvexPoly(mask, np.rint(box * 16.0).astype(np.int32), value, cv2.LINE_AA, 4)
