"""evaluate --download: fetch a benchmark into the folder of data, and say what is fetched."""

import sys
from pathlib import Path

from robust_r1.commands.progress import BytesProgress
from robust_r1.errors import InputError
from robust_r1.evaluation.download import Fetched, Remote, checksums_of, fetch_file, remote_of
from robust_r1.evaluation.entries import Known
from robust_r1.evaluation.known import data_folders, look_for


def fetch_benchmark(known: Known, data: Path | None) -> Path:
    """Return the file of a benchmark, fetched into the first folder of data if none has it.

    Raises:
        InputError: it cannot be fetched.
    """
    folders = data_folders(data)
    if found := look_for(known, folders):
        say(f"{found} is here already{_compared(found, known)}")
        return found
    remote, path = remote_of(known), folders[0] / Path(known.files[0]).name
    licence = f", licence {known.licence}" if known.licence else ", see there for its licence"
    say(f"fetching {known.name} from {remote.url} to {path}{licence}")
    return fetch(remote, path)


def fetch(remote: Remote, path: Path) -> Path:
    """Fetch one file, with its progress on a terminal, and say what came of it."""
    if path.parent.exists() and not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder; give one with --data")
    progress = BytesProgress(path.name)
    show = progress.show if sys.stderr.isatty() else None
    try:
        fetched = fetch_file(
            remote, path, show, lambda: say(f"another process fetches {path}; waiting for it")
        )
    except KeyboardInterrupt:
        progress.end()
        say("what has come is kept; the same command goes on from there")
        raise
    finally:
        progress.end()
    say(_came(fetched) if fetched else f"{path} is here, another process has fetched it")
    return path


def say(words: str) -> None:
    """Print a line beside the figures, which alone go to the standard output."""
    print(words, file=sys.stderr, flush=True)


def _compared(path: Path, known: Known) -> str:
    """Say whether a file is the one whose checksums are known; nothing where none is."""
    if not known.checksums or not path.is_file():
        return ""
    found = checksums_of(path, known.checksums)
    for name, value in known.checksums.items():
        if found[name] != value.lower():
            other = f"its {name} is {found[name]}, not {value.lower()}"
            return f", but {other}: it is broken or another version; remove it to fetch it anew"
    return f"; {_right(tuple(known.checksums))}"


def _came(fetched: Fetched) -> str:
    if fetched.checked:
        return f"{fetched.path}: {fetched.size} bytes, {_right(fetched.checked)}"
    return (
        f"{fetched.path}: no checksum is known; got {fetched.size} bytes, sha256 {fetched.sha256}"
    )


def _right(names: tuple[str, ...]) -> str:
    return f"its {' and '.join(names)} {'is' if len(names) == 1 else 'are'} right"
