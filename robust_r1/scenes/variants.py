"""Damage from life: other ways in which a picture comes by each of some degradations.

People's dark, noisy, blurred pictures were not made by the sixteen operations. A variant does the
same kind of harm otherwise and goes by the same name: what is learned should be what the name
says, not how one function does it. Training shows them beside the operations, and the benchmark
`variants` measures what that brought; page and `degrade` never do.

Each takes a picture (uint8, H x W x 3, RGB), an amount in a unit of its own and a generator whose
draws do not depend on the amount. `AMOUNTS` says which amount changes photographs as much (root
mean square, on average) as the operation of the name does at intensities .23, .45 and .9.
"""

from collections.abc import Callable

import cv2
import numpy as np

from robust_r1.degradations import DegradationPlan
from robust_r1.degradations.pixels import blur, spread, unit

Variant = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
_INTENSITIES = (0.23, 0.45, 0.9)


def damage(image: np.ndarray, id: str, intensity: float, seed: int) -> np.ndarray:
    """Apply one of the variants of a degradation, which the seed chooses.

    Args:
        image: uint8, H x W x 3; not modified.
        id: a key of `VARIANTS`.
        intensity: in (0, 1], as strong as the operation of this name at this intensity.
        seed: fixes variant and realization.
    """
    rng = np.random.default_rng(seed)
    variants = VARIANTS[id]
    variant = variants[int(rng.integers(len(variants)))]
    return variant(image, amount_of(variant, intensity), rng)


def damage_by_variants(image: np.ndarray, plan: DegradationPlan) -> np.ndarray:
    """Do what a plan names by variants, step by step, each drawn by its step's seed.

    Args:
        image: uint8, H x W x 3; not modified.
        plan: of keys of `VARIANTS` alone.
    """
    for step in plan.steps:
        image = damage(image, step.id, step.intensity, step.seed)
    return image


def amount_of(variant: Variant, intensity: float) -> float:
    """Return the amount of a variant that stands for an intensity, between the measured ones."""
    amounts = AMOUNTS[variant]
    if intensity <= _INTENSITIES[-1]:
        return float(np.interp(intensity, (0.0, *_INTENSITIES), (0.0, *amounts)))
    slope = (amounts[2] - amounts[1]) / (_INTENSITIES[2] - _INTENSITIES[1])
    return float(amounts[2] + slope * (intensity - _INTENSITIES[2]))


# --- Noise


