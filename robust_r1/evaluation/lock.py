"""Keep a folder or a download to one process: what two write there would count or stand twice."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from robust_r1.errors import InputError

_NAME = "run.lock"
_AGAIN = 0.3  # seconds until a lock is tried again
_LOOK = 0.02  # seconds between looks at a lock that somebody may only be looking at


@contextmanager
def held(folder: Path, name: str = _NAME, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder, which must be there, until the block ends.

    The system lets go of it when the process ends, however that is: the file that is left behind
    holds nothing.

    Args:
        name: of the file that stands for what is held.
        patience: seconds in which the lock is tried again, where others look at it (`is_held`).

    Raises:
        InputError: another process holds it.
    """
    end = time.monotonic() + patience
    with (folder / name).open("ab") as file:
        while True:
            try:
                take(file)
                break
            except (BlockingIOError, PermissionError) as error:
                if time.monotonic() < end:
                    time.sleep(_LOOK)
                    continue
                raise InputError(
                    f"another process writes into {folder}; wait for its end, or give another "
                    "folder with -o"
                ) from error
        yield


@contextmanager
def waited(path: Path, say: Callable[[], object]) -> Iterator[None]:
    """Hold a file, which is made if need be, once no other process does; `say` that one waits."""
    with path.open("ab") as file:
        waits = False
        while True:
            try:
                take(file)
                break
            except (BlockingIOError, PermissionError):
                if not waits:
                    say()
                waits = True
                time.sleep(_AGAIN)
        yield


def is_held(folder: Path, name: str) -> bool:
    """Tell whether a process holds what a file of `held` stands for; false where it is not there.

    For a moment the lock is this process's.
    """
    try:
        with (folder / name).open("r+b") as file:
            take(file)
    except FileNotFoundError:
        return False
    except (BlockingIOError, PermissionError):
        return True
    return False


def take(file: IO[bytes]) -> None:
    """Lock a file without waiting, until it is closed.

    Raises:
        BlockingIOError: it is locked; on Windows PermissionError.
    """
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
