"""Damage by the surroundings: light, air, sensor noise, stray color.

Each operation takes a picture (uint8, H x W x 3, RGB), an intensity s above 0 and up to 1, and a
generator; it returns a new picture. What the generator draws does not depend on s, which only
scales or reveals it.
"""

from functools import lru_cache
from math import erf, sqrt

import cv2
import numpy as np

from robust_r1.degradations.pixels import blur, canvas_size, fit_to, spread, unit


def darkness(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Dim by 1 - 0.97 s^2, so that 3 % of the light is left at the darkest."""
    table = np.rint(np.arange(256) * (1.0 - 0.97 * intensity**2)).astype(np.uint8)
    return cv2.LUT(image, table)


def atmospheric_turbulence(
    image: np.ndarray, intensity: float, rng: np.random.Generator
) -> np.ndarray:
    """Displace along a smooth random field and blur a little, both in proportion to s.

    Three grids of 10, 24 and 56 cells along the long side, the finer the weaker, stand for air
    cells of different sizes; together they displace by about 10 s px at 640.
    """
    grids = [rng.standard_normal((n, n, 2), dtype=np.float32) for n in (10, 24, 56)]
    height, width = image.shape[:2]
    canvas = np.empty(canvas_size(image, min(160, max(height, width))))
    field = np.zeros((*canvas.shape, 2), np.float32)
    for weight, grid in zip((10.0, 7.0, 3.0), grids, strict=True):
        field += np.float32(weight) * spread(grid, canvas).reshape(field.shape)
    field = fit_to(field * np.float32(intensity * unit(image)), image).reshape(height, width, 2)
    field[..., 0] += np.arange(width, dtype=np.float32)
    field[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(image, field, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return blur(moved, 2.4 * intensity * unit(image))


def gaussian_noise(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Add independent Gaussian noise of sigma 75 s levels to every channel of every pixel.

    The grain is one pixel whatever the size of the picture. Sixteen random bits choose a quantile
    of the normal law, which takes a third of the time of normal draws.
    """
    draws = np.frombuffer(rng.bytes(2 * image.size), dtype="<u2").reshape(image.shape)
    levels = np.rint(_normal_quantiles() * (75.0 * intensity)).astype(np.int16)
    return cv2.add(image, levels[draws], dtype=cv2.CV_8U)


@lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """Return 65,536 evenly spaced quantiles of the standard normal law, float64."""
    xs = np.linspace(-5.0, 5.0, 4001)
    below = [0.5 * (1.0 + erf(x / sqrt(2.0))) for x in xs]
    return np.interp((np.arange(65536) + 0.5) / 65536, below, xs)


def color_diffusion(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Let color run: drift and spread chroma (sigma 50 s px at 640), keep luma.

    The seed fixes the direction of the drift, 30 s px at 640. The spread color is up to half as
    strong again as the original, because neighbors cancel where they mix.
    """
    angle = rng.uniform(0.0, 2.0 * np.pi)
    height, width = image.shape[:2]
    ycc = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    rows, cols = canvas_size(image, min(160, max(height, width)))
    chroma = cv2.resize(ycc, (cols, rows), interpolation=cv2.INTER_AREA)
    drift = 30.0 * intensity * unit(chroma)
    along, across = drift * np.cos(angle), drift * np.sin(angle)
    shift = np.array([[1, 0, along], [0, 1, across]], np.float32)
    chroma = cv2.warpAffine(chroma, shift, (cols, rows), borderMode=cv2.BORDER_REPLICATE)
    chroma = fit_to(blur(chroma, 50.0 * intensity * unit(chroma)), image)
    weight = 1.0 - (1.0 - intensity) ** 3
    gain = weight * (1.0 + 0.8 * intensity)
    out = cv2.addWeighted(chroma, gain, ycc, 1.0 - weight, 128.0 * (weight - gain))
    out[..., 0] = ycc[..., 0]
    return cv2.cvtColor(out, cv2.COLOR_YCrCb2RGB)
