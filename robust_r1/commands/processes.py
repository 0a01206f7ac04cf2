"""Do many small pieces of work on several processes, with their results in order."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import TypeVar

import cv2

from robust_r1.errors import RobustR1Error

T = TypeVar("T")
R = TypeVar("R")

# Pieces (a picture each, some 40 ms) that a process must have to be worth its start, half a second.
_WORTH = 16
_AHEAD = 2  # pieces for each process that are under way or waiting: as many results are held


def in_order(do: Callable[[T], R], tasks: Iterable[T], jobs: int) -> Generator[R, None, None]:
    """Yield `do` of each task in order; on `jobs` processes where there is enough to do.

    Tasks are taken when it is their turn, a few ahead. `do` is a function of a module, and tasks
    and results can be pickled. Whatever ends the generator ends its processes.

    Raises:
        RobustR1Error: the system ended one of them.
    """
    rest = iter(tasks)
    first = list(islice(rest, jobs * _WORTH))
    if jobs == 1 or len(first) < 2 * _WORTH:
        yield from map(do, chain(first, rest))
        return
    # Not forked: the threads of OpenCV do not survive that.
    pool = ProcessPoolExecutor(
        min(jobs, len(first) // _WORTH), multiprocessing.get_context("spawn"), _begin
    )
    try:
        yield from _window(pool, do, chain(first, rest), _AHEAD * jobs)
    except BrokenProcessPool as error:
        raise RobustR1Error(
            "A process was ended by the system, most likely for want of memory; give a smaller "
            "--jobs, and the same command goes on."
        ) from error
    finally:
        # Interrupted: finish what is under way, start nothing more.
        pool.shutdown(cancel_futures=True)


def _window(
    pool: ProcessPoolExecutor, do: Callable[[T], R], tasks: Iterator[T], size: int
) -> Iterator[R]:
    pending: deque[Future[R]] = deque()
    for task in tasks:
        pending.append(pool.submit(do, task))
        if len(pending) > size:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _begin() -> None:
    """Prepare a process: one thread, deaf to Ctrl-C, and gone when its parent is."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is not the process that was started first
    threading.Thread(target=_end_after, args=(parent.join,), daemon=True).start()


def _end_after(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)
