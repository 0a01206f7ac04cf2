"""Making data sets: the same bytes whatever interrupts or divides the work, and readable back."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robust_r1.chain import parse
from robust_r1.images import load, save
from robust_r1.records import conversation_of, read_authors, read_records
from robust_r1.scenes import SPLITS, make_item
from tests.support.running import has_lines, wait_for
from train import make_data
from train.common import samples


def tree(folder):
    """Return every file below a folder with its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def command(*arguments):
    return [sys.executable, "-m", "train.make_data", *map(str, arguments)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Make six scenes in one go, in this process."""
    folder = tmp_path_factory.mktemp("whole")
    make_data.make_data(samples.scene_samples("train", 40, 6), folder)
    return folder


@pytest.fixture
def photos(tmp_path, make_picture):
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    for number, name in enumerate(("b.png", "a.png", "inner/a.png")):
        save(make_picture(90, 120, seed=number), folder / name)
    return folder


def test_pictures_and_records_are_those_of_the_scenes(whole):
    records = read_records(whole / "records.jsonl")
    assert len(records) == 6
    for index, record in enumerate(records, 40):
        item = make_item("train", index)
        assert np.array_equal(load(record.picture(whole)), item.image())
        assert (record.plan, record.answer) == (item.plan, item.question.answer)
        assert parse(record.chain).chain == item.chain and record.prompt == item.question.prompt


def test_the_authors_format_reads_back_to_the_same_samples(whole):
    records = read_records(whole / "records.jsonl")
    assert read_authors(whole / "authors.jsonl") == [conversation_of(one) for one in records]
    for sample in read_authors(whole / "authors.jsonl", whole):
        assert load(sample.images[0]).ndim == 3 and parse(sample.reply).well_formed


def test_the_manifest_counts_what_is_there(whole):
    manifest = json.loads((whole / "manifest.json").read_text())
    records = read_records(whole / "records.jsonl")
    plans = manifest["plans"]
    assert manifest["settings"]["samples"] == 6 and manifest["splits"] == {"train": 6}
    assert manifest["seeds"] == {"lowest": 40, "highest": 45, "distinct": 6}
    steps = sum(len(record.plan) for record in records)
    assert sum(row["count"] for row in plans["by_degradation"].values()) == steps
    assert sum(plans["intensities_in_tenths"]) == steps
    assert sum(plans["by_number_of_degradations"].values()) == 6


def test_splits_take_their_seeds_from_their_own_ranges(tmp_path):
    for split in SPLITS:
        make_data.make_data(samples.scene_samples(split, 3, 2), tmp_path / split)
        for record in read_records(tmp_path / split / "records.jsonl"):
            assert record.seed in SPLITS[split] and record.split == split


@pytest.mark.slow
def test_two_workers_write_the_same_bytes_as_one(whole, tmp_path, root):
    arguments = ("--scenes", 6, "--first", 40, "--jobs", 2, "-o", tmp_path)
    done = subprocess.run(command(*arguments), cwd=root, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert tree(tmp_path) == tree(whole)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path, root):
    def arguments(name):
        return command("--scenes", 40, "--jobs", 1, "-o", tmp_path / name)

    process = subprocess.Popen(arguments("cut"), cwd=root, stdout=subprocess.DEVNULL)
    journal = tmp_path / "cut" / "unfinished.jsonl"
    wait_for(lambda: has_lines(journal, 3), process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = journal.read_bytes().count(b"\n")
    assert 3 <= kept < 40 and not (tmp_path / "cut" / "manifest.json").exists()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "cut" / "images").glob("*.png")}
    subprocess.run(arguments("cut"), cwd=root, check=True, capture_output=True)
    kept_files = [path for path, stamp in stamps.items() if path.stat().st_mtime_ns == stamp]
    assert len(kept_files) >= kept
    make_data.make_data(samples.scene_samples("train", 0, 40), tmp_path / "whole")
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")


def test_half_a_line_left_by_a_crash_is_drawn_again(whole, tmp_path, monkeypatch):
    chosen = samples.scene_samples("train", 40, 6)
    real, calls = make_data.draw_to, []

    def draw_and_stop(sample, folder):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(sample)
        return real(sample, folder)

    with monkeypatch.context() as patch:
        patch.setattr(make_data, "draw_to", draw_and_stop)
        with pytest.raises(KeyboardInterrupt):
            make_data.make_data(chosen, tmp_path)
    journal = tmp_path / "unfinished.jsonl"
    assert journal.read_bytes().count(b"\n") == 3
    journal.write_bytes(journal.read_bytes()[:-20])
    calls.clear()
    monkeypatch.setattr(make_data, "draw_to", lambda *each: calls.append(each) or real(*each))
    make_data.make_data(chosen, tmp_path)
    assert len(calls) == 4 and tree(tmp_path) == tree(whole)


def test_a_complete_set_is_left_alone_and_a_lost_picture_comes_back(tmp_path, monkeypatch):
    chosen, drawn = samples.scene_samples("train", 0, 3), []
    make_data.make_data(chosen, tmp_path)
    before = tree(tmp_path)
    real = make_data.draw_to
    monkeypatch.setattr(make_data, "draw_to", lambda *each: drawn.append(each) or real(*each))
    make_data.make_data(chosen, tmp_path)
    assert drawn == []
    (tmp_path / chosen[1].image).unlink()
    make_data.make_data(chosen, tmp_path)
    assert [sample for sample, _ in drawn] == [chosen[1]] and tree(tmp_path) == before


def test_photographs_get_damage_and_a_chain_about_it_alone(photos, tmp_path):
    arguments = ["--photos", str(photos), "--copies", "4", "--seed", "5", "--jobs", "1"]
    assert make_data.main([*arguments, "--max-pixels", "6000", "-o", str(tmp_path / "out")]) == 0
    records = read_records(tmp_path / "out" / "records.jsonl")
    assert len(records) == 12 and len({record.seed for record in records}) == 12
    assert {record.topic for record in records} == {"damage"}
    sizes = {load(record.picture(tmp_path / "out")).shape for record in records}
    assert all(height * width <= 6000 for height, width, _ in sizes)
    for record in records:
        found = {finding.name for finding in parse(record.chain).chain.findings}
        assert len(found) <= len(record.plan) and parse(record.chain).well_formed
    assert len({str(record.plan) for record in records}) > 6


def test_a_photograph_keeps_its_damage_when_others_join_the_folder(photos, tmp_path, make_picture):
    def plans():
        found = samples.photo_samples(photos, "train", 5, 2, 6000)
        return {sample.name: sample.draw()[1].plan for sample in found}

    before = plans()
    save(make_picture(40, 40), photos / "0.png")
    assert plans().items() >= before.items()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--split", "dev", "--scenes", "2"], "unknown split 'dev'"),
        (["--photos", "nowhere"], "there is no folder nowhere"),
        (["--photos", "."], "holds no pictures"),
        ([], "no samples were asked for"),
        (["--scenes", "-1"], "--scenes is -1"),
        (["--scenes", "2", "--jobs", "0"], "--jobs is 0"),
        (["--split", "test", "--first", "100000000", "--scenes", "1"], "leave the range"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_bad_input_ends_with_one_line_and_exit_2(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert make_data.main([*arguments, "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and words in error


def test_a_folder_that_holds_another_set_is_refused(whole, capsys):
    before = tree(whole)
    assert make_data.main(["--scenes", "6", "--first", "41", "-o", str(whole)]) == 2
    assert "holds another data set" in capsys.readouterr().err
    assert tree(whole) == before


def test_a_full_disk_ends_with_one_line_and_the_next_run_goes_on(
    whole, tmp_path, monkeypatch, capsys
):
    real, left = Path.write_bytes, [3]

    def write_bytes(path, data):
        if path.name.endswith(".part"):
            left[0] -= 1
            if left[0] < 0:
                real(path, data[:100])
                raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, data)

    arguments = ["--scenes", "6", "--first", "40", "--jobs", "1", "-o", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        assert make_data.main(arguments) == 2
    error = capsys.readouterr().err
    assert "No space left on device" in error and error.count("\n") == 1
    assert len(list((tmp_path / "images").iterdir())) == 3
    assert make_data.main(arguments) == 0 and tree(tmp_path) == tree(whole)


def test_progress_is_shown_on_a_terminal_only(tmp_path, monkeypatch, capsys):
    arguments = ["--scenes", "2", "--jobs", "1"]
    make_data.main([*arguments, "-o", str(tmp_path / "pipe")])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    make_data.main([*arguments, "-o", str(tmp_path / "terminal")])
    assert "2 of 2\n" in capsys.readouterr().err
