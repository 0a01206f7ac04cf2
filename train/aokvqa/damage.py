"""The first step: the pictures, damaged as their plans say, by several processes."""

import multiprocessing
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import cv2

from robust_r1.errors import DataError, ImageError
from robust_r1.images import encode_png, fit, load
from train.aokvqa.annotators import Task
from train.common.journal import write_bytes

_CHUNK = 8  # pictures that a process is handed at a time


def damage_all(
    tasks: Sequence[Task], max_pixels: int, jobs: int
) -> Generator[tuple[Task, str], None, None]:
    """Damage the pictures of tasks; yield each task with what is wrong with its picture, or "".

    A picture that is there already is left alone: it was written whole, under the same settings.

    Args:
        max_pixels: what a picture is fitted to first, as for a model.
        jobs: processes; 1 works in this one.

    Raises:
        DataError: a picture cannot be written, or a process was killed.
    """
    work = partial(damage_one, max_pixels=max_pixels)
    if jobs == 1 or len(tasks) <= 2 * _CHUNK:  # a process takes a second to start
        yield from zip(tasks, map(work, tasks), strict=True)
        return
    # Spawned, because OpenCV's threads do not survive a fork.
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from zip(tasks, pool.map(work, tasks, chunksize=_CHUNK), strict=True)
    except BrokenProcessPool as error:
        raise DataError("a worker was stopped, for want of memory perhaps; run it again") from error
    finally:
        pool.shutdown(cancel_futures=True)


def damage_one(task: Task, max_pixels: int) -> str:
    """Damage one picture and write it, whole or not at all; return what is wrong with it, or ""."""
    cv2.setNumThreads(1)
    if task.damaged.is_file():
        return ""
    try:
        picture = fit(load(task.clean), max_pixels)
    except ImageError as error:
        return str(error)
    write_bytes(task.damaged, encode_png(task.plan.apply(picture)))
    return ""