def shot_noise(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise that grows with the root of the light, as counted photons do; sigma at white."""
    light = np.sqrt((image.astype(np.float32) + 8.0) / 255.0)
    return _added(image, light * (amount * rng.standard_normal(image.shape, np.float32)))


def blotchy_noise(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise that a camera has smoothed: grains of some pixels, in light and in color."""
    grain = rng.standard_normal(image.shape, np.float32)
    gray = rng.standard_normal((*image.shape[:2], 1), np.float32)
    field = rng.uniform(0.2, 0.8) * grain + rng.uniform(0.4, 1.0) * gray
    field = cv2.GaussianBlur(field, (0, 0), rng.uniform(0.5, 1.3))
    if rng.random() < 0.5:
        coarse = cv2.GaussianBlur(rng.standard_normal(image.shape, np.float32), (0, 0), 2.5)
        field = field / field.std() + 0.7 * coarse / coarse.std()
    # Shadows are lifted, and their noise with them.
    depth = 1.0 - rng.uniform(0.0, 0.6) * image.astype(np.float32) / 255.0
    return _added(image, depth * field * np.float32(amount / field.std()))


def coded_noise(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Add grain, equal in the channels or not, and save it as JPEG at a usual quality."""
    shape = image.shape if rng.random() < 0.6 else (*image.shape[:2], 1)
    field = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.5:
        field = field * np.sqrt((image.astype(np.float32) + 8.0) / 255.0)
    quality = int(rng.integers(82, 96))
    return _jpeg(_added(image, field * np.float32(amount)), quality, True)


# --- Light


def underexposure(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Expose `amount` stops too short, in linear light, with the noise that comes with it."""
    linear = (image.astype(np.float32) / 255.0) ** 2.2 * np.float32(2.0**-amount)
    reading, counting = rng.uniform(0.0, 2e-3), rng.uniform(0.0, 1.2e-2)
    noise = rng.standard_normal(image.shape, np.float32)
    linear = linear + noise * np.sqrt(reading**2 + counting**2 * linear)
    return _levels(255.0 * np.clip(linear, 0.0, 1.0) ** np.float32(1 / 2.2))


def gamma_darkness(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Deepen the tones by an exponent of 1 + `amount`; white stays, a lamp still shines."""
    white = rng.uniform(0.75, 1.0)
    table = 255.0 * (np.arange(256) / 255.0) ** (1.0 + amount) * (1 - (1 - white) * min(1, amount))
    return cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8))


def uneven_darkness(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Dim by `amount` of the light, more where a lamp does not reach, colder or warmer."""
    field = spread(rng.standard_normal((4, 4)).astype(np.float32), image)
    share = np.clip(amount * (1.0 + 0.25 * field), 0.0, 0.985)[..., None]
    tint = rng.uniform(0.88, 1.12, 3).astype(np.float32)
    return _levels(image.astype(np.float32) * (1.0 - share) * (1 + (tint - 1) * min(1.0, amount)))


# --- Focus and shake


def disc_blur(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Blur by a disc of `amount` pixels at 640, the picture of a round aperture out of focus."""
    return _filtered(image, _disc(amount * unit(image), 0, 0.0))


def hexagon_blur(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Blur by the picture of an aperture of five to eight blades."""
    return _filtered(image, _disc(amount * unit(image), int(rng.integers(5, 9)), rng.uniform(0, 6)))


def resized_blur(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Enlarge a picture that had been shrunk by 1 + `amount`: what is far away, zoomed in on."""
    height, width = image.shape[:2]
    factor = 1.0 + amount * unit(image)
    size = (max(4, round(width / factor)), max(4, round(height / factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def curved_shake(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Smear along a path of about `amount` pixels at 640 that turns and varies in speed."""
    turns = rng.normal(0.0, 0.16, 24).cumsum() + rng.uniform(0, 2 * np.pi)
    pace = rng.uniform(0.4, 1.6, 24)
    steps = np.stack([np.cos(turns), np.sin(turns)], 1) * pace[:, None]
    path = steps.cumsum(0)
    path = (path - path.mean(0)) * (amount * unit(image) / np.hypot(*np.ptp(path, 0)))
    return _filtered(image, _traced(path))


def double_exposure(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Smear between two places at which the camera rested, the outlines double."""
    angle, rest = rng.uniform(0, np.pi), rng.uniform(0.25, 0.45)
    line = np.concatenate([np.zeros(int(40 * rest)), np.linspace(0, 1, 24), np.ones(8)])
    path = line[:, None] * np.array([[np.cos(angle), np.sin(angle)]]) * amount * unit(image)
    return _filtered(image, _traced(path - path.mean(0)))


# --- Coding


def jpeg_tables(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Save as JPEG with halved color and a coarseness of light and color other than usual."""
    quality = 100.0 - amount
    options = [
        *(cv2.IMWRITE_JPEG_LUMA_QUALITY, int(np.clip(quality + rng.uniform(-4, 8), 3, 100))),
        *(cv2.IMWRITE_JPEG_CHROMA_QUALITY, int(np.clip(quality - rng.uniform(0, 30), 3, 100))),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
    ]
    return _coded(image, ".jpg", options)


def jpeg_twice(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Save as JPEG twice, the second time with the grid elsewhere, as after cropping."""
    down, right = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    padded = cv2.copyMakeBorder(image, down, 8, right, 8, cv2.BORDER_REFLECT)
    once = _jpeg(padded, round(100 - amount), bool(rng.random() < 0.5))
    height, width = image.shape[:2]
    cut = np.ascontiguousarray(once[down : down + height, right : right + width])
    return _jpeg(cut, int(rng.integers(max(40, round(100 - amount)), 97)), True)


def jpeg_elsewhere(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Save as JPEG at another size, then scale back: blocks of other than eight pixels."""
    height, width = image.shape[:2]
    factor = rng.uniform(0.7, 1.6)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = (round(width * factor), round(height * factor))
    coded = _jpeg(cv2.resize(image, size, interpolation=how), round(100 - amount), True)
    how = cv2.INTER_CUBIC if factor < 1 else cv2.INTER_AREA
    return cv2.resize(coded, (width, height), interpolation=how)


def webp_loss(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Save as WebP with loss: blocks that a filter has smoothed."""
    quality = int(np.clip(100 - amount, 1, 100))
    return _coded(image, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


# --- Stray light and dirt


def veil_flare(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Let light from beyond the frame lay a veil from one side, with a few ghosts in its line."""
    x, y = _grid(image)
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    light = np.clip(0.5 + along * rng.uniform(0.9, 1.8), 0, 1) ** rng.uniform(1.5, 3.0)
    layers = light[..., None] * rng.uniform((0.8, 0.65, 0.45), (1.0, 0.95, 0.9))
    for _ in range(int(rng.integers(2, 6))):
        place, size = rng.uniform(-0.5, 0.4), rng.uniform(0.02, 0.09)
        away = np.hypot(x - place * np.cos(angle), y - place * np.sin(angle)) / size
        ghost = np.clip((1 - away) * 6, 0, 1) * rng.uniform(0.2, 0.6)
        layers = layers + ghost[..., None] * rng.uniform(0.2, 1.0, 3)
    return _screened(image, layers.astype(np.float32) * amount)


def star_flare(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Let one to three lamps shine with stars of thin rays, halos and a colored ring."""
    x, y = _grid(image)
    light = np.zeros((*image.shape[:2], 3), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        dx, dy = x - rng.uniform(-0.4, 0.4), y - rng.uniform(-0.35, 0.35)
        away, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
        rays, reach = int(rng.integers(2, 9)), rng.uniform(0.08, 0.3)
        thin = np.abs(np.cos(rays * (turn - rng.uniform(0, np.pi)))) ** 60
        shine = 1.2 * np.exp(-((away / 0.03) ** 2)) + 0.6 / (1 + (away / (0.3 * reach)) ** 2)
        shine = shine + thin * np.exp(-away / reach)
        ring = rng.uniform(0, 0.3) * np.exp(-(((away - reach) / 0.02) ** 2))
        light += shine[..., None] * rng.uniform((0.85, 0.75, 0.5), (1.0, 1.0, 1.0))
        light += ring[..., None] * rng.uniform(0.1, 1.0, 3)
    return _screened(image, light * amount)


def drops(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Let drops of water lie on the lens: each shows its surroundings upside down and unsharp."""
    height, width = image.shape[:2]
    count = 40
    marks = rng.uniform((0, 0, 0.012, 0.6), (1, 1, 0.06, 1.4), (count, 4))
    veil = np.zeros((height, width), np.float32)
    shown = np.clip(amount * count - np.arange(count), 0, 1)
    for (x, y, radius, aspect), power in zip(marks, shown, strict=True):
        if power > 0:
            size = max(height, width) * radius
            center, axes = (
                (round(x * width), round(y * height)),
                (round(size), round(size * aspect)),
            )
            cv2.ellipse(veil, center, axes, 0, 0, 360, float(power), -1, cv2.LINE_AA)
    veil = cv2.GaussianBlur(veil, (0, 0), max(0.6, 2.0 * unit(image)))
    inside = blur(np.ascontiguousarray(image[::-1, ::-1]), 14.0 * unit(image)).astype(np.float32)
    inside = 0.6 * inside + 0.4 * blur(image, 10.0 * unit(image)).astype(np.float32)
    rim = cv2.Laplacian(cv2.GaussianBlur(veil, (0, 0), max(0.8, 3.0 * unit(image))), cv2.CV_32F)
    mixed = image * (1 - veil[..., None]) + inside * veil[..., None]
    return _levels(mixed + np.clip(rim * 500, -40, 40)[..., None])


def smears(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Let a finger have wiped the lens: a hazy film in strokes, light and unsharp."""
    angle = rng.uniform(0, np.pi)
    stroke = _traced(np.linspace(-1, 1, 64)[:, None] * 40 * unit(image)
                     * np.array([[np.cos(angle), np.sin(angle)]]))  # fmt: skip
    field = cv2.filter2D(rng.standard_normal(image.shape[:2], np.float32), -1, stroke)
    patch = spread(rng.standard_normal((5, 5)).astype(np.float32), image)
    field = np.clip(0.5 * field / field.std() + patch + 0.6, 0, 1.5) / 1.5
    veil = np.clip(field * min(1.5, amount), 0, 0.9)[..., None]
    haze = blur(image, 12.0 * unit(image)).astype(np.float32) * 0.7 + rng.uniform(20, 90)
    return _levels(image * (1 - veil) + haze * veil)


# --- What they share


def _added(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    return _levels(image.astype(np.float32) + field)


def _levels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _screened(image: np.ndarray, light: np.ndarray) -> np.ndarray:
    dark = (255.0 - image.astype(np.float32)) * (1.0 - np.clip(light, 0.0, 1.0))
    return _levels(255.0 - dark)


def _grid(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y from the middle, in shares of the long side, float32."""
    height, width = image.shape[:2]
    longest = max(height, width)
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / longest
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / longest
    return np.meshgrid(x, y)


def _filtered(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)


def _disc(diameter: float, blades: int, turn: float) -> np.ndarray:
    """Draw an aperture, round (no blades) or a polygon, four times as large, and shrink it."""
    half = max(1, int(np.ceil(diameter / 2)))
    side = 2 * half + 1
    large = np.zeros((side * 8, side * 8), np.float32)
    middle, radius = side * 4, max(0.5, diameter / 2) * 8
    if blades:
        angles = turn + np.arange(blades) * 2 * np.pi / blades
        points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius + middle
        cv2.fillPoly(large, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    else:
        cv2.circle(large, (middle, middle), round(radius), 1.0, -1, cv2.LINE_AA)
    kernel = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)
    return kernel / kernel.sum()


def _traced(path: np.ndarray) -> np.ndarray:
    """Draw a path of points (x, y), in pixels from the middle, as a kernel; it sums to 1."""
    half = max(1, int(np.ceil(np.abs(path).max())) + 1)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    dense = np.stack([np.interp(np.linspace(0, len(path) - 1, 200), np.arange(len(path)), side)
                      for side in path.T], 1) + half  # fmt: skip
    low = np.floor(dense).astype(int)
    part = dense - low
    for right in (0, 1):
        for down in (0, 1):
            weight = np.abs(1 - right - part[:, 0]) * np.abs(1 - down - part[:, 1])
            np.add.at(kernel, (low[:, 1] + down, low[:, 0] + right), weight)
    return kernel / kernel.sum()


def _jpeg(image: np.ndarray, quality: float, halved: bool) -> np.ndarray:
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if halved else 0x111111
    quality = int(np.clip(quality, 3, 100))
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    return _coded(image, ".jpg", options)


def _coded(image: np.ndarray, ending: str, options: list[int]) -> np.ndarray:
    _, data = cv2.imencode(ending, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


VARIANTS: dict[str, tuple[Variant, ...]] = {
    "lens_blur": (disc_blur, hexagon_blur, resized_blur),
    "lens_flare": (veil_flare, star_flare),
    "motion_blur": (curved_shake, double_exposure),
    "dirty_lens": (drops, smears),
    "jpeg_compression": (jpeg_tables, jpeg_twice, jpeg_elsewhere, webp_loss),
    "darkness": (underexposure, gamma_darkness, uneven_darkness),
    "gaussian_noise": (shot_noise, blotchy_noise, coded_noise),
}
# Measured on 24 photographs of 65,536 pixels; by bisection.
AMOUNTS: dict[Variant, tuple[float, float, float]] = {
    disc_blur: (4.5, 12.9, 57.4),
    hexagon_blur: (4.5, 13.8, 61.6),
    resized_blur: (0.7, 5.9, 34.0),
    veil_flare: (0.22, 0.52, 1.31),
    star_flare: (0.41, 1.12, 2.6),
    curved_shake: (9.1, 15.7, 28.8),
    double_exposure: (6.3, 10.1, 17.1),
    drops: (0.22, 0.62, 1.0),
    smears: (0.57, 1.04, 1.5),
    jpeg_tables: (33.5, 54.8, 76.7),
    jpeg_twice: (14.0, 38.0, 87.3),
    jpeg_elsewhere: (13.5, 42.6, 88.5),
    webp_loss: (31.0, 61.9, 97.0),
    underexposure: (0.16, 0.69, 4.9),
    gamma_darkness: (0.08, 0.39, 6.6),
    uneven_darkness: (0.05, 0.19, 0.77),
    shot_noise: (25.4, 49.6, 101.2),
    blotchy_noise: (19.6, 38.4, 76.5),
    coded_noise: (22.0, 45.4, 95.2),
}
