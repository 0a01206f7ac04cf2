"""The command line: what degrade writes, and how bad input ends."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robust_r1.cli import COMMANDS, main
from robust_r1.degradations import (
    LEVELS,
    PRESETS,
    SPECS,
    STAGES,
    DegradationPlan,
    find,
    level_plan,
    picture_rng,
)
from robust_r1.images import load
from tests.support.paths import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch, make_picture) -> Path:
    """Return a folder, made the current one, with photo.png and photos/{a.jpg,inner/b.png}."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    for seed, name in enumerate(("photo.png", "photos/a.jpg", "photos/inner/b.png")):
        Image.fromarray(make_picture(seed=seed)).save(tmp_path / name)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path


def degrade(*words: object) -> int:
    return main(["degrade", *map(str, words)])


def records(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def bytes_of(out: Path) -> dict[str, str]:
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def fails(capsys, *words: object) -> str:
    """Run a command that must end with 2, and return its one line on stderr."""
    try:
        status = main([str(word) for word in words])
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    assert status == 2 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err
    return err


def test_a_folder_is_mirrored_as_the_plan_makes_it(folder):
    assert (
        degrade("photos", "-o", "out", "--set", "blur=0.4", "--set", "noise=0.2", "--seed", 7) == 0
    )
    plan = DegradationPlan.parse("lens_blur=0.4,gaussian_noise=0.2", seed=7)
    for source, output in (("photos/a.jpg", "a.png"), ("photos/inner/b.png", "inner/b.png")):
        assert np.array_equal(load(folder / "out" / output), plan.apply(load(folder / source)))
    files = [path.name for path in (folder / "out").rglob("*") if path.is_file()]
    assert sorted(files) == ["a.png", "b.png", "manifest.jsonl"]


def test_the_manifest_tells_how_to_make_each_picture_again(folder):
    assert degrade("photo.png", "photos", "-o", "out", "--random", "--seed", 3, "--jobs", 2) == 0
    lines = records(folder / "out")
    assert [line["output"] for line in lines] == ["photo.png", "a.png", "inner/b.png"]
    for line in lines:
        assert set(line) == {"source", "bytes", "output", "plan", "seed"} and line["seed"] == 3
        plan = DegradationPlan.from_json(json.dumps(line["plan"]))
        assert len(plan) >= 1
        written = load(folder / "out" / line["output"])
        assert np.array_equal(written, plan.apply(load(folder / line["source"])))
    assert len({str(line["plan"]) for line in lines}) == 3, "each picture draws its own"


def test_what_is_drawn_for_a_picture_depends_on_seed_and_path_alone(folder):
    for out, words in {"one": ["--jobs", 1], "two": ["--jobs", 4], "three": []}.items():
        inputs = ["photos"] if out == "three" else ["photo.png", "photos"]
        assert degrade(*inputs, "-o", out, "--random", "--seed", 5, *words) == 0
    one, two, three = (
        {line["output"]: line["plan"] for line in records(folder / out)}
        for out in ("one", "two", "three")
    )
    assert one == two == three | {"photo.png": one["photo.png"]}
    assert degrade("photos", "-o", "four", "--random", "--seed", 6) == 0
    assert records(folder / "four")[0]["plan"] != one["a.png"]


def test_levels_write_one_folder_each_with_the_same_damage_growing(folder):
    assert degrade("photos", "-o", "out", "--levels", "25,50,100") == 0
    lines = records(folder / "out")
    assert [line["output"] for line in lines[:3]] == ["25/a.png", "50/a.png", "100/a.png"]
    assert lines[3]["output"] == "25/inner/b.png"
    steps = [line["plan"]["steps"] for line in lines[:3]]
    assert [len(step) for step in steps] == [1, 1, 1]
    assert [step[0]["intensity"] for step in steps] == [0.23, 0.45, 0.9]
    assert len({(step[0]["id"], step[0]["seed"]) for step in steps}) == 1
    assert [line["level"] for line in lines[:3]] == list(LEVELS)


def test_levels_draw_a_stage_first_and_then_uniformly_within_it():
    drawn = [level_plan(picture_rng(0, f"{n}.png"), "50").steps[0].id for n in range(4000)]
    by_stage = [sum(find(id).stage == stage for id in drawn) / 4000 for stage in STAGES]
    assert by_stage == pytest.approx([0.25] * 4, abs=0.03)
    for spec in SPECS:
        beside = sum(other.stage == spec.stage for other in SPECS)
        assert drawn.count(spec.id) / 4000 == pytest.approx(0.25 / beside, abs=0.025)


def test_a_preset_is_used_as_it_is_and_drawn_anew_with_a_seed(folder):
    name, plan = next(iter(PRESETS.items()))
    assert degrade("photo.png", "-o", "out", "--preset", name) == 0
    assert degrade("photo.png", "-o", "again", "--preset", name, "--seed", 12345) == 0
    assert records(folder / "out")[0]["plan"] == json.loads(plan.to_json())
    again = DegradationPlan.from_json(json.dumps(records(folder / "again")[0]["plan"]))
    assert again.intensities == plan.intensities and again != plan


def test_running_again_writes_nothing_and_finishes_what_is_missing(folder, capsys):
    command = ("photos", "-o", "out", "--random", "--json")
    assert degrade(*command) == 0
    first = bytes_of(folder / "out")
    assert len(json.loads(capsys.readouterr().out)["written"]) == 2
    assert degrade(*command) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["written"], len(result["skipped"])) == ([], 2)
    (folder / "out" / "inner" / "b.png").unlink()
    assert degrade(*command) == 0
    assert bytes_of(folder / "out") == first


