"""Claims about corrupted copies of tables: which rows they have, and how they are gone on with."""

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from robust_r1.cli import main
from robust_r1.degradations import PRESETS, DegradationPlan, picture_rng, sample_plan
from robust_r1.engine import catalog
from robust_r1.errors import DataError
from robust_r1.evaluation.copies import write_copies
from robust_r1.evaluation.growing import Copy
from robust_r1.evaluation.published import PublishedItems, Selection
from robust_r1.records import open_benchmark
from robust_r1.records.tables import open_table
from tests.support.benchmark_files import TSV, base64_of, write_tsv

LEVELS = ("25", "50", "100")


@pytest.fixture(scope="module")
def cells(make_picture):
    """Return the cells of three small pictures."""
    return [base64_of(make_picture(20, 28, seed)) for seed in range(3)]


@pytest.fixture(scope="module")
def table(tmp_path_factory, cells):
    """Return a table of 44 rows, two of which cannot be used; row 5 shows what row 8 has."""
    shared = {3: "0", 5: "8", 9: "8"}
    rows = [[str(n), shared.get(n, cells[n % 3]), f'"Who"\n{n}?', *"abcd", "B", "", ""]
            for n in range(44)]  # fmt: skip
    rows[20][1] = cells[0][:80]
    rows[30][0] = "7"
    return write_tsv(tmp_path_factory.mktemp("data") / "Tiny.tsv", rows)


@pytest.fixture(scope="module")
def whole(table, tmp_path_factory):
    """Return a folder with the copies of the table at two levels, written in one go."""
    out = tmp_path_factory.mktemp("whole")
    assert degrade(table, "-o", out, "--levels", "25,100", "--jobs", 1) == 0
    return out


def degrade(*words: object) -> int:
    return main(["degrade", *map(str, words)])


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def notes(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.with_suffix(".manifest.jsonl").open("rb")]


def raw_rows(path: Path) -> dict[str, dict[str, str]]:
    rows = [dict(row.cells) for row in open_table(path, "\t").rows()]
    return {cells["index"]: cells for cells in reversed(rows)}  # the first of two


def test_rows_that_cannot_be_used_are_named_and_left_out(table, whole, tmp_path, capsys):
    assert degrade(table, "-o", tmp_path, "--levels", "50", "--jobs", 1) == 0
    out, err = capsys.readouterr()
    assert "Tiny_Robust_50.tsv: 42 rows, 2 left out; see " in out
    assert err.splitlines() == [
        "left out: Tiny.tsv, line 42, column image: the picture is damaged or cut short",
        "left out: Tiny.tsv, line 62, column index: '7' stands in line 16 too",
    ]
    indices = [row.cells["index"] for row in open_table(whole / "Tiny_Robust_25.tsv", "\t").rows()]
    assert indices == [str(n) for n in range(44) if n not in (20, 30)]
    first, *lines = notes(whole / "Tiny_Robust_25.tsv")
    assert (first["source"], first["level"], first["bytes"]) == ("Tiny.tsv", "25", _size(table))
    assert [line["line"] for line in lines] == [2 + 2 * n for n in range(44)]
    (one, two) = (line for line in lines if "left_out" in line)
    assert (one["line"], one["column"]) == (42, "image") and two["left_out"].startswith("'7'")


def test_shared_pictures_stay_shared_and_all_else_is_as_it_was(table, whole):
    before, after = raw_rows(table), raw_rows(whole / "Tiny_Robust_100.tsv")
    for index, cells in after.items():
        assert {**cells, "image": ""} == {**before[index], "image": ""}
    assert [after[index]["image"] for index in ("3", "5", "9")] == ["0", "8", "8"]
    assert sum(len(cells["image"]) > 64 for cells in after.values()) == len(after) - 3


def test_rows_whose_picture_another_row_has_go_with_it(tmp_path, cells):
    rows = [[str(n), cells[n % 3], "Who?", *"abcd", "B", "", ""] for n in range(120)]
    rows[4][1], rows[7][1], rows[8][1] = "6", "6", "5"
    rows[6][1] = cells[0][:80]
    table = write_tsv(tmp_path / "Tiny.tsv", rows)
    assert degrade(table, "-o", tmp_path, "--levels", "25", "--jobs", 1) == 0
    copy = tmp_path / "Tiny_Robust_25.tsv"
    assert {"4", "6", "7", "8"} - raw_rows(copy).keys() == {"4", "6", "7"}
    assert len(list(open_benchmark(copy).read())) == 117


