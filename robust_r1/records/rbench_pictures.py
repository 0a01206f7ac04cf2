"""Where R-Bench's pictures lie: the distorted ones, and the same ones undamaged.

The published parquet has both in columns `dis_image` and `ref_image` of one row, which
R-Bench-Script.ipynb reads. How folders of pictures are called is not known for certain: two folders
side by side are taken, one with the word "dis" or "distorted" in its name and one with "ref" or
"reference", each with a picture under the name that the column `name` has. All that is assumed
stands here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from robust_r1.errors import DataError

_DISTORTED = {"dis", "dist", "distorted"}
_REFERENCE = {"ref", "reference", "references"}


@dataclass(frozen=True)
class PictureFolders:
    """Name the folder of the distorted pictures, and that of the undamaged ones; None without."""

    distorted: Path | None
    reference: Path | None


def picture_folders(home: Path, given: Path | None) -> PictureFolders:
    """Find both folders in the one that is given, or else in the table's own.

    A folder without such folders in it holds the distorted pictures itself.

    Raises:
        DataError: several folders may be one of them.
    """
    base = given or home
    below = {one.name: one for one in base.iterdir() if one.is_dir()}
    distorted, reference = told_apart(below)
    if reference:
        return PictureFolders(below[distorted] if distorted else base, below[reference])
    return PictureFolders(below[distorted] if distorted else given, None)


def has_references(folder: Path) -> bool:
    """Tell whether a folder is, by its name, the one of the undamaged pictures."""
    return _kind(folder.name) == _REFERENCE


def told_apart(names: Iterable[str]) -> tuple[str, str]:
    """Return which name is of the distorted pictures and which of the undamaged; "" without.

    Raises:
        DataError: several are of one kind.

    >>> told_apart(["ref_image", "score", "dis_image"]), told_apart(["images"])
    (('dis_image', 'ref_image'), ('', ''))
    """
    names = sorted(names)
    found = []
    for kind in (_DISTORTED, _REFERENCE):
        fitting = [name for name in names if _kind(name) == kind]
        if len(fitting) > 1:
            raise DataError(
                f"{' and '.join(fitting)} may all have the pictures that are meant; rename or "
                "remove what is not R-Bench's"
            )
        found.append(fitting[0] if fitting else "")
    return found[0], found[1]


def _kind(name: str) -> set[str]:
    """Return the words of the kind that a name has; nothing of a name with both, or neither."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    kinds = [kind for kind in (_DISTORTED, _REFERENCE) if words & kind]
    return kinds[0] if len(kinds) == 1 else set()