@pytest.mark.parametrize("words", [["--random"], ["--levels", "25,100"], ["--set", "blur=0.4"]])
def test_a_folder_spelled_otherwise_renamed_or_moved_goes_on(folder, capsys, words):
    assert degrade("photos", "-o", "out", *words) == 0
    first = bytes_of(folder / "out")
    for spelled in ("./photos", "photos/", folder / "photos", "photos/../photos"):
        assert degrade(spelled, "-o", "out", *words) == 0
    (folder / "photos").rename(folder / "renamed")
    assert degrade("renamed", "-o", "out", *words) == 0
    assert bytes_of(folder / "out") == first
    assert ": 0 written" in capsys.readouterr().out.splitlines()[-1]
    next((folder / "out").rglob("b.png")).unlink()
    assert degrade("renamed", "-o", "out", *words) == 0
    assert bytes_of(folder / "out") == first


def test_another_picture_of_the_same_name_is_not_taken_for_the_one_before(folder, capsys):
    assert degrade("photos", "-o", "out", "--set", "blur=0.1") == 0
    capsys.readouterr()
    (folder / "other").mkdir()
    (folder / "photo.png").rename(folder / "other" / "a.jpg")
    line = fails(capsys, "degrade", "other", "-o", "out", "--set", "blur=0.1")
    assert "a.png was made from another source" in line


def test_a_manifest_of_an_earlier_version_is_gone_on_with(folder):
    assert degrade("photos", "-o", "out", "--levels", "25") == 0
    manifest = folder / "out" / "manifest.jsonl"
    earlier = [{k: v for k, v in line.items() if k != "bytes"} for line in records(folder / "out")]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in earlier))
    first = bytes_of(folder / "out")
    (folder / "photos").rename(folder / "renamed")
    assert degrade(folder / "renamed", "-o", "out", "--levels", "25") == 0
    assert bytes_of(folder / "out") == first
    assert degrade(folder / "renamed", "-o", "out", "--levels", "25,50") == 0
    assert [line.keys() - earlier[0].keys() for line in records(folder / "out")][-1] == {"bytes"}


def test_a_manifest_cut_off_by_a_crash_is_completed(folder):
    assert degrade("photos", "-o", "out", "--random") == 0
    first = bytes_of(folder / "out")
    manifest = folder / "out" / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    assert degrade("photos", "-o", "out", "--random") == 0
    assert bytes_of(folder / "out") == first


