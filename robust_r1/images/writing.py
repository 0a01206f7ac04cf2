"""Encode pictures, for a look, for a file, or as somebody else would have saved them."""

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from robust_r1.errors import ImageError
from robust_r1.images.reading import load

LOSSLESS = (".png", ".webp", ".tif", ".tiff", ".bmp")
LOSSY = (".jpg", ".jpeg")
_PNG = b"\x89PNG\r\n\x1a\n"
_WORTH = 0.75  # of the plain size: what coding a picture must stay under, to be worth its time
_SAMPLE = 16  # rows apart are those that are coded to find that out


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


def data_url(image: np.ndarray) -> str:
    """Write a picture (uint8, (height, width, 3)) as the data URL of a PNG, without loss."""
    return "data:image/png;base64," + base64.b64encode(encode_png(image)).decode("ascii")


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
