"""Read any picture that a user brings into uint8 RGB, fit it to a pixel budget, and write it.

Everything after this module may assume an array of shape (height, width, 3), uint8, sRGB, upright.
"""

import base64
import hashlib
import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from robust_r1.errors import ImageError, InputError

MAX_BYTES = 20_000_000  # of a file; the page's upload limit is the same
MAX_PIXELS = 64_000_000  # 192 MB once decoded; the largest ordinary phone pictures have 50 million
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
LOSSLESS = (".png", ".webp", ".tif", ".tiff", ".bmp")
LOSSY = (".jpg", ".jpeg")

# What Pillow's decoders are known to raise on damaged files.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(EOFError, RuntimeError, OverflowError, ZeroDivisionError, MemoryError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)
_ORIENTATION = 0x0112  # EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG = b"\x89PNG\r\n\x1a\n"
_WORTH = 0.75  # of the plain size: what coding a picture must stay under, to be worth its time
_SAMPLE = 16  # rows apart are those that are coded to find that out
# How much a wrong area weighs against a wrong aspect in `fitted_size`: at 36 squares (the bundled
# models) a 3:2 photograph becomes 5 x 7 instead of 4 x 6, which would waste a third of them.
_AREA_WEIGHT = 0.25
# Of a strip beyond this aspect one row of squares more or less moves the other side further than to
# its neighbors, so that sizes of the same aspect are looked at besides.
_STRIP = 16