def test_too_many_broken_rows_end_it_with_the_list_and_leave_nothing(tmp_path, cells, capsys):
    rows = [[str(n), cells[0][: None if n else 80], *"wabcdB", "", ""] for n in range(10)]
    table = write_tsv(tmp_path / "Tiny.tsv", rows)
    assert degrade(table, "-o", tmp_path / "out", "--levels", "25,50") == 2
    assert "1 of the first 10 rows cannot be used, more than 5%" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("seed", range(12))
def test_a_run_killed_at_any_moment_ends_as_an_uninterrupted_one(table, whole, tmp_path, seed):
    # A process that is killed leaves each file as far as it was written: any number of whole
    # lines, what was being appended cut anywhere, and never a line without its row.
    rng = np.random.default_rng(seed)
    for name in ("Tiny_Robust_25", "Tiny_Robust_100"):
        data, lines = (whole / f"{name}.tsv").read_bytes(), notes(whole / f"{name}.tsv")
        kept = int(rng.integers(0, len(lines)))
        following = lines[kept]["end"]
        manifest = (whole / f"{name}.manifest.jsonl").read_bytes().splitlines(keepends=True)
        cut = int(rng.integers(0, len(manifest[kept])))
        from_row = following if cut else int(rng.integers(lines[kept - 1]["end"] if kept else 0,
                                                          following + 1))  # fmt: skip
        (tmp_path / f".{name}.tsv.part").write_bytes(data[:from_row])
        left = b"".join(manifest[:kept]) + manifest[kept][:cut]
        (tmp_path / f"{name}.manifest.jsonl").write_bytes(left)
    assert degrade(table, "-o", tmp_path, "--levels", "25,100", "--jobs", 1) == 0
    assert bytes_of(tmp_path) == bytes_of(whole)


def test_processes_write_what_one_does_and_a_moved_table_goes_on(table, whole, tmp_path):
    elsewhere = tmp_path / "moved" / "Tiny.tsv"
    elsewhere.parent.mkdir()
    shutil.copy(table, elsewhere)
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(whole / "Tiny_Robust_25.tsv", out)
    shutil.copy(whole / "Tiny_Robust_25.manifest.jsonl", out)
    assert degrade(elsewhere, "-o", out, "--levels", "25,100", "--jobs", 2) == 0
    assert bytes_of(out) == bytes_of(whole)


def test_a_copy_made_otherwise_is_refused_with_the_differences(table, whole, tmp_path, capsys):
    before = bytes_of(whole)
    assert degrade(table, "-o", whole, "--levels", "25", "--seed", 1) == 2
    assert "Tiny_Robust_25.tsv was made from another table or with other settings (seed 0 there, " \
        "1 now)" in capsys.readouterr().err  # fmt: skip
    other = tmp_path / "Tiny.tsv"
    other.write_bytes(table.read_bytes() + b"\n")
    assert degrade(other, "-o", whole, "--levels", "25") == 2
    assert f"(bytes {_size(table)} there, {_size(other)} now)" in capsys.readouterr().err
    assert bytes_of(whole) == before
    (tmp_path / "Tiny_Robust_25.tsv").write_text("mine")
    assert degrade(table, "-o", tmp_path, "--levels", "25") == 2
    assert "is there and not as its manifest says" in capsys.readouterr().err
    assert sorted(bytes_of(tmp_path)) == ["Tiny.tsv", "Tiny_Robust_25.tsv"]


def test_a_second_process_at_one_copy_is_refused(table, tmp_path, capsys):
    copy = Copy("Tiny_Robust_25", lambda index: DegradationPlan(), {})

    def meanwhile(rows: int, end: int) -> None:
        if rows == 2:
            assert degrade(table, "-o", tmp_path, "--levels", "25") == 2

    (one,) = write_copies(open_table(table, "\t"), tmp_path, [copy], report=meanwhile)
    assert "another process writes" in capsys.readouterr().err
    assert one.rows == len(raw_rows(one.path)) == 42


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--random", "--seed", 4], "Tiny_Robust_random"),
        (["--preset", "rainy night drive"], "Tiny_Robust_rainy_night_drive"),
        (["--set", "blur=0.4"], "Tiny_Robust_lens_blur_0.4"),
        (["--set", "blur=0.4", "--set", "noise=1"], "Tiny_Robust_lens_blur_0.4_gaussian_noise_1"),
    ],
)
def test_other_ways_name_their_copy_and_are_read_as_damaged(tmp_path, cells, words, name):
    table = write_tsv(tmp_path / "Tiny.tsv", [["q", cells[0], *"wabcdB", "", ""]])
    assert degrade(table, "-o", tmp_path, *words) == 0
    (clean,), (item,) = (open_benchmark(tmp_path / f"{one}.tsv").read() for one in ("Tiny", name))
    plan = {
        "random": sample_plan(picture_rng(4, "Tiny/q")),
        "drive": PRESETS["rainy night drive"],
    }.get(name.rpartition("_")[2], item.damage.plan)
    assert np.array_equal(item.load_pictures()[0], plan.apply(clean.load_pictures()[0]))
    assert item.benchmark == "Tiny" and (item.damage.plan or name.endswith("random"))


