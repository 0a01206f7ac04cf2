"""Training pictures from folders of photographs: crops as a model is served them, sound ones only.

MiniBench, the examples and links draw their backgrounds from `backgrounds` alone and keep every
pixel; what is here serves training and validation.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import cv2
import numpy as np

from robust_r1.errors import ImageError, InputError
from robust_r1.images import ENDINGS, digest, files_below, fit, fitted_size, load
from robust_r1.scenes.drawing import draw
from robust_r1.scenes.scene import Scene

# Not enough for anything: one of two would be half of what is validated on.
FEWEST = 8
_VALIDATION = 16  # one in so many photographs is kept for validation, by the hash of its name
_WHOLE = 0.4  # share of near-whole pictures among the crops; the others are details
_TRIES = 12  # to cut a crop that is fitted to a size
_SAVED = 0.6  # share that was saved once before it was fitted, as phones and sites do
_MULTIPLE = 32  # pixels: one merged token
# A crop with less is no example of an undamaged picture. Measured on 355 photographs, of which
# they pass .93: 99th percentile of the Laplacian (a sharp spot anywhere is enough: natural bokeh
# is clean), brightest half percent (lamps make a night clean), mean distance from gray.
_DETAIL, _HIGHLIGHT, _CHROMA = 22.0, 115.0, 1.5
# Width by height of what people bring, and how often.
_ASPECTS = (1.0, 4 / 3, 3 / 2, 16 / 9, 3 / 4, 2 / 3, 9 / 16, 2.0, 0.5)
_ASPECT_ODDS = (0.24, 0.2, 0.19, 0.06, 0.12, 0.1, 0.05, 0.025, 0.015)
_MOST_PIXELS = 1_600_000  # of a photograph that is kept decoded
_BLOCKS = 1.4  # most that differences on the 8-pixel grid may exceed those between


@dataclass(frozen=True)
class Photograph:
    """Identify one photograph of a folder: its name there, its file, the digest of its pixels."""

    name: str
    path: Path
    sha256: str = ""

    @property
    def split(self) -> str:
        """Return "train" or "validation", by the name alone: a smaller copy belongs there too."""
        number = int(hashlib.sha256(Path(self.name).stem.encode()).hexdigest()[:8], 16)
        return "train" if number % _VALIDATION else "validation"


@dataclass(frozen=True)
class Canvas:
    """Pair a fitted crop, uint8, H x W x 3, with whether it was saved with loss before."""

    picture: np.ndarray
    saved: bool


@dataclass(frozen=True)
class PhotoScene(Scene):
    """Place objects on a photograph: they are known, nothing else of it is."""

    canvas: np.ndarray = field(compare=False, repr=False)

    @cached_property
    def _picture(self) -> np.ndarray:
        picture = self.canvas.copy()
        for thing in self.things:
            draw(picture, thing.noun, thing.color, thing.x, thing.y, thing.radius)
        return picture


def find_photographs(folders: Sequence[Path]) -> tuple[Photograph, ...]:
    """List the photographs of folders, each read once, in the order of their paths.

    Raises:
        InputError: no such folder, one that holds no pictures or another file, a picture that
            cannot be read, or too few in all.
    """
    found = [photo for folder in folders for photo in _in_folder(folder)]
    if len(found) < FEWEST:
        raise InputError(
            f"{', '.join(map(str, folders))} together hold {len(found)} photographs; training "
            f"needs {FEWEST} or more"
        )
    return tuple(found)


def of_split(photographs: Sequence[Photograph], split: str) -> tuple[Photograph, ...]:
    """Return those of a split, "train" or "validation".

    Raises:
        InputError: none belongs to it.
    """
    if not (chosen := tuple(photo for photo in photographs if photo.split == split)):
        raise InputError(
            f"none of {len(photographs)} photographs falls into the {split} split, which goes by "
            "their names; give more photographs"
        )
    return chosen


def _in_folder(folder: Path) -> Iterator[Photograph]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one that holds photographs")
    files = files_below(folder)
    if strange := [path for path in files if path.suffix.lower() not in ENDINGS]:
        raise InputError(f"{strange[0]} is no picture; give a folder of photographs alone")
    if not files:
        raise InputError(f"{folder} holds no pictures; give a folder that does")
    with ThreadPoolExecutor() as readers:
        for path, sha256 in zip(files, readers.map(_digest, files), strict=True):
            yield Photograph(path.relative_to(folder).as_posix(), path, sha256)


def _digest(path: Path) -> str:
    try:
        return digest(load(path))
    except ImageError as error:
        raise InputError(f"{path} cannot be trained on: {error}") from error


def draw_photo_size(max_pixels: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw what size, (height, width), photographs of many shapes come to under a budget.

    Three in four are larger than the budget; the others are details that are served as they are.
    """
    aspect = _ASPECTS[int(rng.choice(len(_ASPECTS), p=_ASPECT_ODDS))]
    area = 4 * max_pixels if rng.random() < 0.75 else rng.uniform(0.55, 1.0) * max_pixels
    height, width = round((area / aspect) ** 0.5), round((area * aspect) ** 0.5)
    return fitted_size(height, width, max_pixels, max_pixels // 2, _MULTIPLE)


def draw_canvas(
    picture: np.ndarray, size: tuple[int, int], max_pixels: int, rng: np.random.Generator
) -> Canvas | None:
    """Cut a crop out of a photograph that a budget fits to a size, and fit it.

    Args:
        picture: uint8, H x W x 3.
        size: (height, width), as `draw_photo_size` draws it.
        max_pixels: the model's budget; its smallest pictures have half of it.

    Returns:
        None where the photograph would have to be enlarged, or where the crop is no example of an
        undamaged picture.
    """
    height, width = picture.shape[:2]
    most = min(height / size[0], width / size[1])
    if most < 1:
        return None
    if size[0] * size[1] < 0.8 * max_pixels:
        most = min(most, 1.03)  # A larger crop would be fitted to more.
    for _ in range(_TRIES):
        factor = most * rng.uniform(0.9, 1.0) if rng.random() < _WHOLE else rng.uniform(1.0, most)
        bend = rng.uniform(0.96, 1.04)
        tall, wide = round(size[0] * factor * bend), round(size[1] * factor / bend)
        within = size[0] * 0.98 <= tall <= height and size[1] * 0.98 <= wide <= width
        if within and fitted_size(tall, wide, max_pixels, max_pixels // 2, _MULTIPLE) == size:
            break
    else:
        return None
    top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
    crop = np.ascontiguousarray(picture[top : top + tall, left : left + wide])
    saved = bool(rng.random() < _SAVED)
    crop = save_once(crop, rng) if saved else crop
    fitted = fit(crop, max_pixels, max_pixels // 2, _MULTIPLE)
    return Canvas(fitted, saved) if is_sound(fitted) else None


def save_once(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Encode a picture with the slight loss of phones and sites, and decode it again."""
    kind, quality = rng.random(), int(rng.integers(84, 97))
    if kind < 0.2:
        options = [cv2.IMWRITE_WEBP_QUALITY, int(rng.integers(80, 96))]
        return _coded(picture, ".webp", options)
    halved = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if kind < 0.85 else 0x111111
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, halved]
    return _coded(picture, ".jpg", options)


def _coded(picture: np.ndarray, ending: str, options: list[int]) -> np.ndarray:
    done, data = cv2.imencode(ending, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ImageError(f"A picture could not be encoded as {ending}.")
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@lru_cache(maxsize=512)
def decoded(path: Path) -> np.ndarray | None:
    """Read a photograph, shrunk to what crops need; None where it shows JPEG's grid all over."""
    picture = load(path)
    if blockiness(picture) > _BLOCKS:
        return None
    return fit(picture, _MOST_PIXELS)


def is_sound(picture: np.ndarray) -> bool:
    """Tell whether a fitted crop has detail, light and color somewhere, as a clean example must."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    detail = np.percentile(np.abs(cv2.Laplacian(gray, cv2.CV_32F)), 99)
    chroma = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32) - 128
    light = np.percentile(gray, 99.5)
    return bool(detail >= _DETAIL and light >= _HIGHLIGHT and np.abs(chroma).mean() >= _CHROMA)


def blockiness(picture: np.ndarray) -> float:
    """Return how much differences on the strongest 8-pixel grid exceed those of the other seven.

    1 where no grid stands out; a crop may begin anywhere, so all eight phases are tried.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    found = 1.0
    for axis in (0, 1):
        steps = np.abs(np.diff(gray, axis=axis)).mean(1 - axis)
        phases = np.array([steps[phase::8].mean() for phase in range(8)])
        found = max(found, float(phases.max() / max(1e-3, float(np.median(phases)))))
    return found


def relit(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror a canvas at random, and move its light and tint a little, as days and cameras do."""
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    if rng.random() < 0.5:
        return np.ascontiguousarray(picture)
    gain = rng.uniform(0.87, 1.1) * rng.uniform(0.96, 1.04, size=3)
    table = np.arange(256)[:, None] * gain + rng.uniform(-6, 6)
    return cv2.LUT(np.ascontiguousarray(picture), np.clip(table, 0, 255).astype(np.uint8)[:, None])
