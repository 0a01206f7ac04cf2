"""Damage on the way into the camera: focus, stray light, shake, dirt, faded color.

Each operation takes a picture (uint8, H x W x 3, RGB), an intensity s above 0 and up to 1, and a
generator; it returns a new picture. What the generator draws does not depend on s, which only
scales or reveals it.
"""

import cv2
import numpy as np

from robust_r1.degradations.pixels import (
    blur,
    canvas_size,
    fit_to,
    mix,
    reveal,
    spread,
    unit,
)


def lens_blur(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Blur with sigma 20 s px at 640 and mix with the sharp picture, weights summing to 1.

    The published weights sum to 1 + 0.2 s and brighten. With 1 - (1 - s)^1.9 on the blurred copy
    the difference to the clean picture is the published one again, now from blur alone.
    """
    weight = 1.0 - (1.0 - intensity) ** 1.9
    blurred = blur(image, 20.0 * intensity * unit(image))
    return cv2.addWeighted(blurred, weight, image, 1.0 - weight, 0.0)


def lens_flare(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Screen a light over the picture: glow, streaks, and ghosts on the axis through the center.

    The seed fixes source, colors, streaks and ghosts; intensity sets brightness and reach. The
    light is smooth, so it is computed small and enlarged.
    """
    source = rng.uniform((0.12, 0.08), (0.88, 0.42))
    warm = np.array([1.0, rng.uniform(0.84, 0.95), rng.uniform(0.6, 0.8)], np.float32)
    rays, turn = int(rng.integers(3, 6)), rng.uniform(0.0, np.pi)
    ghosts = rng.uniform((0.35, 0.012, 0.4), (2.1, 0.075, 1.0), size=(8, 3))
    tints = rng.uniform(0.35, 1.0, size=(8, 3)).astype(np.float32)

    height, width = canvas_size(image, min(160, max(image.shape[0], image.shape[1]) // 2))
    xs = (np.arange(width, dtype=np.float32) + 0.5) / max(height, width)
    ys = (np.arange(height, dtype=np.float32) + 0.5) / max(height, width)
    middle = np.array([width, height], np.float32) / max(height, width) / 2.0
    origin = (source * 2.0).astype(np.float32) * middle
    light = _glow(xs - origin[0], (ys - origin[1])[:, None], intensity, rays, turn)
    light = light[..., None] * warm
    for (place, radius, power), tint in zip(ghosts, tints, strict=True):
        spot = origin + (middle - origin) * np.float32(place)
        size = np.float32(radius * (0.6 + 0.6 * intensity))
        _add_disc(light, xs - spot[0], ys - spot[1], size, np.float32(0.5 * power) * tint)
    light = np.clip(light * np.float32(255.0 * intensity**0.8), 0.0, 255.0).astype(np.uint8)
    light = fit_to(light, image)
    shade = cv2.multiply(cv2.bitwise_not(image), cv2.bitwise_not(light), scale=1.0 / 255.0)
    return cv2.bitwise_not(shade)


def _glow(
    dx: np.ndarray, dy: np.ndarray, intensity: float, rays: int, turn: float
) -> np.ndarray:
    """Return the light around a source, float32, from offsets in shares of the long side."""
    squared = dx * dx + dy * dy
    distance = np.sqrt(squared)
    reach = np.float32(0.08 + 0.36 * intensity)
    halo = 1.0 / (1.0 + squared / (reach * reach))
    core = np.exp(-squared / np.float32((0.02 + 0.05 * intensity) ** 2))
    # 2 x rays thin lobes; the sixth squaring of |cos| leaves spikes of about 10 degrees.
    spikes = np.abs(np.cos(np.float32(rays) * (np.arctan2(dy, dx) - np.float32(turn))))
    for _ in range(5):
        spikes = spikes * spikes
    return halo + np.float32(1.5) * core + spikes * np.exp(-distance / (np.float32(0.7) * reach))


def _add_disc(
    light: np.ndarray, dx: np.ndarray, dy: np.ndarray, radius: np.float32, color: np.ndarray
) -> None:
    """Add a disc, brighter toward its rim like the picture of an aperture, to a light map."""
    cols = slice(*np.searchsorted(dx, (-radius, radius)))
    rows = slice(*np.searchsorted(dy, (-radius, radius)))
    away = np.hypot(dx[cols], dy[rows][:, None]) / radius
    disc = np.clip((1.0 - away) * 8.0, 0.0, 1.0) * (0.4 + 0.6 * away)
    light[rows, cols] += disc[..., None] * color


def motion_blur(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Average along a straight line of 30 s px at 640 whose angle the seed fixes.

    The two end points of the line count in proportion to how far the line reaches into them, so
    that it grows from a single point without steps.
    """
    angle = rng.uniform(0.0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)])
    step /= np.abs(step).max()
    half = 15.0 * intensity * unit(image) / np.hypot(*step)
    stride = 1.0 + half // 120.0  # at most 241 taps, whose sum fits 16 bits
    count = max(1, int(np.ceil(half / stride)))
    pad = int(np.ceil(count * stride))
    edged = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE).astype(np.uint16)
    height, width = image.shape[:2]

    def pair(k: int) -> np.ndarray:
        x, y = (round(k * stride * part) for part in step)
        ahead = edged[pad + y : pad + y + height, pad + x : pad + x + width]
        behind = edged[pad - y : pad - y + height, pad - x : pad - x + width]
        return cv2.add(ahead, behind)

    total = image.astype(np.uint16)
    for k in range(1, count):
        total = cv2.add(total, pair(k), dst=total)
    share = half / stride - (count - 1)
    weight = 1.0 / (1.0 + 2.0 * half / stride)
    return cv2.addWeighted(total, weight, pair(count), weight * share, 0.0, dtype=cv2.CV_8U)


def dirty_lens(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Lay specks of dust and blotches of grime over the picture; more and denser with s.

    What lies behind dirt is blurred and dimmed: dirt on a lens is far out of focus.
    """
    specks = rng.uniform((0, 0, 0.006, 0.5), (1, 1, 0.03, 1.0), size=(140, 4))
    coarse, fine = rng.standard_normal((7, 7)), rng.standard_normal((28, 28))
    grime = (spread(coarse, fine) + 0.7 * fine).astype(np.float32)
    side = min(160, max(image.shape[0], image.shape[1]))
    height, width = canvas_size(image, side)

    density = reveal(intensity, len(specks), 0.8) * specks[:, 3]
    marks = np.rint(specks[:, :3] * (width * 16, height * 16, side * 16)).astype(int).tolist()
    spots = np.zeros((height, width), np.uint8)
    for k in np.argsort(density, kind="stable")[np.count_nonzero(density == 0.0) :].tolist():
        x, y, radius = marks[k]
        cv2.circle(spots, (x, y), radius, int(255 * density[k]), -1, cv2.LINE_AA, 4)
    dust = blur(spots, side / 200.0).astype(np.float32) / 255.0
    # The blotches that stand out most come first, and spread from there.
    grime = np.clip((spread(grime, dust) + 3.2 * intensity - 1.9) / 2.0, 0.0, 1.0)
    veil = 1.0 - (1.0 - 0.85 * min(1.0, 2.0 * intensity) * grime) * (1.0 - 0.9 * dust)

    rows, cols = canvas_size(image, side // 2)
    behind = cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA)
    behind = cv2.convertScaleAbs(blur(behind, side / 120.0), alpha=0.3, beta=14)
    return mix(image, fit_to(behind, image), fit_to(veil.astype(np.float32), image))


def saturation(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Scale HSV saturation by 1 - s: every channel moves toward the largest one, the value."""
    value = cv2.max(cv2.max(image[..., 0], image[..., 1]), image[..., 2])
    return cv2.addWeighted(image, 1.0 - intensity, cv2.merge([value] * 3), intensity, 0.0)
