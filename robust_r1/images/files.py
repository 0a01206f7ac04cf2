"""Tell pictures among files by their names, and what computers leave beside them."""

from pathlib import Path, PurePath

# Of the formats that `load` reads.
ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".mpo", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"}
    | {".heic", ".heif"}
)
# Left by macOS in archives and by Windows in folders; names that begin with a point are hidden:
# ".DS_Store", and "._a.jpg", which holds what macOS notes about a.jpg.
_LEFT = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


def is_leftover(path: PurePath) -> bool:
    """Tell whether a path, relative to the folder that is looked through, is nobody's file."""
    return any(part.startswith(".") or part.casefold() in _LEFT for part in path.parts)


def is_picture(path: PurePath) -> bool:
    """Tell by its name whether a path, relative to the folder looked through, is a picture's."""
    return path.suffix.lower() in ENDINGS and not is_leftover(path)


def files_below(folder: Path) -> list[Path]:
    """List all files below a folder in the order of their paths, but for what computers leave."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not is_leftover(path.relative_to(folder)))
