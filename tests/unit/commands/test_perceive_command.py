"""The command that says what is wrong with pictures: what it writes, how it goes on and ends."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from robust_r1.cli import main
from robust_r1.degradations import DegradationPlan
from robust_r1.images import load
from tests.support.paths import ROOT
from tests.support.running import has_lines, wait_for
from tests.support.scripted_engine import ScriptedEngine

PHOTO = ROOT / "assets" / "examples" / "coffee.jpg"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return a folder, the current one, with photos/{a.png,b.png,inner/c.jpg} and a letter."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    clean = load(PHOTO)
    noisy = DegradationPlan.parse("gaussian_noise=0.5", seed=2).apply(clean)
    for name, image in (("a.png", clean), ("b.png", noisy), ("inner/c.jpg", clean)):
        Image.fromarray(image).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "letter.jpg").write_text("no picture")
    return tmp_path


@pytest.fixture
def engine(monkeypatch) -> ScriptedEngine:
    """Return a stand-in that takes the place of every model."""
    scripted = ScriptedEngine()
    monkeypatch.setattr("robust_r1.engine.load_engine", lambda *args, **options: scripted)
    return scripted


def perceive(*words: object) -> int:
    try:
        return main(["perceive", *map(str, words)])
    except SystemExit as end:
        return end.code


def rows(file: str | Path) -> list[dict]:
    return [json.loads(line) for line in Path(file).read_text().splitlines()]


def test_a_folder_of_photographs_is_told_with_the_bundled_model(folder, capsys):
    assert perceive("photos", "--model", "tiny-rl", "--json", "--fail-above", "0.2") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["scale"], told["failed"]) == ("tiny-rl", "both", [])
    found = {one["file"]: one for one in told["pictures"]}
    assert list(found) == ["photos/a.png", "photos/b.png", "photos/inner/c.jpg"]
    names = [one["name"] for one in found["photos/b.png"]["close"]["findings"]]
    assert "gaussian noise" in names and found["photos/b.png"]["close"]["tiles"] > 1
    assert "photos/b.png" in told["above"] and "photos/a.png" not in told["above"]


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["photos/b.png", "photos"], ["photos/b.png", "photos/a.png", "photos/inner/c.jpg"]),
        (["photos/*"], ["photos/a.png", "photos/b.png", "photos/inner/c.jpg"]),
        (["photos/**/*.jpg"], ["photos/inner/c.jpg"]),
        (["photos/*.png", "photos/a.png"], ["photos/a.png", "photos/b.png"]),
    ],
)
def test_files_folders_and_patterns_name_each_picture_once(folder, engine, capsys, words, files):
    assert perceive(*words, "--scale", "whole", "--json") == 0
    assert [one["file"] for one in json.loads(capsys.readouterr().out)["pictures"]] == files


def test_the_table_tells_whole_and_close_apart_the_worst_first(folder, engine, capsys):
    engine.texts = {"": "<TYPE>gaussian noise(0.40), lens blur(0.70)<TYPE_END>"}
    assert perceive("photos") == 0
    out = capsys.readouterr().out
    assert re.search(r"picture +pixels +whole +close", out)
    assert re.search(r"a\.png +600 x 400 +Lens blur 0\.70, .*?0\.40 +Lens blur 0\.70 \(\d+ of", out)
    assert "3 pictures, something wrong with 3, seen by scripted" in out


def test_csv_opens_in_spreadsheets_with_numbers_as_numbers(folder, engine):
    name = "=cmd.png"
    (folder / "photos" / "a.png").rename(folder / "photos" / name)
    (folder / name).write_bytes((folder / "photos" / name).read_bytes())
    assert perceive(name, "photos", "-o", "out.csv") == 0
    data = (folder / "out.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and b"\r" not in data
    lines = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
    assert [line["scale"] for line in lines] == ["whole", "close"] * 4
    assert lines[0]["file"] == f"'{name}"
    for line in lines:
        assert float(line["lens blur"]) == float(line["damage"]) == 0.35
        assert float(line["gaussian noise"]) == 0 and int(line["width"]) == 600


def test_the_page_stands_alone_and_shows_the_worst_first(folder, capsys):
    hostile = folder / "photos" / "<img src=x onerror=alert(1)>.png"
    hostile.write_bytes((folder / "photos" / "a.png").read_bytes())
    assert perceive("photos", "letter.jpg", "--model", "tiny-rl", "-o", "out.html") == 2
    page = (folder / "out.html").read_text()
    assert "letter.jpg" in capsys.readouterr().err and "letter.jpg is in no format" in page
    assert "prefers-color-scheme: dark" in page and page.count("data:image/jpeg;base64,") == 4
    assert not re.search(r"https?:|<script|<img src=x|<link", page)
    places = [page.index(f'alt="photos/{name}"') for name in ("b.png", "a.png")]
    assert places == sorted(places)
    for scale in ("whole", "close"):
        assert page.count(f"<b>{scale}</b>") == 1 + 4


def test_the_same_command_adds_what_is_new_and_looks_again_at_what_changed(folder, engine):
    words = ("photos", "-o", "out.jsonl", "--scale", "whole")
    assert perceive(*words) == 0
    first, asked = rows("out.jsonl"), len(engine.asked)
    assert perceive(*words) == 0 and rows("out.jsonl") == first and len(engine.asked) == asked
    Image.fromarray(255 - load(PHOTO)).save(folder / "photos" / "a.png")
    Image.fromarray(load(PHOTO)).save(folder / "photos" / "z.png")
    assert perceive(*words) == 0 and len(engine.asked) == asked + 2
    assert sorted(row["file"] for row in rows("out.jsonl")) == [
        "photos/a.png",
        "photos/b.png",
        "photos/inner/c.jpg",
        "photos/z.png",
    ]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "html"])
def test_another_scale_in_the_same_file_is_refused_by_name(folder, engine, capsys, ending):
    out = folder / f"out.{ending}"
    assert perceive("photos", "-o", out, "--scale", "whole") == 0
    before, _ = out.read_bytes(), capsys.readouterr()
    assert perceive("photos", "-o", out, "--scale", "close") == 2
    engine.info = type(engine.info)(**{**vars(engine.info), "name": "another"})
    assert perceive("photos", "-o", out, "--scale", "both") == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "scale whole, not close" in first and "model" not in first
    assert "model scripted, not another; scale whole, not both" in second
    assert out.read_bytes() == before


def test_bad_input_is_one_sentence_and_costs_nothing(folder, engine, capsys):
    (folder / "mine.csv").write_text("a,b\n")
    (folder / "mine.jsonl").write_text('{"a": 1}\n')
    (folder / "empty").mkdir()
    for words, told in (
        (["none.png"], "does not exist"),
        (["empty"], "holds no pictures"),
        (["photos/*.bmp"], "holds no pictures"),
        (["photos", "-o", "out.txt"], "ends in none of"),
        (["photos", "-o", "mine.csv"], "is there already"),
        (["photos", "-o", "mine.jsonl"], "mine.jsonl:1 is not a row"),
        (["photos", "--fail-above", "2"], "0 to 1"),
        (["photos", "--batch", "0"], "1 or more"),
        (["photos", "--scale", "far"], "whole"),
    ):
        assert perceive(*words) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ") and err.count("\n") == 1 and told in err, words
    assert (folder / "mine.csv").read_text() == "a,b\n"
    assert (folder / "mine.jsonl").read_text() == '{"a": 1}\n' and engine.asked == []


def test_fail_above_counts_what_is_strictly_above_and_an_unread_picture_outranks_it(folder, engine):
    assert perceive("photos", "--fail-above", "0.35") == 0
    assert perceive("photos", "--fail-above", "0.34") == 1
    assert perceive("photos", "letter.jpg", "--fail-above", "0.34") == 2
    assert perceive("photos", "letter.jpg") == 2


def test_a_command_killed_at_any_moment_ends_as_an_uninterrupted_one(folder):
    for number in range(12):
        image = DegradationPlan.parse("gaussian_noise=0.3", seed=number).apply(load(PHOTO))
        Image.fromarray(image).save(folder / "photos" / f"{number}.jpg")
    words = ["photos", "--model", "tiny-rl", "--batch", "2", "--scale", "whole", "-o"]
    command = [sys.executable, "-m", "robust_r1", "perceive", *words, "killed.csv"]
    options = {"env": {**os.environ, "PYTHONPATH": str(ROOT)}, "stdout": subprocess.DEVNULL}
    kept = folder / "killed.csv.jsonl"
    with subprocess.Popen(command, **options) as work:
        wait_for(lambda: has_lines(kept, 1), work)
        work.send_signal(signal.SIGKILL)
    half = kept.read_bytes()
    assert 0 < half.count(b"\n") < 15 and half.endswith(b"\n")
    kept.write_bytes(half + half[:40])  # what a full disk leaves of a row
    assert perceive(*words, "killed.csv") == perceive(*words, "whole.csv") == 0
    assert kept.read_bytes().startswith(half)
    for name in ("killed.csv", "killed.csv.jsonl"):
        whole = folder / name.replace("killed", "whole")
        assert (folder / name).read_bytes() == whole.read_bytes()