def load(source: str | Path | bytes | Image.Image | np.ndarray) -> np.ndarray:
    """Read a picture into an upright sRGB array of shape (height, width, 3), uint8.

    Args:
        source: a path, an encoded file's bytes, a Pillow image, or an array: (H, W), (H, W, 1),
            (H, W, 3) or (H, W, 4) of bool, uint8, uint16 (full range) or float in [0, 1].

    Reads JPEG, PNG, WebP, BMP, TIFF, GIF (first frame) and AVIF. Transparency is laid on white,
    EXIF orientation and color profiles are applied, 16 bits are scaled to 8. Of single-channel
    floats and 32-bit integers, whose range no header tells, [0, 1], [0, 255] and [0, 65535] are
    recognized by the largest value, and anything else is stretched from its minimum to its maximum.

    Raises:
        ImageError: no picture, a damaged one, one over MAX_BYTES or MAX_PIXELS, a wrong array.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _from_pillow(source, "The picture")
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(bytes(source), "The picture")
    if isinstance(source, str | Path):
        path = Path(source)
        return _decode(_read(path), f"The picture {path.name}")
    raise ImageError(f"A picture cannot be read from a {type(source).__name__}; give a file.")


def fit(image: np.ndarray, max_pixels: int, min_pixels: int = 0, multiple: int = 1) -> np.ndarray:
    """Resize a picture to a pixel budget; one that fits already is returned as it is.

    Args:
        image: uint8, shape (height, width, 3).
        max_pixels: largest area of the result, in pixels; at least multiple x multiple.
        min_pixels: area that smaller pictures are enlarged to, as nearly as the rest allows.
        multiple: both sides of the result are multiples of this, in pixels.

    Keeps the aspect as well as that allows and is idempotent. The filter is antialiased bicubic,
    which the models' own processors use. Raises InputError for an impossible budget.
    """
    height, width = image.shape[:2]
    size = fitted_size(height, width, max_pixels, min_pixels, multiple)
    if size == (height, width):
        return image
    resized = Image.fromarray(image).resize(
        (size[1], size[0]), Image.Resampling.BICUBIC, reducing_gap=3.0
    )
    return np.array(resized)


def fitted_size(
    height: int, width: int, max_pixels: int, min_pixels: int = 0, multiple: int = 1
) -> tuple[int, int]:
    """Return the (height, width) that `fit` gives a picture of this size; see there."""
    if multiple < 1 or max_pixels < multiple**2 or min_pixels > max_pixels:
        raise InputError(
            f"No picture with sides in multiples of {multiple} has between {min_pixels} and "
            f"{max_pixels} pixels; widen the budget."
        )
    # A result may miss min_pixels by rounding and would then be a new input with another target
    # area; stepping on until the size stays makes fit idempotent. Two or three steps do.
    size = (height, width)
    while not _fits(*size, max_pixels, min_pixels, multiple):
        step = _nearest_size(*size, max_pixels, min_pixels, multiple)
        if step == size:
            break
        size = step
    return size


def encode_png(image: np.ndarray) -> bytes:
    """Encode a picture (uint8, (height, width, 3)) as PNG, without loss."""
    buffer = io.BytesIO()
    # Level 1 is several times faster than the default and costs about a tenth in size.
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def encode_large(image: np.ndarray) -> bytes:
    """Encode a picture (uint8, (height, width, 3)) as JPEG that shows no damage of its own.

    A tenth to a third of a PNG's bytes. Quality 92 at full color resolution: 39 dB and more at the
    size of a screen, and less only in noise or overdone sharpness, a fifth of what those do.
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def decode_png(data: bytes) -> np.ndarray:
    """Read back what `encode_png` wrote, however many bytes that are.

    Raises:
        ImageError: it is damaged or cut short.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            return np.array(picture.convert("RGB"))
    except _DAMAGE as error:
        raise ImageError("A picture that was kept is damaged; bring it again.") from error


def data_url(image: np.ndarray) -> str:
    """Write a picture (uint8, (height, width, 3)) as the data URL of a PNG, without loss."""
    return "data:image/png;base64," + base64.b64encode(encode_png(image)).decode("ascii")


@dataclass(frozen=True)
class Identity:
    """Tell which picture one is: its size in pixels, and the digest of its pixels."""

    width: int
    height: int
    sha256: str


def describe(image: np.ndarray) -> Identity:
    """Return the size and the digest of a picture, uint8, (height, width, 3)."""
    return Identity(image.shape[1], image.shape[0], digest(image))


def digest(image: np.ndarray) -> str:
    """Return the SHA-256 of a picture's size and pixels, in hexadecimal: equal for equal pictures.

    That of a file would change with the encoder.
    """
    height, width = image.shape[:2]
    return hashlib.sha256(f"{width}x{height} ".encode() + image.tobytes()).hexdigest()


def encode_preview(image: np.ndarray) -> bytes:
    """Encode a picture (uint8, (height, width, 3)) as PNG for one look: without loss, but soon.

    `encode_png` looks for repetitions, which photographs hardly have: 160 ms for a noisy megapixel.
    This one codes runs and frequencies of differences between neighbors, in 25 ms to the same size.
    A noisy picture loses a sixth of its bytes that way, and is stored as it is instead, in 4 ms.
    """
    lines = _scanlines(image, differences=True)
    sample = lines[::_SAMPLE]
    if len(_deflate(sample, level=1)) < _WORTH * sample.size:
        data = _deflate(lines, level=1)
    else:
        data = _deflate(_scanlines(image, differences=False), level=0)
    height, width = image.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _scanlines(image: np.ndarray, differences: bool) -> np.ndarray:
    """Return PNG's rows: the filter's number (1 for differences to the left), then the bytes."""
    rows = image.reshape(len(image), -1)
    lines = np.empty((len(image), 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = differences
    lines[:, 1:] = rows
    if differences:
        lines[:, 4:] -= rows[:, :-3]
    return lines


def _deflate(lines: np.ndarray, level: int) -> bytes:
    coder = zlib.compressobj(level, memLevel=9, strategy=zlib.Z_RLE)
    return coder.compress(np.ascontiguousarray(lines).data) + coder.flush()


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)))


def save(image: np.ndarray, path: str | Path) -> None:
    """Write a picture (uint8, (height, width, 3)) in the format that the file's ending names.

    PNG, WebP, TIFF and BMP are written without loss, JPEG at quality 95. Raises ImageError for
    another ending or a file that cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in LOSSLESS + LOSSY:
        raise ImageError(
            f"{path.name} has an ending that cannot be written; use one of "
            f"{', '.join(LOSSLESS + LOSSY)}."
        )
    options: dict[str, Any] = {}
    if ending in LOSSY:
        options = {"quality": 95, "subsampling": 0}
    elif ending == ".webp":
        options = {"lossless": True, "exact": True}
    try:
        Image.fromarray(image).save(path, **options)
    except OSError as error:
        reason = error.strerror or "it does not fit the format"
        raise ImageError(f"{path} could not be written: {reason}.") from error


