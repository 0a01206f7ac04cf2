"""Damage after the fact: filters, scribbles, removed watermarks."""

import cv2
import numpy as np

from robust_r1.degradations.pixels import blur, canvas_size, mix, reveal, unit


def sharpness_change(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Sharpen too much: add 5 s times the difference to a copy blurred by 3 px at 640."""
    amount = 5.0 * intensity
    soft = blur(image, max(0.7, 3.0 * unit(image)))
    return cv2.addWeighted(image, 1.0 + amount, soft, -amount, 0.0)


def graffiti(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Scribble over the picture; each stroke starts at its own intensity, then grows."""
    count, points = 14, 60
    starts = rng.uniform(0.05, 0.95, size=(count, 2))
    turns = rng.normal(0.0, 0.35, size=(count, points)).cumsum(axis=1)
    turns += rng.uniform(-np.pi, np.pi, size=(count, 1))
    reach = rng.uniform(0.004, 0.014, size=(count, 1))
    hues = rng.uniform(0, 180, size=count)
    height, width = image.shape[:2]
    longest = max(height, width)
    out = image.copy()
    grown = reveal(intensity, count)
    for k in range(count):
        if grown[k] <= 0.0:
            continue
        xs = starts[k, 0] * width + np.cumsum(np.cos(turns[k])) * reach[k] * longest
        ys = starts[k, 1] * height + np.cumsum(np.sin(turns[k])) * reach[k] * longest
        line = np.stack([xs, ys], axis=1)[: max(2, round(points * grown[k]))]
        hsv = np.uint8([[[hues[k], 220, 230]]])
        color = tuple(int(c) for c in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])
        thick = max(1, round((2.0 + 6.0 * intensity) * unit(image)))
        line = np.rint(line * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(out, [line], False, color, thick, cv2.LINE_AA, 4)
    return out


def watermark_damage(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Paint out translucent boxes from their surroundings (Telea) and darken their edges."""
    count = 16
    boxes = rng.uniform((0, 0, 0.04, 0.025), (1, 1, 0.11, 0.07), size=(count, 4))
    height, width = canvas_size(image, min(160, max(image.shape[:2])))
    longest = max(height, width)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    hole = np.zeros((height, width), np.uint8)
    grown = reveal(intensity, count)
    full = np.zeros(image.shape[:2], np.float32)
    edge = np.zeros(image.shape[:2], np.float32)
    big = max(image.shape[:2])
    for (x, y, wide, tall), part in zip(boxes, grown, strict=True):
        if part <= 0.0:
            continue
        cx, cy = x * width, y * height
        rx, ry = max(1.0, wide * longest), max(1.0, tall * longest)
        a, b = max(0, int(cx - rx)), max(0, int(cy - ry))
        hole[b : max(b + 1, int(cy + ry)), a : max(a + 1, int(cx + rx))] = 255
        gx, gy = x * image.shape[1], y * image.shape[0]
        fx, fy = max(0.6, wide * big), max(0.6, tall * big)
        p, q = (max(0, round(gx - fx)), max(0, round(gy - fy)))
        r, t = max(p + 1, round(gx + fx)), max(q + 1, round(gy + fy))
        full[q:t, p:r] = np.maximum(full[q:t, p:r], part)
        line = max(1, round(3.0 * unit(image)))
        cv2.rectangle(edge, (p, q), (r, t), float(part), line)
    if hole.all() or not hole.any():
        filled = small
    else:
        filled = cv2.inpaint(small, hole, 1, cv2.INPAINT_TELEA)
    filled = cv2.resize(filled, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    strength = 0.55 + 0.45 * intensity
    out = mix(image, filled, full * strength)
    shade = (edge * full * (0.3 + 0.4 * intensity)).astype(np.float32)
    return mix(out, np.zeros_like(out), shade)
