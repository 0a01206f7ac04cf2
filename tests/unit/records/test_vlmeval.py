"""VLMEvalKit's tables: items whatever is odd in a row, pictures found wherever they are."""

import json
import tracemalloc
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robust_r1.cli import main
from robust_r1.degradations import PRESETS, DegradationPlan
from robust_r1.errors import DataError
from robust_r1.evaluation.published import drawn_plan
from robust_r1.images import encode_png
from robust_r1.records import (
    Damage,
    PictureFile,
    RecordError,
    UnusableRows,
    open_benchmark,
    with_pictures,
)
from robust_r1.records.names import header_of
from robust_r1.records.vlmeval import EmbeddedPictures
from tests.support.benchmark_files import TSV, base64_of, write_tsv

OPTIONS = ("a kite", "a bird", "a plane", "a cloud")
STEPS = {
    "lens_blur": DegradationPlan.parse("lens_blur=0.4"),
    "two": DegradationPlan.parse("scan_lines=1,graffiti=0.25"),
    "drive": PRESETS["rainy night drive"],
}
INSIDE = "Which?\nOptions: A: on the book., B: beneath the cat, C: in the bed, D: nowhere"


@pytest.fixture(scope="module")
def pictures(make_picture):
    """Return three small pictures."""
    return [make_picture(20, 28, seed) for seed in range(3)]


@pytest.fixture(scope="module")
def cells(pictures):
    """Return their cells."""
    return [base64_of(picture) for picture in pictures]


@pytest.fixture(scope="module")
def odd_rows(cells):
    """Return ten rows, all of which can be used: what is odd in each stands in its category."""
    one, two, three = cells
    wide = "\n".join(two[start : start + 60] for start in range(0, len(two), 60))
    return [
        ("1", one, "What flies?", *OPTIONS, "B", "plain", "fine"),
        ("2", "1", "What flies?", *OPTIONS, "(d)", "shared, bracketed answer", "nan"),
        ("3", "9", "What flies?", "a kite", "nan", "", "a cloud", "D", "missing options", ""),
        ("4", two, INSIDE, "nan", "nan", "nan", "nan", "A", "options in the question", ""),
        ("5", "4", INSIDE, "", "", "", "", "D", "the same, empty", ""),
        ("6", repr([one, three]), 'Which "one"?\nSay.', "2", "3", "", "", "B", "two pictures", ""),
        ("7", "6", "Both?", "yes", "no", "", "", "A", "shares two pictures", ""),
        ("8", wide, "How many?", "nan", "nan", "nan", "nan", "['two', '2']", "open, in lines", ""),
        ("9", three, "图中有什么？", "猫", "狗", "", "", "B", "Chinese", ""),
        ("10", two, "Who?\r\nSay.", *OPTIONS, "nan", "hidden answer", ""),
    ]


def items_of(path, **options):
    """Return all items and why rows were left out."""
    reading = open_benchmark(path, **options).read()
    return list(reading), reading.unusable


def test_ten_odd_rows_are_ten_items(tmp_path, odd_rows, pictures):
    one, two, three = pictures
    path = write_tsv(tmp_path / "MMStar.tsv", odd_rows)
    benchmark = open_benchmark(path)
    assert (benchmark.format, benchmark.name) == ("vlmevalkit", "MMStar")
    items, unusable = items_of(path)
    assert not unusable and [item.id for item in items] == [row[0] for row in odd_rows]
    assert [item.truths for item in items] == [
        ("a bird",), ("a cloud",), ("a cloud",), ("on the book.",), ("nowhere",), ("3",), ("yes",),
        ("two", "2"), ("狗",), (),
    ]  # fmt: skip
    assert [len(item.choices) for item in items] == [4, 4, 2, 4, 4, 2, 2, 0, 2, 4]
    assert [item.task for item in items] == ["mcq"] * 7 + ["vqa", "mcq", "mcq"]
    shown = [[one], [one], [three], [two], [two], [one, three], [one, three], [two], [three], [two]]
    for item, wanted in zip(items, shown, strict=True):
        loaded = item.load_pictures()
        assert len(loaded) == len(wanted), item.category
        assert all(map(np.array_equal, loaded, wanted)), item.category
    sources = [item.source for item in items]
    groups = [{n for n, one in enumerate(sources) if one == source} for source in sources]
    assert groups[:9] == [{0, 1}, {0, 1}, {2, 8}, {3, 4}, {3, 4}, {5, 6}, {5, 6}, {7}, {2, 8}]
    assert items[3].question == "Which?" and items[3].written == INSIDE
    assert items[0].subcategory == "fine" and items[1].subcategory == ""
    assert items[5].question == 'Which "one"?\nSay.' and items[6].place.line > 8


