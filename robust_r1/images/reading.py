"""Read any picture that a user brings into an upright sRGB array."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pi_heif
from PIL import Image

from robust_r1.errors import ImageError
from robust_r1.images.colors import scale_uint16, to_rgb

MAX_BYTES = 20_000_000  # of a file; the page's upload limit is the same
MAX_PIXELS = 64_000_000  # 192 MB once decoded; the largest ordinary phone pictures have 50 million
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF")

_UNKNOWN_KIND = "unknown pixel mode"  # what Pillow says of TIFF files that it has no mode for
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


def load(source: str | Path | bytes | Image.Image | np.ndarray) -> np.ndarray:
    """Read a picture into an upright sRGB array of shape (height, width, 3), uint8.

    Args:
        source: a path, an encoded file's bytes, a Pillow image, or an array: (H, W), (H, W, 1),
            (H, W, 3) or (H, W, 4) of bool, uint8, uint16 (full range) or float in [0, 1].

    Reads JPEG, PNG, WebP, BMP, TIFF, GIF (first frame), AVIF and HEIC. Transparency is laid on
    white, EXIF orientation and color profiles are applied, 16 bits are scaled to 8. Of
    single-channel floats and 32-bit integers, whose range no header tells, [0, 1], [0, 255] and
    [0, 65535] are recognized by the largest value, and anything else is stretched from its minimum
    to its maximum.

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


def decode_png(data: bytes) -> np.ndarray:
    """Read back what `encode_png` wrote, however many bytes that are.

    Raises:
        ImageError: it is damaged or cut short.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            return np.array(picture.convert("RGB"))
    except Exception as error:  # whatever a decoder raises
        raise ImageError("A picture that was kept is damaged; bring it again.") from error


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
    _know_formats()
    with _guarded(f"{name} is damaged or cut short; save or download it again."):
        picture = _open(data)
        if picture is None:
            raise ImageError(
                f"{name} is in no format that can be read; save it as JPEG, PNG, WebP, BMP, TIFF, "
                "GIF, AVIF or HEIC."
            )
        # The header alone gives the size: a bomb is refused before a pixel is decoded.
        _check_size(picture.height, picture.width, name)
        picture.load()
    return _from_pillow(picture, name)


@contextmanager
def _guarded(told: str) -> Iterator[None]:
    """Tell whatever a decoder raises, on files that nobody foresaw, in one sentence."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        if str(error) == _UNKNOWN_KIND:
            kind = "of a kind that cannot be read, such as floating-point colors"
            told = f"{told.partition(' is ')[0]} is {kind}; save it with 8 or 16 bits a channel."
        raise ImageError(told) from error


def _open(data: bytes) -> Image.Image | None:
    """Read a file's header, or return None where it is no known format.

    `Image.open` would do, but refuses large pictures without telling their sides, and warns below
    that; the check here has a bound of its own.
    """
    for name in FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or (accept and accept(data[:16]) is not True):
            continue
        return factory(io.BytesIO(data), "")
    return None


@cache
def _know_formats() -> None:
    Image.init()
    pi_heif.register_heif_opener(thumbnails=False)


def _from_pillow(picture: Image.Image, name: str) -> np.ndarray:
    _check_size(picture.height, picture.width, name)
    with _guarded(f"{name} is damaged; save or download it again."):
        picture.load()
        turn = _UPRIGHT.get(_orientation(picture) or 1)
        picture = to_rgb(picture)
        return np.array(picture.transpose(turn) if turn is not None else picture)


def _orientation(picture: Image.Image) -> int | None:
    try:
        return picture.getexif().get(_ORIENTATION)
    except Exception:
        return None  # a broken note about a picture does not make the picture unreadable


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
        pixels = scale_uint16(array)
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
    return np.array(to_rgb(Image.fromarray(pixels.squeeze(2) if shape[2:] == (1,) else pixels)))


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
