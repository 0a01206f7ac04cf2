"""Which presets change a picture most visibly."""

from collections.abc import Collection

import cv2
import numpy as np

from robust_r1.degradations.presets import PRESETS
from robust_r1.degradations.table import find

_SIDE = 192  # pixels of the longer side: enough to rank by, and all presets take .1 s
# Window and constants of structural similarity: Wang et al., Image Quality Assessment (2004).
_WINDOW, _MEAN, _CONTRAST = 1.5, (0.01 * 255) ** 2, (0.03 * 255) ** 2


def most_visible(
    image: np.ndarray, shown: Collection[str] = (), count: int = 3
) -> tuple[str, ...]:
    """Name the presets that change a picture most, the strongest first, no two of them alike.

    Args:
        image: uint8, H x W x 3.
        shown: degradations, by any of their names, that the picture has already; presets with one
            of them are left out.
        count: how many at most.

    How much a preset changes is what structural similarity loses by it, on a small copy. Of presets
    that share a degradation only the strongest counts.
    """
    taken = {find(name).id for name in shown}
    small = _small(image)
    changes = {name: 1 - similarity(small, plan.apply(small)) for name, plan in PRESETS.items()}
    chosen: list[str] = []
    for name in sorted(changes, key=lambda name: -changes[name]):
        kinds = set(PRESETS[name].intensities)
        if not taken & kinds and len(chosen) < count:
            chosen.append(name)
            taken |= kinds
    return tuple(chosen)


def similarity(image: np.ndarray, other: np.ndarray) -> float:
    """Return the structural similarity of two pictures, uint8, H x W x 3: 1 for equal ones."""
    one, two = image.astype(np.float32), other.astype(np.float32)
    mean, other_mean = _blur(one), _blur(two)
    variance, other_variance = _blur(one * one) - mean**2, _blur(two * two) - other_mean**2
    covariance = _blur(one * two) - mean * other_mean
    means = (2 * mean * other_mean + _MEAN) / (mean**2 + other_mean**2 + _MEAN)
    contrasts = (2 * covariance + _CONTRAST) / (variance + other_variance + _CONTRAST)
    return float((means * contrasts).mean())


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), _WINDOW)


def _small(image: np.ndarray) -> np.ndarray:
    scale = _SIDE / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
