"""Helpers that the operations share: sizes relative to the picture, blurs, smooth fields, blends.

Pictures are uint8, H x W x 3, RGB. Lengths named "at 640" are pixels of a picture whose long side
is 640, the size that the published strengths refer to.
"""

import cv2
import numpy as np

REFERENCE_SIDE = 640
_SMALL_SIGMA = 2.0  # pixels; a direct Gaussian beyond this costs more than shrinking first


def unit(image: np.ndarray) -> float:
    """Return how many pixels of this picture one pixel at 640 is."""
    return max(image.shape[:2]) / REFERENCE_SIDE


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian of `sigma` pixels at a cost that hardly grows with sigma.

    A wide Gaussian is smooth, so a shrunken copy carries all of it: shrink until sigma is a few
    pixels, blur there, enlarge. Works on any dtype and channel count that OpenCV resizes.
    """
    height, width = image.shape[:2]
    factor = max(1, int(sigma / _SMALL_SIGMA))
    factor = 1 << (factor.bit_length() - 1)
    if factor == 1:
        return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.01), borderType=cv2.BORDER_REPLICATE)
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def mix(image: np.ndarray, other: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Blend per pixel: `weight` (float32, H x W, 0 to 1) of `other`, the rest of `image`."""
    return cv2.blendLinear(image, other, 1.0 - weight, weight)


def spread(grid: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Enlarge a square grid of values that covers the picture's long side to H x W.

    The short side takes the part of the grid that its share of the long side covers, so that the
    cells stay square whatever the aspect.
    """
    height, width = image.shape[:2]
    cells, longest = len(grid), max(height, width)
    rows = max(1, round(cells * height / longest))
    cols = max(1, round(cells * width / longest))
    part = np.ascontiguousarray(grid[:rows, :cols])
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)


def fit_to(small: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Enlarge a canvas to the picture's height and width, linearly."""
    return cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)


def canvas_size(image: np.ndarray, long_side: int) -> tuple[int, int]:
    """Return (height, width) of the picture scaled to a long side of `long_side`, at least 1."""
    height, width = image.shape[:2]
    ratio = max(1, long_side) / max(height, width)
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def reveal(intensity: float, count: int, power: float = 1.0) -> np.ndarray:
    """Return how far each of `count` marks has come out, 0 to 1, float64.

    Mark k starts where the marks before it have all started, the first at intensity 0, and takes
    about two starts to come out whole; all are whole at intensity 1.
    """
    level = intensity**power * (count + 1)
    return np.clip((level - np.arange(count)) / 2.0, 0.0, 1.0)
