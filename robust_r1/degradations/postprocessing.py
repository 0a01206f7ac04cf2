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

    The seed fixes place, shape and color of all marks; intensity sets how many have been started,
    how far each has got and how thick its line is.
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    out = image.copy()
    for number, grown in enumerate(reveal(intensity, 9, 1.5).tolist()):
        if grown == 0.0:
            break
        mark = pens.draw_mark(rng, number)
        thick = max(1, round(mark.thickness * (0.5 + 0.5 * grown) * unit(image)))
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
    a canvas of at most 160 px.
    """
    count = 16
    centers, tilt = rng.uniform(0.0, 1.0, size=(count, 2)), rng.uniform(-14.0, 14.0)
    sizes = rng.uniform((0.06, 0.035), (0.18, 0.08), size=(count, 2))
    height, width = canvas_size(image, min(160, -(-max(image.shape[:2]) // 2)))
    long = max(height, width)
    boxes = [
        cv2.boxPoints(((x * width, y * height), (max(1.5, a * long), max(1.5, b * long)), tilt))
        for (x, y), (a, b) in zip(centers, sizes, strict=True)
    ]
    corners = [np.rint(box * 16.0).astype(np.int32) for box in boxes]
    hole, veil = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    for corner, shown in zip(reversed(corners), reversed(reveal(intensity, count, 0.8)), strict=True):
        cv2.fillConvexPoly(hole, corner, 255, cv2.LINE_8, 4)
        if shown > 0.0:
            cv2.fillConvexPoly(veil, corner, round(255 * shown), cv2.LINE_AA, 4)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if not hole.all():  # Telea needs something to start from
        small = cv2.inpaint(small, hole, 1.0, cv2.INPAINT_TELEA)
    veil = fit_to(veil.astype(np.float32) / 255.0, image)
    out = mix(image, fit_to(small, image), veil * np.float32(0.6 + 0.4 * intensity))
    rim = veil - blur(veil, max(0.6, 4.0 * unit(image)))
    shade = np.clip(rim * np.float32(0.6 + 1.1 * intensity), 0.0, 1.0)
    return mix(out, np.zeros_like(out), shade)
