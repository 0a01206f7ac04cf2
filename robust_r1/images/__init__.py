"""Read any picture that a user brings into uint8 RGB, fit it to a pixel budget, and write it.

Everything after this package may assume an array of shape (height, width, 3), uint8, sRGB, upright.
"""

from robust_r1.images.files import ENDINGS, files_below, is_picture
from robust_r1.images.fitting import fit, fit_side, fitted_size
from robust_r1.images.identity import Identity, describe, digest
from robust_r1.images.reading import FORMATS, MAX_BYTES, MAX_PIXELS, decode_png, load
from robust_r1.images.tiles import Tile, tiles
from robust_r1.images.writing import (
    LOSSLESS,
    LOSSY,
    data_url,
    encode_large,
    encode_png,
    encode_preview,
    recode,
    save,
)

__all__ = [
    "ENDINGS",
    "FORMATS",
    "LOSSLESS",
    "LOSSY",
    "MAX_BYTES",
    "MAX_PIXELS",
    "Identity",
    "Tile",
    "data_url",
    "decode_png",
    "describe",
    "digest",
    "encode_large",
    "encode_png",
    "encode_preview",
    "files_below",
    "fit",
    "fit_side",
    "fitted_size",
    "is_picture",
    "load",
    "recode",
    "save",
    "tiles",
]