def test_jpeg_is_written_when_asked_and_says_so(folder):
    assert degrade("photo.png", "-o", "out", "--set", "blur=0.1", "--quality", 60) == 0
    with Image.open(folder / "out" / "photo.jpg") as picture:
        assert picture.format == "JPEG" and picture.size == (64, 48)
    assert records(folder / "out")[0]["quality"] == 60


def test_what_computers_leave_beside_pictures_is_none_of_them(folder):
    (folder / "photos" / "._a.jpg").write_bytes(b"notes")
    assert degrade("photos", "-o", "out", "--set", "blur=0.1") == 0
    assert [line["output"] for line in records(folder / "out")] == ["a.png", "inner/b.png"]


def test_an_out_folder_inside_the_input_is_not_taken_for_input(folder):
    for _ in range(2):
        assert degrade("photos", "-o", "photos/out", "--set", "blur=0.1") == 0
    assert len(records(folder / "photos" / "out")) == 2


@pytest.mark.parametrize("target", ["sheet.png", "sheet.jpg", "sheets"])
def test_a_sheet_shows_the_sixteen_as_one_picture(folder, capsys, target):
    assert degrade("photo.png", "-o", target, "--sheet", "--json") == 0
    sheet = load(folder / json.loads(capsys.readouterr().out)["output"])
    assert sheet.shape[0] > 16 * 40 and sheet.shape[1] > 5 * 64


def test_an_unreadable_picture_is_reported_and_the_others_go_on(folder, capsys):
    (folder / "photos" / "0.jpg").write_text("not a picture")
    assert degrade("photos", "-o", "out", "--set", "blur=0.1", "--json") == 2
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert [entry["source"] for entry in result["failed"]] == ["photos/0.jpg"]
    assert len(result["written"]) == len(records(folder / "out")) == 2
    assert err.count("\n") == 1 and "0.jpg" in err


def test_no_progress_is_shown_where_there_is_no_terminal(folder, capsys):
    assert degrade("photos", "-o", "out", "--set", "blur=0.1") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out == "out: 2 written, 0 skipped, 0 failed; see out/manifest.jsonl.\n"