def recode(image: np.ndarray, codec: str, quality: int) -> np.ndarray:
    """Save a picture once with loss, as phones and sites do, and read it again.

    Args:
        image: uint8, (height, width, 3); the result has the same shape.
        codec: "jpeg" or "webp", both with color at half the resolution.
        quality: 1 to 100, on that codec's own scale.
    """
    buffer = io.BytesIO()
    options = {"subsampling": "4:2:0"} if codec == "jpeg" else {}  # WebP knows no other
    Image.fromarray(image).save(buffer, codec, quality=quality, **options)
    return load(buffer.getvalue())


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder; give a picture file.")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ImageError(_too_many_bytes(f"The picture {path.name}", size))
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {path}; check the name.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{path} could not be opened: {reason}.") from error


def _decode(data: bytes, name: str) -> np.ndarray:
    if len(data) > MAX_BYTES:
        raise ImageError(_too_many_bytes(name, len(data)))
    try:
        picture = _open(data)
        if picture is None:
            raise ImageError(
                f"{name} is in no format that can be read; save it as JPEG, PNG, WebP, BMP, TIFF, "
                "GIF or AVIF."
            )
        # The header alone gives the size: a bomb is refused before a pixel is decoded.
        _check_size(picture.height, picture.width, name)
        picture.load()
    except _DAMAGE as error:
        raise ImageError(f"{name} is damaged or cut short; save or download it again.") from error
    return _from_pillow(picture, name)


def _open(data: bytes) -> Image.Image | None:
    """Read a file's header, or return None where it is no known format.

    `Image.open` would do, but refuses large pictures without telling their sides, and warns below
    that; the check here has a bound of its own.
    """
    Image.init()
    for name in FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or (accept and accept(data[:16]) is not True):
            continue
        return factory(io.BytesIO(data), "")
    return None


def _from_pillow(picture: Image.Image, name: str) -> np.ndarray:
    _check_size(picture.height, picture.width, name)
    try:
        picture.load()
        turn = _UPRIGHT.get(_orientation(picture) or 1)
        picture = _to_rgb(picture)
        return np.array(picture.transpose(turn) if turn is not None else picture)
    except _DAMAGE as error:
        raise ImageError(f"{name} is damaged; save or download it again.") from error


