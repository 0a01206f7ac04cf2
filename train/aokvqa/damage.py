"""The first step: pictures damaged as their plans say, beside whatever else is waited for."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

import cv2

from robust_r1.errors import DataError, ImageError
from robust_r1.images import encode_png, fit, load
from train.aokvqa.annotators import Task
from train.common.journal import write_bytes


class Damager:
    """Damage pictures in several processes, or in this one; a context manager that ends them.

    A picture that is there already is left alone: it was written whole, under the same settings.
    """

    def __init__(self, max_pixels: int, jobs: int) -> None:
        """Take what a picture is fitted to first, as for a model, and the number of processes."""
        self._max_pixels = max_pixels
        # Spawned, because OpenCV's threads do not survive a fork.
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(jobs, mp_context=spawn) if jobs > 1 else None

    def __enter__(self) -> Self:
        """Return the damager; a process starts when the first picture is there for it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes; pictures that wait for one are given up."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    async def damage(self, task: Task) -> str:
        """Damage the picture of a task; return what is wrong where it cannot be read, or "".

        Raises:
            DataError: the damaged one cannot be written, or a process was killed.
        """
        if task.damaged.is_file():
            return ""
        if self._pool is None:
            return damage_one(task, self._max_pixels)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, damage_one, task, self._max_pixels)
        except BrokenProcessPool as error:
            words = "a worker was stopped, for want of memory perhaps; run it again"
            raise DataError(words) from error


def damage_one(task: Task, max_pixels: int) -> str:
    """Damage one picture and write it, whole or not at all; return what is wrong with it, or ""."""
    cv2.setNumThreads(1)
    try:
        picture = fit(load(task.clean), max_pixels)
    except ImageError as error:
        return str(error)
    write_bytes(task.damaged, encode_png(task.plan.apply(picture)))
    return ""
