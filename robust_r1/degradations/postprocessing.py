"""Damage after the fact: filters, paint, marks that someone removed badly.

Each operation takes a picture (uint8, H x W x 3, RGB), an intensity s above 0 and up to 1, and a
generator; it returns a new picture. What the generator draws does not depend on s, which only
scales or reveals it.
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
    centers, tilt = rng.uniform(0.05, 0.95, size=(count, 2)), np.radians(rng.uniform(-14.0, 14.0))
    sizes = rng.uniform((0.06, 0.035), (0.18, 0.08), size=(count, 2))
    small = np.empty(canvas_size(image, min(72, max(image.shape[:2]))), np.uint8)
    veil, hole = np.zeros(image.shape[:2], np.uint8), np.zeros_like(small)
    for box in _boxes(centers, sizes, tilt, hole):  # one by one: fillPoly leaves overlaps empty
        cv2.fillConvexPoly(hole, box, 255, cv2.LINE_8, 4)
    shown = np.rint(255 * reveal(intensity, count, 1.1)).astype(int).tolist()
    boxes = _boxes(centers, sizes, tilt, veil)
    for k in reversed(range(count)):  # the first to show, the most opaque, comes last, on top
        if shown[k] > 0:
            cv2.fillConvexPoly(veil, boxes[k], shown[k], cv2.LINE_AA, 4)
    fill = cv2.resize(image, small.shape[::-1], interpolation=cv2.INTER_AREA)
    if not hole.all():  # Telea needs something to start from
        fill = cv2.inpaint(fill, hole, 1.0, cv2.INPAINT_TELEA)
    cover = veil.astype(np.float32) * np.float32((0.3 + 0.7 * intensity) / 255.0)
    out = mix(image, fit_to(fill, image), cover)
    rim = cv2.subtract(veil, blur(veil, max(0.6, 4.0 * unit(image))))
    light = cv2.convertScaleAbs(rim, alpha=-0.4 - 0.6 * intensity, beta=255)
    return cv2.multiply(out, cv2.merge([light] * 3), scale=1.0 / 255.0)


def _boxes(
    centers: np.ndarray, sizes: np.ndarray, tilt: float, mask: np.ndarray
) -> np.ndarray:
    """Return the corners of tilted boxes in sixteenths of a pixel of a mask, int32, n x 4 x 2.

    Centers are shares of width and height, sizes shares of the long side.
    """
    height, width = mask.shape
    reach = np.maximum(sizes * max(height, width), 1.5)[:, None, :] / 2.0
    corners = reach * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    corners = corners @ turn + (centers * (width, height))[:, None, :]
    return np.rint(corners * 16.0).astype(np.int32)
