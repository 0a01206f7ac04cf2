"""Keep a run's folder to one process: what two write there would count every case twice."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from robust_r1.errors import InputError

_NAME = "run.lock"


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
            take(file)
        except (BlockingIOError, PermissionError) as error:
            raise InputError(
                f"another process writes into {folder}; wait for its end, or give another folder "
                "with -o"
            ) from error
        yield


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
