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


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder, which must be there, until the block ends.

    The system lets go of it when the process ends, however that is: the file that is left behind
    holds nothing.

    Raises:
        InputError: another process holds it.
    """
    with (folder / _NAME).open("ab") as file:
        try:
            _take(file)
        except (BlockingIOError, PermissionError) as error:
            raise InputError(
                f"another process writes into {folder}; wait for its end, or give another folder "
                "with -o"
            ) from error
        yield


@contextmanager
def waited(path: Path, say: Callable[[], object]) -> Iterator[None]:
    """Hold a file, which is made if need be, once no other process does; `say` that one waits."""
    with path.open("ab") as file:
        waits = False
        while True:
            try:
                _take(file)
                break
            except (BlockingIOError, PermissionError):
                if not waits:
                    say()
                waits = True
                time.sleep(_AGAIN)
        yield


def _take(file: IO[bytes]) -> None:
    """Lock a file without waiting.

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
