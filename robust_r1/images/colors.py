"""Bring what decoders hand out to 8 bits of sRGB."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_Profile = ImageCms.core.CmsProfile | ImageCms.ImageCmsProfile
# What a profile is tried on: the corners and steps of the color cube, and every gray.
_STEPS = np.arange(0, 256, 51, dtype=np.uint8)
_COLORS = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), -1).reshape(1, -1, 3)
_GRAYS = np.arange(256, dtype=np.uint8)[None]
_ROUNDING = 2  # levels of 255


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a decoded picture to 8 bits of sRGB: profile applied, transparency on white."""
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
    try:
        if picture.mode == "LAB":
            return _converted(picture, ImageCms.createProfile("LAB"))
        if profile and picture.mode in ("RGB", "CMYK", "L") and not _is_srgb(profile, picture.mode):
            return _converted(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        pass  # a broken or unfit profile: the plain conversion is close
    return picture.convert("RGB")


def _converted(picture: Image.Image, source: _Profile) -> Image.Image:
    """Return a picture in sRGB, which by its own profile is in another space."""
    srgb = ImageCms.createProfile("sRGB")
    found = ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB")
    return found or picture.convert("RGB")  # always a new picture: not in place


@lru_cache(maxsize=8)
def _is_srgb(profile: bytes, mode: str) -> bool:
    """Tell whether a profile leaves colors as they are, but for the rounding of its own curves.

    Its name would not do: linear sRGB bears it too.
    """
    if mode == "CMYK":
        return False
    probe = Image.fromarray(_COLORS if mode == "RGB" else _GRAYS)
    found = _converted(probe, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    gap = np.asarray(found, int) - np.asarray(probe.convert("RGB"), int)
    return bool(np.abs(gap).max() <= _ROUNDING)


def _scale_unknown(values: np.ndarray) -> np.ndarray:
    """Scale a (H, W) array of 16- or 32-bit integers or floats to uint8; see `load`."""
    if values.dtype == np.uint16:
        return scale_uint16(values)
    floats = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = floats.min(), floats.max()
    if low >= 0 and high <= 1 and values.dtype.kind == "f":
        floats = floats * 255
    elif low >= 0 and high <= 65535 and (high > 255 or values.dtype.kind == "i"):
        floats = floats / 257
    elif low < 0 or high > 255:
        floats = (floats - low) * (255 / max(high - low, 1e-12))
    return np.rint(floats).astype(np.uint8)


def scale_uint16(values: np.ndarray) -> np.ndarray:
    """Scale 16 bits of full range to uint8."""
    # 65535 / 257 is 255 exactly; adding half of 257 rounds.
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
