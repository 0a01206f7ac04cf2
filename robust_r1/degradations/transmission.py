"""Damage on the way from the camera to the viewer: codecs, lost order, lines.

Each operation takes a picture (uint8, H x W x 3, RGB), an intensity s above 0 and up to 1, and a
generator; it returns a new picture. What the generator draws does not depend on s, which only
scales or reveals it.
"""

import cv2
import numpy as np

from robust_r1.degradations.pixels import canvas_size, fit_to, unit

_FADE_IN = 0.05  # below this intensity the codec's residue fades in, so that 0 is the identity
_CANVAS = 128  # mean shift costs the fourth power of the side that it works at
_CHANNEL_WEIGHTS = np.array([[0.33, 0.34, 0.33]], np.float32)
_GRID = 20  # blocks along the long side: 32 px at 640, the largest published block


def jpeg_compression(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Encode and decode as JPEG at quality 100 - 95 s, chroma at half resolution.

    Blocks are 8 px whatever the size of the picture, as in any JPEG file.
    """
    quality = max(5, round(100.0 - 95.0 * intensity))
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)[1]
    decoded = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    weight = min(1.0, intensity / _FADE_IN)
    return cv2.addWeighted(decoded, weight, image, 1.0 - weight, 0.0)


def block_exchange(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Swap pairs of blocks of a grid; the seed fixes the list of pairs, s how much of it is done.

    35 s^2 pairs, rounded up: the published count is 35 s of blocks that grow with s as well, and
    blocks that keep their place and size must make up for that by number. No block is in two
    pairs. A picture of a single block stays as it is.
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    rows = min(height, max(1, round(_GRID * height / longest)))
    cols = min(width, max(1, round(_GRID * width / longest)))
    order = rng.permutation(rows * cols)
    swaps = min(int(np.ceil(35.0 * intensity**2)), len(order) // 2)
    tall, wide = height // rows, width // cols
    tops, lefts = order // cols * height // rows, order % cols * width // cols
    out = image.copy()
    for k in range(0, 2 * swaps, 2):
        (y1, y2), (x1, x2) = tops[k : k + 2].tolist(), lefts[k : k + 2].tolist()
        out[y1 : y1 + tall, x1 : x1 + wide] = image[y2 : y2 + tall, x2 : x2 + wide]
        out[y2 : y2 + tall, x2 : x2 + wide] = image[y1 : y1 + tall, x1 : x1 + wide]
    return out


def mean_shift(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Flatten into patches of even color by mean shift with radii of 40 s px and 40 s levels.

    The shift runs on a quarter-size copy, as the plain one takes seconds. Every pixel then takes
    the flattened color nearest to its own, among the four around it and their linear mean, which
    keeps edges sharp, and moves toward it by no more than about the color radius.
    """
    height, width = image.shape[:2]
    rows, cols = canvas_size(image, min(_CANVAS, -(-max(height, width) // 4)))
    small = cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA)
    radius = 40.0 * intensity
    flat = cv2.pyrMeanShiftFiltering(small, max(1.0, radius * unit(small)), radius, maxLevel=1)
    nearest = fit_to(flat, image)
    # The mean wins near ties: four hard candidates would draw the canvas grid on soft gradients.
    error = cv2.subtract(_color_distance(nearest, image), 5)
    padded = cv2.copyMakeBorder(flat, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    xs, ys = _cell_index(width, cols), _cell_index(height, rows)
    for dy in (0, 1):
        lines = padded[ys + dy]
        for dx in (0, 1):
            color = np.take(lines, xs + dx, axis=1)
            away = _color_distance(color, image)
            cv2.copyTo(color, cv2.compare(away, error, cv2.CMP_LT), nearest)
            cv2.min(away, error, dst=error)
    limit = np.uint8(np.ceil(radius * (0.45 + 0.55 * intensity)))
    down = np.minimum(cv2.subtract(image, nearest), limit)
    up = np.minimum(cv2.subtract(nearest, image), limit)
    return cv2.add(cv2.subtract(image, down), up)


def _color_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference of the channels, uint8, H x W."""
    return cv2.transform(cv2.absdiff(first, second), _CHANNEL_WEIGHTS)


def _cell_index(size: int, cells: int) -> np.ndarray:
    """Return, per pixel, the padded canvas pixel whose center lies just before the pixel's."""
    return np.floor((np.arange(size) + 0.5) * cells / size + 0.5).astype(np.intp)


def scan_lines(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Darken evenly spaced rows; the seed fixes distance and phase, s sets width and depth.

    A line may cover a part of a pixel row, so width grows without steps. At most 44 % of the
    picture's height goes black.
    """
    period = max(2.0, rng.uniform(14.0, 22.0) * unit(image))
    edges = np.arange(image.shape[0] + 1) / period + rng.uniform(0.0, 1.0)
    share = 0.12 + 0.28 * intensity
    covered = np.floor(edges) * share + np.minimum(edges - np.floor(edges), share)
    depth = min(1.0, 1.15 * intensity)
    gain = 1.0 - depth * np.clip(np.diff(covered) * period, 0.0, 1.0)
    return np.rint(image * gain.astype(np.float32)[:, None, None]).astype(np.uint8)
