"""The table of the sixteen degradations, and the one function that applies them.

Names, stages and operations live here and nowhere else. Adding a degradation means one function
in its stage's module and one row in `SPECS`; the property tests then run over it by themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Real

import numpy as np

from robust_r1.degradations import acquisition, environment, postprocessing, transmission
from robust_r1.errors import InputError

STAGES = ("acquisition", "transmission", "environment", "postprocessing")

# Corrupted-benchmark levels and the intensities they use (published code of the authors).
LEVELS = {"25": 0.23, "50": 0.45, "100": 0.9}

MAX_SIDE = 30_000  # OpenCV's remap stops at 32,767 pixels a side

Operation = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Degradation:
    """Describe one row of the table: its names, its stage and the function that does it."""

    id: str
    stage: str
    chain_name: str
    label: str
    aliases: tuple[str, ...]
    description: str
    operation: Operation

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name that `find` accepts for this row, the id first."""
        return (self.id, self.chain_name, self.label, *self.aliases)


SPECS: tuple[Degradation, ...] = (
    Degradation(
        "lens_blur", "acquisition", "lens blur", "Lens blur", ("blur", "defocus blur"),
        "Out of focus: fine detail melts into a soft picture.", acquisition.lens_blur,
    ),
    Degradation(
        "lens_flare", "acquisition", "lens flare", "Lens flare", ("flare",),
        "A light shines into the lens: glow, streaks and ghosts.", acquisition.lens_flare,
    ),
    Degradation(
        "motion_blur", "acquisition", "motion blur", "Motion blur", (),
        "The camera moved: everything is smeared along one direction.", acquisition.motion_blur,
    ),
    Degradation(
        "dirty_lens", "acquisition", "dirty lens", "Dirty lens", (),
        "Dust specks and greasy smudges on the lens.", acquisition.dirty_lens,
    ),
    Degradation(
        "saturation", "acquisition", "saturation", "Saturation loss", ("hsv saturation",),
        "Colors fade toward grey.", acquisition.saturation,
    ),
    Degradation(
        "jpeg_compression", "transmission", "jpeg compression", "Compression", ("compression",),
        "JPEG saved at low quality: blocks and ringing.", transmission.jpeg_compression,
    ),
    Degradation(
        "block_exchange", "transmission", "block exchange", "Block change", ("block change",),
        "Blocks of the picture have changed places.", transmission.block_exchange,
    ),
    Degradation(
        "mean_shift", "transmission", "mean shift", "Shifting", ("shifting",),
        "Texture flattens into patches of even color.", transmission.mean_shift,
    ),
    Degradation(
        "scan_lines", "transmission", "scan lines", "Scan lines", (),
        "Dark horizontal lines at even distances.", transmission.scan_lines,
    ),
    Degradation(
        "darkness", "environment", "dark illumination", "Darkness", ("darkness",),
        "Too little light.", environment.darkness,
    ),
    Degradation(
        "atmospheric_turbulence", "environment", "atmospheric turbulence",
        "Atmospheric turbulence", ("turbulence",),
        "Hot air between camera and scene: shapes wobble.", environment.atmospheric_turbulence,
    ),
    Degradation(
        "gaussian_noise", "environment", "gaussian noise", "Noise", ("noise",),
        "Random grain on every pixel.", environment.gaussian_noise,
    ),
    Degradation(
        "color_diffusion", "environment", "color diffusion", "Color diffusion", (),
        "Colors bleed over their outlines.", environment.color_diffusion,
    ),
    Degradation(
        "sharpness_change", "postprocessing", "sharpness change", "Sharpness change",
        ("sharpness",),
        "Sharpened far too much: halos around every edge.", postprocessing.sharpness_change,
    ),
    Degradation(
        "graffiti", "postprocessing", "graffiti", "Graffiti", (),
        "Scribbles and signs painted over the picture.", postprocessing.graffiti,
    ),
    Degradation(
        "watermark_damage", "postprocessing", "watermark damage", "Watermark damage",
        ("watermark",),
        "Boxes where a watermark was painted out, with dark edges.",
        postprocessing.watermark_damage,
    ),
)

_BY_NAME = {name.casefold(): spec for spec in SPECS for name in spec.names}


def find(name: str) -> Degradation:
    """Return the degradation with this id, chain name, label or alias, in any case.

    Raises:
        InputError: no degradation is called that; the text names the closest ones.
    """
    key = " ".join(str(name).casefold().split())
    spec = _BY_NAME.get(key) or _BY_NAME.get(key.replace("_", " "))
    if spec is not None:
        return spec
    close = get_close_matches(key.replace(" ", "_"), [spec.id for spec in SPECS], n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}?" if close else "use one of the sixteen ids"
    raise InputError(f"unknown degradation {name!r}; {hint}")


def check_intensity(intensity: object, name: str) -> float:
    """Return the intensity as a float if it is a number from 0 to 1, else raise InputError."""
    if isinstance(intensity, bool | np.bool_) or not isinstance(intensity, Real):
        raise InputError(f"intensity of {name} must be a number, got {intensity!r}")
    value = float(intensity)
    if not 0.0 <= value <= 1.0:  # also false for nan
        raise InputError(f"intensity of {name} must lie in 0 to 1, got {intensity!r}")
    return value


def degrade(image: np.ndarray, id: str, intensity: float, seed: int = 0) -> np.ndarray:
    """Apply one degradation to a picture and return a new picture of the same shape.

    Args:
        image: uint8, H x W x 3, RGB, any size from 1 x 1; it is not modified.
        id: an id of the table; chain names, labels and aliases work as well.
        intensity: 0 (byte-identical copy) to 1 (extreme).
        seed: fixes the realisation (angles, places, colors); the same arguments always give the
            same bytes, and a higher intensity gives more of the same damage.

    Raises:
        InputError: an unknown id, an intensity outside [0, 1], a negative or non-integer seed, or
            an array that is not uint8 H x W x 3.
    """
    spec = find(id)
    strength = check_intensity(intensity, spec.id)
    picture = _check_image(image)
    rng = np.random.default_rng(check_seed(seed))
    if strength == 0.0:
        return picture.copy()
    return spec.operation(picture, strength, rng)


def check_seed(seed: int) -> int:
    """Return the seed as an int if it is a whole number from 0 up, else raise InputError."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be a whole number from 0 up, got {seed!r}")
    return int(seed)


def _check_image(image: np.ndarray) -> np.ndarray:
    wanted = "a uint8 array of shape H x W x 3"
    if not isinstance(image, np.ndarray):
        raise InputError(f"a picture must be {wanted}, got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"a picture must be {wanted}, got {image.dtype} {image.shape}")
    if max(image.shape) > MAX_SIDE:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise InputError(f"a side may have {MAX_SIDE} pixels, got {size}; shrink the picture")
    return np.ascontiguousarray(image)
