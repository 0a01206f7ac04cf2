"""Batches made by many processes and handed over in memory that all of them share.

Pickling a batch of 25 MB through a pipe costs more than making it. Each process writes into a slot
of one memory map, laid out before it is forked, and sends the slot's number and the arrays' shapes.
"""

import mmap
import multiprocessing
import queue
from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np

T = TypeVar("T")
_SLOT = 64 << 20  # bytes; a batch of 256 pictures of 256 x 256 takes 52 MB
_PATIENCE = 120  # seconds without a batch, after which something is wrong

Arrays = dict[str, np.ndarray]


class Feed:
    """Make batches in processes of their own, ahead of whoever takes them.

    To be made before anything touches a GPU: the processes are forked.

    Args:
        make: makes a batch from its number, arrays by name.
        processes: how many; process k makes the numbers k, k + processes, ...
        slots: batches that are kept ready at most.
    """

    def __init__(self, make: Callable[[int], Arrays], processes: int, slots: int = 48) -> None:
        fork = multiprocessing.get_context("fork")
        self._memory = mmap.mmap(-1, slots * _SLOT)
        self._free, self._ready = fork.Queue(), fork.Queue()
        for slot in range(slots):
            self._free.put(slot)
        self._workers = [
            fork.Process(target=self._work, args=(make, place, processes), daemon=True)
            for place in range(processes)
        ]
        # A process that is forked while OpenCV's threads stand ready waits for them for ever.
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        for worker in self._workers:
            worker.start()
        cv2.setNumThreads(threads)

    def _work(self, make: Callable[[int], Arrays], number: int, stride: int) -> None:
        while True:
            arrays = make(number)
            number += stride
            slot = self._free.get()
            place, layout = slot * _SLOT, []
            if sum(array.nbytes + 64 for array in arrays.values()) > _SLOT:
                raise MemoryError("a batch is larger than its slot")
            for name, array in arrays.items():
                into = np.frombuffer(self._memory, array.dtype, array.size, place)
                into[:] = array.reshape(-1)
                layout.append((name, array.dtype.str, array.shape, place))
                place += -(-array.nbytes // 64) * 64
            self._ready.put((slot, layout))

    def take(self, use: Callable[[Arrays], T]) -> T:
        """Hand the next batch to `use`, which must copy what it keeps, and return its result.

        Raises:
            RuntimeError: the processes have stopped.
        """
        try:
            slot, layout = self._ready.get(timeout=_PATIENCE)
        except queue.Empty as error:
            raise RuntimeError("the processes that make pictures have stopped") from error
        arrays = {
            name: np.frombuffer(self._memory, kind, int(np.prod(shape)), place).reshape(shape)
            for name, kind, shape, place in layout
        }
        result = use(arrays)
        self._free.put(slot)
        return result

    @property
    def waiting(self) -> int:
        """Return about how many batches are ready."""
        return self._ready.qsize()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.terminate()
