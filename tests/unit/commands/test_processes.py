"""Claims about work on several processes: order, how far ahead, and how they end."""

import os
import signal
import subprocess
import sys

import pytest

from robust_r1.commands.processes import in_order
from robust_r1.errors import RobustR1Error
from tests.support.paths import ROOT
from tests.support.running import wait_for

# A parent that says which processes it started, and goes on for ever.
_PARENT = """
import multiprocessing, time
from robust_r1.commands.processes import in_order
if __name__ == "__main__":
    for _ in in_order(abs, iter(range(10**9)), 2):
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep(60)
"""


def end_at_forty(number: int) -> int:
    if number == 40:
        os._exit(9)
    return number


def test_results_come_in_order_and_tasks_are_taken_when_it_is_their_turn():
    taken = []

    def tasks():
        for number in range(-200, 0):
            taken.append(number)
            yield number

    results = in_order(abs, tasks(), 2)
    assert next(results) == 200 and len(taken) < 40
    assert list(results) == list(range(199, 0, -1))


def test_little_work_is_done_here():
    assert list(in_order(lambda number: number + 1, range(31), 2)) == list(range(1, 32))
    assert list(in_order(lambda number: number + 1, range(99), 1)) == list(range(1, 100))


def test_a_process_that_the_system_ends_is_one_sentence():
    with pytest.raises(RobustR1Error, match="ended by the system.*give a smaller --jobs"):
        list(in_order(end_at_forty, range(90), 2))


@pytest.mark.skipif(not os.path.exists("/proc"), reason="processes are looked up in /proc")
def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(_PARENT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, str(tmp_path / "parent.py")]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(one) for one in parent.stdout.readline().split()]
        assert len(children) == 2 and all(map(is_running, children))
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(map(is_running, children)))


def is_running(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