def test_hints_languages_and_columns_of_its_own_stay_with_an_item(tmp_path, cells):
    columns = ("index", "image", "question", "hint", "answer", "split", "bench", "lang")
    rows = [
        ("a", cells[0], "Wer?", "Look\ttwice.", "er", "dev", "mine", "de"),
        ("b", "a", "Who?", "nan", "he", "dev", "", ""),
    ]
    first, second = items_of(write_tsv(tmp_path / "mmmb_cn.tsv", rows, columns))[0]
    assert first.hint == "Look\ttwice." and first.asked == "Hint: Look\ttwice.\nWer?"
    assert second.hint == "" and second.asked == "Who?"
    assert (first.language, second.language) == ("de", "cn")
    assert first.extra == (("bench", "mine"),) and first.split == "dev"


@pytest.mark.parametrize(
    ("stem", "name", "language", "damage"),
    [
        ("MMStar", "MMStar", "", None),
        ("mmmb_ar", "mmmb_ar", "ar", None),
        ("mmmb_pt", "mmmb_pt", "pt", None),
        ("MMBench_DEV_EN_V11", "MMBench_DEV_EN_V11", "en", None),
        ("MMStar_Robust_25", "MMStar", "", Damage("25")),
        ("mmmb_tr_Robust_100", "mmmb_tr", "tr", Damage("100")),
        ("MMStar_LOW_LEVEL_LOW", "MMStar", "", Damage("25")),
        ("CV-Bench-2D_LOW_LEVEL_MID", "CV-Bench-2D", "", Damage("50")),
        ("MMBench_DEV_EN_V11_LOW_LEVEL_HIGH", "MMBench_DEV_EN_V11", "en", Damage("100")),
        ("MMStar_Robust_random", "MMStar", "", Damage()),
        ("MMStar_Robust_lens_blur_0.4", "MMStar", "", Damage(plan=STEPS["lens_blur"])),
        ("mmmb_tr_Robust_scan_lines_1_graffiti_0.25", "mmmb_tr", "tr", Damage(plan=STEPS["two"])),
        ("MMStar_Robust_rainy_night_drive", "MMStar", "", Damage(plan=STEPS["drive"])),
        ("MMStar_lens_blur", "MMStar", "", Damage("100", "lens_blur")),
        ("RealWorldQA_Gaussian_Noise_0.45", "RealWorldQA", "", Damage("50", "gaussian_noise")),
        ("MMVP_graffiti_LOW_LEVEL_HIGH", "MMVP", "", Damage("100", "graffiti")),
        ("MMVet_hsv_saturation", "MMVet", "", Damage("100", "saturation")),
        ("MMBench_DEV_EN_V11_dark_illumination", "MMBench_DEV_EN_V11", "en",
         Damage("100", "darkness")),
        ("my_high", "my_high", "", None),
        ("v1.5", "v1.5", "", None),
        ("test-00000-of-00003", "test", "", None),
    ],  # fmt: skip
)
def test_a_file_s_name_tells_benchmark_language_and_damage(tmp_path, stem, name, language, damage):
    header = header_of(tmp_path / f"{stem}.tsv")
    assert (header.benchmark, header.language, header.damage) == (name, language, damage)
    assert header_of(tmp_path / f"{stem}.tsv", name="mine").benchmark == "mine"


