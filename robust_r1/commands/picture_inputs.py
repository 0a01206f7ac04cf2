"""The pictures that a command line names: files, folders, and patterns that no shell resolved."""

import glob
from collections.abc import Iterable
from pathlib import Path

from robust_r1.errors import InputError
from robust_r1.images import files_below, is_picture


def find_pictures(inputs: Iterable[str]) -> list[Path]:
    """List pictures in the order of the inputs, each once.

    A file is taken whatever it is called; of a folder, and of what a pattern such as
    "photos/**/*.jpg" matches, the files that are called as pictures are.

    Raises:
        InputError: an input that is not there, or that holds no pictures.
    """
    found: dict[Path, Path] = {}
    for text in inputs:
        for path in _named(text):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _named(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        pictures = _below(path)
    elif path.exists():
        return [path]
    elif glob.has_magic(text):
        matched = [Path(one) for one in sorted(glob.glob(text, recursive=True))]
        files = [one for one in matched if one.is_file() and is_picture(Path(one.name))]
        # What "photos/*" matches may be folders: their pictures, unless they are matched as well.
        deeper = [] if "**" in text else [one for one in matched if one.is_dir()]
        pictures = files + [one for folder in deeper for one in _below(folder)]
    else:
        raise InputError(f"{path} does not exist; check the path.")
    if not pictures:
        raise InputError(f"{text} holds no pictures; give a folder that does, or files.")
    return pictures


def _below(folder: Path) -> list[Path]:
    return [path for path in files_below(folder) if is_picture(path.relative_to(folder))]
