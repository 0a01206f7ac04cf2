"""Photographs that scikit-image carries inside itself, and how far two pictures are apart."""

import cv2
import numpy as np
from skimage import data


def load_photos(width: int) -> list[np.ndarray]:
    """Return astronaut, coffee and chelsea at a width; scikit-image carries them inside itself."""
    found = []
    for photo in (data.astronaut(), data.coffee(), data.chelsea()):
        size = (width, round(photo.shape[0] * width / photo.shape[1]))
        way = cv2.INTER_AREA if width < photo.shape[1] else cv2.INTER_LINEAR
        found.append(cv2.resize(photo, size, interpolation=way))
    return found


def rmse(first: np.ndarray, second: np.ndarray) -> float:
    """Return the root mean square difference in levels of 255."""
    return float(np.sqrt(np.mean((first.astype(np.float64) - second) ** 2)))
