"""Claims about command lines: what goes wrong is told in one line, whoever's fault it is."""

import sys

import pytest

from train.common.command import main_of, parser_of
from train.tiny.config import TrainingConfig


def test_an_interruption_says_that_the_same_command_goes_on(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["train.tiny.sft", "--config", "smoke", "-o", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        main_of(parser_of("train.tiny.sft", "Train.", "cpu"), interrupt, TrainingConfig)
    assert ended.value.code == 130
    assert capsys.readouterr().err == (
        "interrupted; the same command goes on from the last checkpoint\n"
    )


def test_a_fault_that_is_nobodys_disk_keeps_its_traceback(monkeypatch):
    def fail(*_):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(sys, "argv", ["train.tiny.sft", "--config", "smoke", "-o", "nowhere"])
    with pytest.raises(RuntimeError, match="shapes differ"):
        main_of(parser_of("train.tiny.sft", "Train.", "cpu"), fail, TrainingConfig)


def test_a_stage_that_is_started_several_times_over_says_that_it_runs_alone(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(sys, "argv", ["train.tiny.sft", "--config", "smoke", "-o", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        main_of(parser_of("train.tiny.sft", "Train.", "cpu"), lambda *_: None, TrainingConfig)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    assert said.startswith("error: this stage runs in one process, not in 2")


@pytest.mark.parametrize(
    "line",
    [
        "train.sft --config cpu --set threads=2 --from runs/base -o runs/sft",
        "train.sft --config=smoke --from runs/base -o runs/plain --no-reasoning",
        "train.sft --config gpu --from runs/base -o runs/sft --data data/records.jsonl",
        "train.grpo --config cpu --from runs/sft -o runs/rl",
        "train.tiny.sft --config 3b-qlora --from qwen2.5-vl-3b --data records.jsonl -o runs/3b",
    ],
)
def test_a_command_that_has_moved_says_where_to_whatever_its_flags(line, monkeypatch, capsys):
    command, *words = line.split()
    other = command.replace("train.", "train.tiny.").replace("tiny.tiny.", "")
    monkeypatch.setattr(sys, "argv", [command, *words])
    with pytest.raises(SystemExit) as ended:
        main_of(parser_of(command, "Train.", "3b-qlora"), lambda *_: None, TrainingConfig)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("error: ") and said.count("\n") == 1
    assert said.endswith(f"that is now `python -m {other}`\n")