@pytest.mark.parametrize(
    ("row", "column", "fault"),
    [
        (("1", "0", "Who?", *OPTIONS, "A", "", ""), "index", "'1' stands in line 3 too"),
        (
            ("x", "70", "Who?", *OPTIONS, "A", "", ""),
            "image",
            "'70' is neither base64 nor the index",
        ),
        (("x", "x", "Who?", *OPTIONS, "A", "", ""), "image", "'x' is the row itself"),
        (("x", "1", "Who?", *OPTIONS, "A", "", ""), "image", "'1', whose picture this one shows"),
        (("x", "nan", "Who?", *OPTIONS, "A", "", ""), "image", "a row without a picture"),
        (("", "0", "Who?", *OPTIONS, "A", "", ""), "index", "a row without index"),
        (("x", "0", "", *OPTIONS, "A", "", ""), "question", "a row without question"),
        (("x", "0", "Who?", "a", "b", "", "", "C", "", ""), "answer", "'C' names none"),
        (("x", "0", "Who?", "", "", "", "", "C", "", ""), "answer", "C names an option, and there"),
    ],
    ids=[
        "twice",
        "nowhere",
        "itself",
        "no own",
        "none",
        "index",
        "question",
        "beyond",
        "no options",
    ],
)
def test_an_unusable_row_is_named_by_line_and_column_and_left_out(
    tmp_path, cells, row, column, fault
):
    good = [("0", cells[0], "Who?", *OPTIONS, "A", "", "")]
    good += [(str(number), "0", "Who?", *OPTIONS, "A", "", "") for number in range(1, 22)]
    rows = [*good[:5], row, *good[5:]]
    items, unusable = items_of(write_tsv(tmp_path / "a.tsv", rows))
    assert [item.id for item in items] == [one[0] for one in good]
    (only,) = unusable
    assert (only.place.line, only.place.column) == (7, column)
    assert fault in only.wrong and only.mend


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("!" * 80, "neither base64 nor the index of another row"),
        ("QUJD" * 30, "in no format that can be read"),
        (None, "damaged or cut short"),
    ],
    ids=["no base64", "no picture", "cut short"],
)
def test_a_picture_that_cannot_be_decoded_makes_its_row_unusable(tmp_path, cells, cell, fault):
    cell = (
        cell or base64_of(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8))[:8000]
    )
    rows = [("0", cells[0], "Who?", *OPTIONS, "A", "", "")]
    rows += [(str(number), "0", "Who?", *OPTIONS, "A", "", "") for number in range(1, 23)]
    rows[9] = ("9", cell, *rows[9][2:])
    rows[20] = ("20", "9", *rows[20][2:])
    reading = open_benchmark(write_tsv(tmp_path / "a.tsv", rows)).read()
    found = []
    with pytest.raises(UnusableRows) as caught:  # two of 23
        found.extend(item.id for item, _ in with_pictures(reading))
    assert found == [row[0] for row in rows if row[0] not in ("9", "20")]
    assert [str(error.place) for error in caught.value.unusable] == [
        "line 11, column image", "line 22, column image",
    ]  # fmt: skip
    assert all(fault in error.wrong for error in caught.value.unusable)


def test_items_that_are_done_are_passed_over_without_decoding_their_pictures(tmp_path, cells):
    bad, good = "!" * 80, cells[0]
    rows = [
        (str(number), cell, "Who?", *OPTIONS, "A", "", "")
        for number, cell in enumerate((bad, good))
    ]
    reading = open_benchmark(write_tsv(tmp_path / "a.tsv", rows)).read()
    assert [item.id for item, _ in with_pictures(reading, done={"0"})] == ["1"]
    assert not reading.unusable