def _orientation(picture: Image.Image) -> int | None:
    try:
        return picture.getexif().get(_ORIENTATION)
    except _DAMAGE:
        return None  # a broken note about a picture does not make the picture unreadable


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        return Image.fromarray(_scale_unknown(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        # Premultiplied gray converts to plain gray with alpha only.
        layer = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
        colors = _to_srgb(layer.convert("RGB"), picture.info.get("icc_profile"))
        white = Image.new("RGB", picture.size, "white")
        white.paste(colors, mask=layer.getchannel("A"))
        return white
    if picture.mode == "P":
        picture = picture.convert("RGB")
    return _to_srgb(picture, picture.info.get("icc_profile"))


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    source: ImageCms.core.CmsProfile | ImageCms.ImageCmsProfile
    try:
        if picture.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        elif profile and picture.mode in ("RGB", "CMYK", "L"):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" in ImageCms.getProfileDescription(source):
                return picture.convert("RGB")
        else:
            return picture.convert("RGB")
        converted = ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB")
        return converted or picture.convert("RGB")  # always a new picture: not in place
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture.convert("RGB")  # a broken or unfit profile: the plain conversion is close


def _scale_unknown(values: np.ndarray) -> np.ndarray:
    """Scale a (H, W) array of 16- or 32-bit integers or floats to uint8; see `load`."""
    if values.dtype == np.uint16:
        return _scale_uint16(values)
    floats = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = floats.min(), floats.max()
    if low >= 0 and high <= 1 and values.dtype.kind == "f":
        floats = floats * 255
    elif low >= 0 and high <= 65535 and (high > 255 or values.dtype.kind == "i"):
        floats = floats / 257
    elif low < 0 or high > 255:
        floats = (floats - low) * (255 / max(high - low, 1e-12))
    return np.rint(floats).astype(np.uint8)


def _scale_uint16(values: np.ndarray) -> np.ndarray:
    # 65535 / 257 is 255 exactly; adding half of 257 rounds.
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _from_array(array: np.ndarray) -> np.ndarray:
    shape = array.shape
    if array.ndim not in (2, 3) or 0 in shape or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"An array of shape {shape} is no picture; give (height, width) or (height, width, 3)."
        )
    _check_size(shape[0], shape[1], "The picture")
    if array.dtype == np.bool_:
        pixels = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        pixels = _scale_uint16(array)
    elif array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise ImageError("A picture of floats must lie in [0, 1]; divide by its largest value.")
        pixels = np.rint(array * 255).astype(np.uint8)
    elif array.dtype == np.uint8:
        pixels = array.copy()
    else:
        raise ImageError(
            f"A picture of {array.dtype} cannot be read; give uint8, uint16 or floats in [0, 1]."
        )
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    return np.array(_to_rgb(Image.fromarray(pixels.squeeze(2) if shape[2:] == (1,) else pixels)))


def _check_size(height: int, width: int, name: str) -> None:
    if height < 1 or width < 1:
        raise ImageError(f"{name} has no pixels; give one of at least 1 x 1.")
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"{name} has {width} x {height} pixels, {height * width / 1e6:.0f} million; at most "
            f"{MAX_PIXELS // 1_000_000} million can be read, so shrink it first."
        )


def _too_many_bytes(name: str, size: int) -> str:
    return (
        f"{name} has {size / 1e6:.1f} MB; at most {MAX_BYTES // 1_000_000} MB can be read, "
        "so save it smaller."
    )


def _fits(height: int, width: int, max_pixels: int, min_pixels: int, multiple: int) -> bool:
    # "Large enough" leaves out less than a row and a column of squares.
    enough = (height + multiple) * (width + multiple) > min_pixels
    return height % multiple == width % multiple == 0 and enough and height * width <= max_pixels


def _nearest_size(
    height: int, width: int, max_pixels: int, min_pixels: int, multiple: int
) -> tuple[int, int]:
    area = min(max(height * width, min_pixels), max_pixels)
    # No side is below one square: a smaller picture grows until its short side has one.
    scale = max(math.sqrt(area / (height * width)) / multiple, 1 / min(height, width))
    squares = max_pixels // multiple**2
    best, best_cost = None, math.inf
    for rows, columns in _candidates(height * scale, width * scale, squares):
        aspect_error = abs(math.log(rows * width / (columns * height)))
        area_error = abs(math.log(rows * columns * multiple**2 / area))
        cost = aspect_error + _AREA_WEIGHT * area_error
        if (rows * multiple, columns * multiple) == (height, width):
            cost -= 1e-9  # a tie goes to the size that it has already
        if cost < best_cost:
            best, best_cost = (rows * multiple, columns * multiple), cost
    assert best is not None  # 1 x squares is always a candidate
    return best


def _candidates(rows: float, columns: float, squares: int) -> set[tuple[int, int]]:
    """List whole sizes around an ideal one that have at most `squares` squares."""

    def around(side: float) -> list[int]:
        low = min(max(math.floor(side) - 1, 1), squares)
        return [min(low + step, squares) for step in range(4)]

    pairs = {(row, column) for row in around(rows) for column in around(columns)}
    if max(rows / columns, columns / rows) > _STRIP:
        pairs |= {(row, max(round(row * columns / rows), 1)) for row in around(rows)}
        pairs |= {(max(round(column * rows / columns), 1), column) for column in around(columns)}
    pairs |= {(row, squares // row) for row in around(rows)}
    pairs |= {(squares // column, column) for column in around(columns)}
    return {(row, column) for row, column in pairs if row * column <= squares}