def test_progress_is_shown_on_a_terminal(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert degrade("photos", "-o", "out", "--set", "blur=0.1") == 0
    assert capsys.readouterr().err == "\r1 of 2\r2 of 2\n"


def test_an_interrupted_run_goes_on_where_it_was(folder, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    command = ("photos", "-o", "out", "--random", "--jobs", 1)
    with monkeypatch.context() as patch:
        patch.setattr("robust_r1.commands.degrade._reporter", lambda total: interrupt)
        assert degrade(*command) == 130
    assert "stopped" in capsys.readouterr().err
    assert [line["output"] for line in records(folder / "out")] == ["a.png"]
    assert degrade(*command) == 0
    assert [line["output"] for line in records(folder / "out")] == ["a.png", "inner/b.png"]


def test_a_folder_that_cannot_be_written_is_bad_input(folder, capsys):
    (folder / "file").write_text("")
    line = fails(capsys, "degrade", "photo.png", "-o", "file/out", "--set", "blur=0.1")
    assert line == "error: file/out: Not a directory\n"


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be given to files there")
@pytest.mark.parametrize("name", ["two\nlines.png", "\u00e9 \u6f22.png", "\udcff.png", "-o.png"])
def test_any_file_name_is_kept_and_listed(folder, capsys, name):
    (folder / "photo.png").rename(folder / "photos" / name)
    assert degrade("photos", "-o", "out", "--set", "blur=0.1", "--json") == 0
    assert name in [record["output"] for record in json.loads(capsys.readouterr().out)["written"]]
    assert name in [record["output"] for record in records(folder / "out")]
    assert (folder / "out" / name).exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--set", "blur=1.5"], "1.5"),
        (["--set", "blur=nan"], "nan"),
        (["--set", "blur=-0.1"], "-0.1"),
        (["--set", "blur=much"], "much"),
        (["--set", "blur"], "NAME=INTENSITY"),
        (["--set", "blurr=0.1"], "blurr"),
        (["--set", "blur=0.1", "--set", "lens_blur=0.2"], "lens_blur"),
        (["--preset", "sunny day"], "sunny day"),
        (["--levels", "25,30"], "30"),
        (["--levels", ""], "25,50,100"),
        (["--random", "--seed", "-1"], "--seed"),
        (["--random", "--seed", "x"], "--seed"),
        (["--random", "--jobs", "0"], "--jobs"),
        (["--random", "--quality", "101"], "--quality"),
        (["--random", "--sheet"], "not allowed with"),
        ([], "--set --preset --random --levels --sheet"),
        (["--rand"], "--set"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_and_nothing_is_written(
    folder, capsys, words, expected
):
    assert expected in fails(capsys, "degrade", "photo.png", "-o", "out", *words)
    assert not (folder / "out").exists()


def test_wrong_inputs_are_named_in_one_line(folder, capsys):
    (folder / "empty").mkdir()
    plan = ("--set", "blur=0.1")
    assert "none.png does not exist" in fails(capsys, "degrade", "none.png", "-o", "out", *plan)
    assert "empty holds no pictures" in fails(capsys, "degrade", "empty", "-o", "out", *plan)
    assert "is a file" in fails(capsys, "degrade", "photos", "-o", "photo.png", *plan)
    assert "must be a folder" in fails(capsys, "degrade", "photos", "-o", "new.png", *plan)
    assert "written over" in fails(capsys, "degrade", "photo.png", "-o", ".", *plan)
    assert "one photo" in fails(capsys, "degrade", "photos", "-o", "out", "--sheet")
    assert "neither PNG nor" in fails(capsys, "degrade", "photo.png", "-o", "a.webp", "--sheet")
    assert not (folder / "out").exists()


def test_two_sources_for_one_output_are_refused_before_anything_is_written(folder, capsys):
    Image.open(folder / "photo.png").save(folder / "photos" / "A.bmp")
    line = fails(capsys, "degrade", "photos", "-o", "out", "--set", "blur=0.1")
    assert "photos/A.bmp and photos/a.jpg would both become" in line
    assert not (folder / "out").exists()


def test_a_folder_made_with_other_settings_is_not_touched(folder, capsys):
    assert degrade("photo.png", "-o", "out", "--set", "blur=0.1") == 0
    capsys.readouterr()
    before = bytes_of(folder / "out")
    for words in (["--set", "blur=0.2"], ["--set", "blur=0.1", "--seed", "1"]):
        assert "other settings" in fails(capsys, "degrade", "photo.png", "-o", "out", *words)
    assert bytes_of(folder / "out") == before


def test_a_broken_manifest_is_named_with_its_line(folder, capsys):
    (folder / "out").mkdir()
    (folder / "out" / "manifest.jsonl").write_text('{"output": "a.png"}\n[]\n')
    line = fails(capsys, "degrade", "photo.png", "-o", "out", "--set", "blur=0.1")
    assert "manifest.jsonl:2" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert out.startswith(f"usage: python -m robust_r1 {command}")
    # The page prints no results.
    assert ("--json" in out) is (command != "page")


def test_the_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert all(f"\n    {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("words", [[], ["destroy"], ["--fast"], ["degrade"], ["degrade", "--x"]])
def test_wrong_arguments_end_with_one_line(words, capsys):
    assert "--help" in fails(capsys, *words)


@pytest.mark.parametrize("place", [0, 1])
def test_debug_shows_the_error_itself(folder, place):
    words = ["degrade", "none.png", "-o", "out", "--random"]
    words.insert(place, "--debug")
    with pytest.raises(Exception, match="does not exist"):
        main(words)


def test_the_module_runs_as_a_program_and_without_the_engine(folder):
    program = (
        "import sys, runpy; sys.argv[1:] = ['degrade', 'photo.png', '-o', 'out', '--random']\n"
        "try: runpy.run_module('robust_r1', run_name='__main__')\n"
        "except SystemExit as end: status = end.code\n"
        "print(status, 'torch' in sys.modules, 'gradio' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        text=True,
        capture_output=True,
    )
    assert done.stdout.splitlines()[-1] == "0 False False", done.stderr
