"""Damage on the way from the camera to the viewer: codecs and lines."""

import cv2
import numpy as np

from robust_r1.degradations.pixels import canvas_size, unit

_BLEND_IN = 0.05  # below this intensity the codec's residue fades in, so that 0 is the identity


def jpeg_compression(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Encode and decode as JPEG at quality 100 - 95 s, chroma at half resolution."""
    quality = max(5, round(100.0 - 95.0 * intensity))
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)[1]
    decoded = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    weight = min(1.0, intensity / _BLEND_IN)
    return cv2.addWeighted(decoded, weight, image, 1.0 - weight, 0.0)


def block_exchange(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Swap pairs of blocks of one grid; the seed fixes the list of pairs, intensity its length."""
    height, width = image.shape[:2]
    longest = max(height, width)
    rows = min(height, max(1, round(20 * height / longest)))
    cols = min(width, max(1, round(20 * width / longest)))
    order = rng.permutation(rows * cols)
    tall, wide = height // rows, width // cols
    swaps = min(int(np.ceil(35.0 * intensity**1.7)), len(order) // 2)
    out = image.copy()
    for first, second in order[: 2 * swaps].reshape(-1, 2):
        y1, x1 = (first // cols) * height // rows, (first % cols) * width // cols
        y2, x2 = (second // cols) * height // rows, (second % cols) * width // cols
        out[y1 : y1 + tall, x1 : x1 + wide] = image[y2 : y2 + tall, x2 : x2 + wide]
        out[y2 : y2 + tall, x2 : x2 + wide] = image[y1 : y1 + tall, x1 : x1 + wide]
    return out


def mean_shift(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Flatten into patches of even color by mean shift with radii of 40 s px and 40 s levels."""
    height, width = image.shape[:2]
    longest = max(height, width)
    rows, cols = canvas_size(image, min(longest, max(40, min(longest // 4, 160))))
    small = cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA)
    radius = 40.0 * intensity * unit(image) * cols / width
    flat = cv2.pyrMeanShiftFiltering(small, max(1.0, radius), 40.0 * intensity, maxLevel=1)
    best, error = None, None
    for dy in (-0.5, 0.5):
        for dx in (-0.5, 0.5):
            shift = np.float32([[1, 0, dx], [0, 1, dy]])
            moved = cv2.warpAffine(flat, shift, (cols, rows), borderMode=cv2.BORDER_REPLICATE)
            grown = cv2.resize(moved, (width, height), interpolation=cv2.INTER_NEAREST)
            off = cv2.transform(cv2.absdiff(grown, image), np.float32([[0.3, 0.4, 0.3]]))
            if best is None:
                best, error = grown, off
                continue
            closer = cv2.compare(off, error, cv2.CMP_LT)
            cv2.copyTo(grown, closer, best)
            cv2.copyTo(off, closer, error)
    limit = 40.0 * intensity
    change = np.clip(best.astype(np.int16) - image, -limit, limit)
    return (image + change).astype(np.uint8)


def scan_lines(image: np.ndarray, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Darken evenly spaced lines; period and phase are drawn, width and depth grow."""
    period = rng.uniform(14.0, 22.0) * unit(image)
    phase = rng.uniform(0.0, 1.0)
    share = 0.12 + 0.32 * intensity
    edges = np.arange(image.shape[0] + 1) / max(period, 2.0) + phase
    covered = np.floor(edges) * share + np.minimum(edges - np.floor(edges), share)
    coverage = np.diff(covered) * max(period, 2.0)
    depth = min(1.0, 1.15 * intensity)
    gain = np.clip(1.0 - depth * coverage, 0.0, 1.0).astype(np.float32)
    return np.rint(image * gain[:, None, None]).astype(np.uint8)
