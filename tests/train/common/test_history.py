"""Claims about a run's history: the command that repeats it, and the minutes that it took."""

import json

import pytest

from train.common.history import module_of
from train.common.logs import minutes_of


def test_the_minutes_of_an_interrupted_run_are_added_up(tmp_path):
    times = [60, 120, None, 180, 30, 60, 90]
    rows = [json.dumps({"step": 1} if time is None else {"seconds": time}) for time in times]
    (tmp_path / "log.jsonl").write_text("\n".join(rows) + "\n")
    assert minutes_of(tmp_path / "log.jsonl") == 4.5


@pytest.mark.parametrize(
    ("script", "module"),
    [
        ("/home/me/robust-r1/train/tiny/sft.py", "train.tiny.sft"),
        ("train/grpo.py", "train.grpo"),
        ("/home/train/robust-r1/train/sft.py", "train.sft"),
    ],
)
def test_a_command_is_named_by_its_module_wherever_it_lies(script, module):
    assert module_of(script) == module