def test_a_copy_is_scored_by_what_its_manifest_says_was_done(table, whole, tmp_path):
    info = catalog.find("tiny-rl")
    copy = whole / "Tiny_Robust_25.tsv"
    asked = list(PublishedItems(open_benchmark(copy), info))
    clean = PublishedItems(open_benchmark(table), info, Selection(levels=("25",)))
    drawn = {one.id: one.case.plan for one in clean}
    assert len(asked) == 42 and all(one.case.plan == drawn[one.id] for one in asked)
    assert all(one.known and one.case.plan for one in asked)
    alone = shutil.copy(copy, tmp_path)
    assert not any(one.known for one in PublishedItems(open_benchmark(alone), info))
    other = shutil.copy(copy.with_suffix(".manifest.jsonl"), tmp_path)
    with Path(alone).open("a") as file:
        file.write("\n")  # no longer the table that the manifest was written with
    assert not any(one.known for one in PublishedItems(open_benchmark(alone), info))
    Path(other).write_text("{}\n")
    with pytest.raises(DataError, match="manifest.jsonl:1 is not as degrade writes it"):
        PublishedItems(open_benchmark(alone), info)


def test_names_of_picture_files_are_left_out_and_the_pictures_taken_in(tmp_path, make_picture):
    from robust_r1.images import save

    save(make_picture(20, 28), tmp_path / "a.png")
    rows = [["1", "a.png", "Who?"], ["2", "a.png", "Why?"]]
    table = write_tsv(tmp_path / "Tiny.tsv", rows, ("index", "image_path", "question"))
    assert degrade(table, "-o", tmp_path / "out", "--levels", "25") == 0
    copy = tmp_path / "out" / "Tiny_Robust_25.tsv"
    assert open_table(copy, "\t").columns == ("index", "question", "image")
    assert all(item.load_pictures()[0].shape == (20, 28, 3) for item in open_benchmark(copy).read())


def test_memory_does_not_grow_with_the_table(tmp_path, make_picture):
    cell = base64_of(np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8))
    peaks = []
    for rows in (10, 60):
        lines = [[str(n), cell, *"wabcdB", "", ""] for n in range(rows)]
        table = write_tsv(tmp_path / f"T{rows}.tsv", lines, TSV)
        copy = Copy(f"T{rows}_copy", lambda index: DegradationPlan(), {})
        tracemalloc.start()
        try:
            write_copies(open_table(table, "\t"), tmp_path, [copy])
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + len(cell) and 50 * len(cell) < _size(table)


@pytest.mark.parametrize(
    ("name", "columns", "words"),
    [
        ("Tiny_Robust_25.tsv", TSV, "came damaged; give the clean table"),
        ("Tiny.tsv", ("index", "image"), "no column question"),
        ("Tiny.csv", ("index", "question", "image"), "no table of VLMEvalKit's, NAME.tsv with"),
        ("Tiny.tsv", ("name", "choice", "distortion", "type", "question"), "no column"),
    ],
)
def test_what_is_no_clean_table_is_refused_in_one_line(tmp_path, capsys, name, columns, words):
    table = write_tsv(tmp_path / name, [["x"] * len(columns)], columns)
    assert degrade(table, "-o", tmp_path / "out", "--levels", "25") == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1 and not (tmp_path / "out").exists()
    assert degrade(table, tmp_path, "-o", tmp_path / "out", "--random") == 2
    assert "a table among pictures" in capsys.readouterr().err


def test_a_full_disk_is_said_and_what_was_written_is_gone_on_with(table, whole, tmp_path, capsys):
    resource = pytest.importorskip("resource", reason="needs a system that limits sizes of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_size(whole / "Tiny_Robust_100.tsv") // 2, hard))
    try:
        assert degrade(table, "-o", tmp_path, "--levels", "25,100", "--jobs", 1) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "could not be written: File too large; make room" in capsys.readouterr().err
    assert degrade(table, "-o", tmp_path, "--levels", "25,100", "--jobs", 1) == 0
    assert bytes_of(tmp_path) == bytes_of(whole)


def _size(path: Path) -> int:
    return path.stat().st_size
