"""Run small models on one CPU thread, without changing what the rest of the process gets.

A token of a model of a few million parameters is some hundred matrix products of microseconds. A
second thread has nothing to gain there, and where another process wants the cores it waits, turning
in place: on two busy cores a token of a 6.7 M model cost 5.7 ms of CPU time on one thread and 55 ms
on two, and the text came ten times slower.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_guard = threading.Lock()
_inside = 0
_usual = 0


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """Give this thread one CPU thread for torch inside the block, where `wanted`.

    torch keeps the count per thread, but hands the last one that was set to every new thread. So
    what is restored is the count from before the first of several blocks that overlap.
    """
    global _inside, _usual
    if not wanted:
        yield
        return
    with _guard:
        if _inside == 0:
            _usual = torch.get_num_threads()
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _guard:
            _inside -= 1
            torch.set_num_threads(_usual)