def test_looking_ahead_for_a_picture_goes_no_farther_than_its_row(tmp_path, cells, monkeypatch):
    rows = [("0", "2", "Who?", *OPTIONS, "A", "", "")]
    rows += [(str(number), cells[0], "Who?", *OPTIONS, "A", "", "") for number in range(1, 9)]
    noted = []
    note = EmbeddedPictures._note
    monkeypatch.setattr(
        EmbeddedPictures,
        "_note",
        lambda self, row: (noted.append(row.cells["index"]), note(self, row)),
    )
    reading = open_benchmark(write_tsv(tmp_path / "a.tsv", rows)).read()
    assert next(reading).id == "0" and noted == ["0", "1", "2"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_row_shows_its_own_picture_or_that_of_the_row_it_names(tmp_path, cells, data):
    count = data.draw(st.integers(1, 7))
    # What a row has: one of three pictures, or another row's index, which may be nobody's.
    drawn = st.one_of(st.sampled_from(cells), st.integers(0, count).map(str))
    given = [data.draw(drawn) for _ in range(count)]
    path = write_tsv(
        tmp_path / "a.tsv", [(str(n), cell, "Who?") for n, cell in enumerate(given)], TSV[:3]
    )
    wanted = {}
    for number, cell in enumerate(given):
        if cell not in cells:
            cell = given[int(cell)] if int(cell) < count else ""
        if cell in cells:
            wanted[str(number)] = cell
    shown, reading = {}, open_benchmark(path).read()
    with suppress(UnusableRows):
        shown.update((item.id, base64_of(pictures[0])) for item, pictures in with_pictures(reading))
    assert shown == wanted
    assert {str(error.place.line - 2) for error in reading.unusable} == {
        str(number) for number in range(count)
    } - wanted.keys()


def test_pictures_in_files_lie_beside_the_table_or_in_the_folder_given(tmp_path, pictures):
    columns = ("index", "image_path", "question", "answer")
    (tmp_path / "more").mkdir()
    (tmp_path / "a.png").write_bytes(encode_png(pictures[0]))
    (tmp_path / "more" / "a.png").write_bytes(encode_png(pictures[1]))
    path = write_tsv(tmp_path / "a.tsv", [("1", "a.png", "Who?", "me")], columns)
    for folder, picture in ((None, pictures[0]), (tmp_path / "more", pictures[1])):
        ((item,), _) = items_of(path, pictures=folder)
        assert isinstance(item.pictures[0], PictureFile)
        assert np.array_equal(item.load_pictures()[0], picture)
    with pytest.raises(DataError, match="no folder"):
        open_benchmark(path, pictures=tmp_path / "nowhere")


def test_a_file_that_went_away_after_it_was_seen_is_named(tmp_path, pictures):
    (tmp_path / "a.png").write_bytes(encode_png(pictures[0]))
    path = write_tsv(
        tmp_path / "a.tsv", [("1", "a.png", "Who?")], ("index", "image_path", "question")
    )
    ((item,), _) = items_of(path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(RecordError, match="a.tsv:2: column image_path: there is no file"):
        item.load_pictures()


def test_a_list_of_all_items_holds_no_pictures_nor_do_the_faults_of_the_others(tmp_path):
    cell = base64_of(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8))
    answers = ["A"] * 38 + ["X", "Y"]
    rows = [(str(n), cell, "Who?", *OPTIONS, answer, "", "") for n, answer in enumerate(answers)]
    path = write_tsv(tmp_path / "a.tsv", rows)
    tracemalloc.start()
    try:
        items, unusable = items_of(path)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert (len(items), len(unusable)) == (38, 2)
    assert held < 200_000 < path.stat().st_size / 10
    assert items[37].load_pictures()[0].shape == (200, 300, 3)


def test_a_corrupted_copy_differs_in_its_pictures_alone(tmp_path, odd_rows):
    source = write_tsv(tmp_path / "Tiny.tsv", odd_rows)
    assert main(["degrade", str(source), "-o", str(tmp_path / "out"), "--levels", "50"]) == 0
    path = tmp_path / "out" / "Tiny_Robust_50.tsv"
    clean, damaged = items_of(source)[0], items_of(path)[0]
    for before, after in zip(clean, damaged, strict=True):
        kept = replace(after, pictures=before.pictures, place=before.place, damage=None)
        assert kept == before and after.damage == Damage("50")
        plan = drawn_plan(before, "50")
        for one, two in zip(before.load_pictures(), after.load_pictures(), strict=True):
            assert np.array_equal(two, plan.apply(one))
    lines = path.with_suffix(".manifest.jsonl").read_text().splitlines()
    noted = [json.loads(line) for line in lines[1:]]
    assert [line["index"] for line in noted if "plan" in line] == ["1", "4", "6", "8", "9", "10"]
    assert {line["index"]: line.get("shows") for line in noted}["7"] == "6"
    assert DegradationPlan.from_values(noted[0]["plan"]) == drawn_plan(clean[0], "50")


def test_a_table_without_its_columns_is_refused(tmp_path):
    path = write_tsv(tmp_path / "a.tsv", [("1", "x")], ("index", "answer"))
    with pytest.raises(DataError, match="a.tsv:1: no column question, image; add it; VLMEvalKit"):
        open_benchmark(path)
    path = write_tsv(tmp_path / "b.tsv", [("P" * 80, "x")], ("image", "question"))
    with pytest.raises(DataError, match="b.tsv:1: no column index"):
        open_benchmark(path)
