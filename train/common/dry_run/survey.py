"""The data of a recipe looked through: chains, pictures, and all that is wrong with them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from robust_r1.errors import ImageError
from robust_r1.images import load
from robust_r1.records import Record
from robust_r1.records.lines import RecordError
from train.common.data_files import check_source, read_samples, trained_on

DECODED = 100  # pictures that are read whole, spread over the data; of all others the beginning is
_READERS = 8
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Survey:
    """Tell what a data file holds.

    Attributes:
        records: the samples that can be used.
        shapes: (height, width) of their pictures.
        decoded: how many of the pictures were read whole.
        faults: what is wrong with samples that cannot be used, a sentence each.
    """

    records: Sequence[Record]
    shapes: Sequence[tuple[int, int]]
    decoded: int
    faults: Sequence[str]


def survey(path: Path) -> Survey:
    """Look a data file through.

    Args:
        path: as training reads it.

    Raises:
        DataError: no such file, none of a known format, one without samples, or one that has its
            pictures inside.
    """
    check_source(path)
    left_out: list[RecordError] = []
    found, faults = [], []
    for sample in read_samples(path, left_out=left_out):
        if not sample.record.chain:
            faults.append(f"{sample.record.image}: there is no chain to learn from")
            continue
        found.append(trained_on(sample, path))
    pictures = [record.picture(path.parent) for record in found]
    step = max(1, -(-len(pictures) // DECODED))
    whole = [number % step == 0 for number in range(len(pictures))]
    with ThreadPoolExecutor(_READERS) as readers:
        shapes = list(readers.map(_shape, pictures, whole))
    seen, sizes = [], []
    for record, picture, shape in zip(found, pictures, shapes, strict=True):
        if isinstance(shape, str):
            faults.append(f"{picture}: {shape}")
        else:
            seen.append(record)
            sizes.append(shape)
    faults = [*map(str, left_out), *faults]
    return Survey(seen, sizes, sum(whole), faults)


def marked(data: Survey, records: Sequence[Record]) -> list[tuple[int, int]]:
    """Return the shapes of the pictures of some of the samples."""
    shapes = dict(zip(map(id, data.records), data.shapes, strict=True))
    return [shapes[id(record)] for record in records]


def _shape(path: Path, whole: bool) -> tuple[int, int] | str:
    """Return a picture's (height, width) as it is shown; what is wrong where it cannot be read."""
    try:
        if whole:
            height, width = load(path).shape[:2]
            return height, width
        with Image.open(path) as picture:
            width, height = picture.size
            # Of a PNG its own method reads the whole picture, in search of what may follow it.
            turned = Image.Image.getexif(picture).get(_ORIENTATION) in _TURNED
        return (width, height) if turned else (height, width)
    except ImageError as error:
        return str(error)
    except Exception:  # whatever a decoder raises
        return "it cannot be read as a picture; make it anew"
