"""Damage on the way into the camera: lens and exposure."""

import cv2
import numpy as np

from robust_r1.degradations.pixels import blur, canvas_size, mix, reveal, unit


def lens_blur(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Blur with sigma 20 s px at 640 and mix with the sharp picture, weights summing to 1."""
    weight = 1.0 - (1.0 - intensity) ** 1.9
    blurred = blur(image, 20.0 * intensity * unit(image))
    return cv2.addWeighted(blurred, weight, image, 1.0 - weight, 0.0)


def lens_flare(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Screen a light over the picture: glow, streaks, and ghosts on the axis through the center.

    The seed fixes source, colors, streaks and ghosts; intensity sets brightness and reach.
    """
    source = rng.uniform((0.12, 0.08), (0.88, 0.42))
    warm = np.array([1.0, rng.uniform(0.82, 0.95), rng.uniform(0.55, 0.8)])
    streaks, turn = int(rng.integers(3, 6)), rng.uniform(0.0, np.pi)
    ghosts = rng.uniform((0.3, 0.015, 0.4), (2.1, 0.07, 1.0), size=(7, 3))
    tints = rng.uniform(0.35, 1.0, size=(7, 3))

    height, width = canvas_size(image, 160)
    longest = max(height, width)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    xs, ys = (xs + 0.5) / longest, (ys + 0.5) / longest
    center = np.array([width, height]) / longest / 2.0
    origin = source * center * 2.0
    dx, dy = xs - origin[0], ys - origin[1]
    distance = np.sqrt(dx * dx + dy * dy) + 1e-4
    reach = 0.08 + 0.30 * intensity
    glow = 1.0 / (1.0 + (distance / reach) ** 2) ** 1.2
    core = np.exp(-((distance / (0.02 + 0.05 * intensity)) ** 2))
    angle = np.arctan2(dy, dx)
    rays = np.abs(np.cos(streaks * (angle - turn))) ** 60 * np.exp(-distance / reach)
    light = (glow + 0.9 * rays)[..., None] * warm + (1.5 * core)[..., None]
    for (place, radius, power), tint in zip(ghosts, tints, strict=True):
        spot = origin + (center - origin) * place
        away = np.hypot(xs - spot[0], ys - spot[1]) / (radius * (0.6 + 0.6 * intensity))
        disc = 1.0 / (1.0 + np.exp(np.minimum((away - 1.0) * 18.0, 50.0)))
        light += (0.45 * power * disc * (0.5 + 0.5 * np.minimum(away, 1.0)))[..., None] * tint
    light = np.clip(light * (0.95 * intensity) * 255.0, 0, 255).astype(np.uint8)
    light = cv2.resize(light, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    dark = cv2.multiply(255 - image, 255 - light, scale=1.0 / 255.0)
    return 255 - dark


def motion_blur(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Average along a straight line whose angle the seed fixes; 1 + 30 s px at 640 long."""
    angle = rng.uniform(0.0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)])
    major = np.abs(step).max()
    half = 0.5 * 30.0 * intensity * unit(image) * major
    count = int(np.ceil(half))
    step = step / major
    pad = cv2.copyMakeBorder(image, count, count, count, count, cv2.BORDER_REPLICATE)
    height, width = image.shape[:2]
    total = image.astype(np.float32)
    for k in range(-count, count + 1):
        if k == 0:
            continue
        x, y = count + round(k * step[0]), count + round(k * step[1])
        tap = pad[y : y + height, x : x + width]
        share = min(1.0, half - abs(k) + 1.0)
        if share == 1.0:
            cv2.accumulate(tap, total)
        else:
            total = cv2.scaleAdd(tap.astype(np.float32), share, total)
    return cv2.convertScaleAbs(total, alpha=1.0 / (1.0 + 2.0 * half))


def dirty_lens(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Lay specks and greasy smudges over the picture; more, larger and denser with intensity."""
    count = 150
    specks = rng.uniform((0, 0, 0.003, 0.4), (1, 1, 0.024, 1.0), size=(count, 4))
    smudges = rng.uniform((0, 0, 0.05, 0.05, 0, 0.4), (1, 1, 0.22, 0.12, 180, 1.0), size=(14, 6))
    height, width = canvas_size(image, 256)
    mask = np.zeros((height, width), np.uint8)
    out = reveal(intensity, count) * specks[:, 3]
    for k in np.argsort(out, kind="stable"):
        if out[k] > 0.0:
            x, y, radius = specks[k, 0] * width, specks[k, 1] * height, specks[k, 2] * 256
            place = (int(x * 16), int(y * 16))
            cv2.circle(mask, place, int(radius * 16), int(255 * out[k]), -1, cv2.LINE_AA, 4)
    dust = cv2.GaussianBlur(mask, (0, 0), 1.2).astype(np.float32) / 255.0
    rows, cols = canvas_size(image, 64)
    haze = np.zeros((rows, cols), np.float32)
    for x, y, long, short, angle, power in smudges:
        patch = np.zeros((rows, cols), np.float32)
        axes = (int(long * 64 * 16), int(short * 64 * 16))
        place = (int(x * cols * 16), int(y * rows * 16))
        cv2.ellipse(patch, place, axes, angle, 0, 360, power, -1, cv2.LINE_8, 4)
        haze += patch * (1.0 - haze)
    haze = cv2.GaussianBlur(haze, (0, 0), 2.0)
    haze = cv2.resize(haze, (width, height), interpolation=cv2.INTER_LINEAR)
    veil = 1.0 - (1.0 - 0.85 * intensity * haze) * (1.0 - 0.85 * dust)
    veil = cv2.resize(veil, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    veil = np.clip(veil, 0.0, 1.0)
    soft = blur(image, 12.0 * unit(image))
    grease = cv2.addWeighted(soft, 0.35, np.full_like(image, (52, 46, 38)), 0.5, 0.0)
    return mix(image, grease, veil)


def saturation(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Scale HSV saturation by 1 - s: every channel moves toward the largest one, the value."""
    value = cv2.max(cv2.max(image[..., 0], image[..., 1]), image[..., 2])
    grey = cv2.merge([value, value, value])
    return cv2.addWeighted(image, 1.0 - intensity, grey, intensity, 0.0)
