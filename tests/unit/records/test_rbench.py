"""R-Bench's release and its tables of results, with what is odd in them."""

import pytest

from robust_r1.errors import DataError, InputError
from robust_r1.images import encode_png
from robust_r1.records import Damage, UnusableRows, open_benchmark, read_rbench_results
from robust_r1.records.rbench import DISTORTIONS, GROUPS, STEPS
from robust_r1.records.rbench_results import JudgedAnswer, write_rbench_results
from tests.support.benchmark_files import (
    RBENCH,
    RBENCH_ROWS,
    table_text,
    write_rbench,
    write_results,
)


@pytest.fixture
def release(tmp_path, picture):
    """Return a folder with 28 rows, one of which is bad, and two folders of pictures."""
    for folder in ("dis", "ref"):
        (tmp_path / folder).mkdir()
        for name in {row[0] for row in RBENCH_ROWS}:
            data = encode_png(picture if folder == "ref" else 255 - picture)
            (tmp_path / folder / name).write_bytes(data)
    write_rbench(tmp_path / "Ref_Release.csv", [*RBENCH_ROWS, *RBENCH_ROWS[:9], *RBENCH_ROWS[:9]])
    return tmp_path


def test_the_release_is_read_but_for_the_row_whose_answer_lies_beyond_its_options(release, picture):
    reading = open_benchmark(release, pictures=release / "ref").read()
    items = list(reading)
    (bad,) = reading.unusable
    assert (bad.place.line, bad.place.column) == (11, "answer")
    assert "'C' names none of the 2 options" in bad.wrong
    assert [item.id for item in items[:11]] == [*map(str, range(9)), "10", "11"]
    assert [item.truths for item in items[:9]] == [
        ("tennis",),
        ("Wheel rolling",),
        ("yellow",),
        ("bmx",),
        ('The letters are "ICCI"',),
        ("北京",),
        ("A cat.", "A child's cat."),
        ("Two teacups.", "A table."),
        ("No",),
    ]
    assert items[1].choices == ("Hand handling", "Wheel rolling", "It can't move")
    assert [item.task for item in items[:9]] == [row[4].lower() for row in RBENCH_ROWS[:9]]
    assert items[2].damage == Damage("mid", "2") and items[5].damage == Damage("high", "33")
    assert items[0].source == items[8].source == "a.png"  # two questions about one picture
    assert dict(items[0].extra) == {"name": "a.png", "score": "4.17"}
    assert (items[0].load_pictures()[0] == picture).all()


def test_distorted_pictures_come_with_the_undamaged_ones_where_both_folders_are_there(
    release, picture
):
    for given in (None, release):
        file = open_benchmark(release, pictures=given)
        item = next(file.read())
        assert file.references and (item.load_pictures()[0] == 255 - picture).all()
        assert (item.references[0].load() == picture).all()
    one = open_benchmark(release, pictures=release / "dis")
    assert not one.references and next(one.read()).references == ()


@pytest.mark.parametrize(
    ("distorted", "reference"),
    [("dis_image", "ref_image"), ("Distorted", "Reference"), ("R-Bench_Dis", "R-Bench-ref"),
     ("", "ref")],
)  # fmt: skip
def test_the_folders_are_known_by_a_word_of_their_names(release, picture, distorted, reference):
    (release / "ref").rename(release / reference)
    if distorted:
        (release / "dis").rename(release / distorted)
    else:  # beside the table
        for one in (release / "dis").iterdir():
            one.rename(release / one.name)
        (release / "dis").rmdir()
    item = next(open_benchmark(release).read())
    assert (item.load_pictures()[0] == 255 - picture).all()
    assert (item.references[0].load() == picture).all()


def test_which_of_two_picture_folders_is_meant_must_be_said(release, picture):
    (release / "dis").rename(release / "one")
    (release / "ref").rename(release / "two")
    with pytest.raises(DataError, match="a.png lies in one and two .* say which folder"):
        list(open_benchmark(release).read())
    for one in (release / "two").iterdir():
        one.unlink()
    first = next(open_benchmark(release).read())
    assert (first.load_pictures()[0] == 255 - picture).all()
    (release / "one").rename(release / "dis")
    (release / "two").rename(release / "dis_2")
    with pytest.raises(DataError, match="dis and dis_2 may all have the pictures"):
        open_benchmark(release)


def test_a_row_without_its_undamaged_picture_is_named_and_left_out(release):
    (release / "ref" / "j.png").unlink()
    (release / "ref" / "d.png").unlink()
    with pytest.raises(UnusableRows, match="column name: no picture d.png in .*ref"):
        list(open_benchmark(release).read())


@pytest.mark.parametrize(
    ("row", "column", "fault"),
    [
        (("a.png", "Who?", "x; y", "A", "MCQ", 3, 1, 1), "choice", "do not begin with A."),
        (("a.png", "Who?", "A.x", "A", "MCQ", 3, 1, 1), "choice", "1 options in"),
        (("a.png", "Who?", "N", "me", "QUIZ", 3, 1, 1), "type", "unknown type 'QUIZ'"),
        (("a.png", "Who?", "N", "me", "VQA", 3, 34, 1), "distortion", "'34' stands there"),
        (("a.png", "Who?", "N", "me", "VQA", 3, 1, "low"), "strength", "'low' stands there"),
        (("a.png", "Who?", "A.x; B.y", "x", "VQA", 3, 1, 1), "choice", "options in a VQA row"),
        (("a.png", "Who?", "N", "exit()", "CAP", 3, 1, 1), "answer", "the captions are no list"),
        (("a.png", "Who?", "N", "[]", "CAP", 3, 1, 1), "answer", "the captions are no list"),
        ((" ", "Who?", "N", "me", "VQA", 3, 1, 1), "name", "a row without name"),
        (("z.png", "Who?", "N", "me", "VQA", 3, 1, 1), "name", "no picture z.png in"),
        (("z" * 300, "Who?", "N", "me", "VQA", 3, 1, 1), "name", "no picture zzz"),
    ],
)
def test_a_broken_row_is_named_by_line_and_column(release, row, column, fault):
    rows = [*RBENCH_ROWS[:9], row, *RBENCH_ROWS[:9], *RBENCH_ROWS[:9]]
    write_rbench(release / "Ref_Release.csv", rows)
    reading = open_benchmark(release, pictures=release / "ref").read()
    assert len(list(reading)) == 27
    (bad,) = reading.unusable
    assert (bad.place.line, bad.place.column) == (11, column) and fault in bad.wrong


def test_a_result_counts_also_where_its_question_cannot_be_asked(tmp_path):
    """The published figures are means over all 1,485 rows."""
    given = [1.0, 0.0, "", *(number / 10 for number in range(7))]
    reading = read_rbench_results(write_results(tmp_path / "r.csv", RBENCH_ROWS, given))
    results = list(reading)
    assert not reading.unusable
    assert [one.id for one in results] == [str(number) for number in range(10)]
    assert [one.result for one in results] == [1.0, 0.0, None, *given[3:]]
    assert (results[9].type, results[9].distortion, results[9].strength) == ("MCQ", 32, 1)


@pytest.mark.parametrize("result", [1.5, -0.1, "good", "nan"])
def test_an_impossible_result_is_named_and_left_out(tmp_path, result):
    given = [0.5] * 20
    given[7] = result
    path = write_results(tmp_path / "r.csv", [*RBENCH_ROWS, *RBENCH_ROWS], given)
    reading = read_rbench_results(path)
    assert [one.id for one in reading] == [str(number) for number in range(20) if number != 7]
    (bad,) = reading.unusable
    assert str(bad).startswith(f"{path}:9: column result: '{result}' stands there; give a number")


def test_the_calls_of_a_judge_come_to_a_result_by_the_rule_of_the_type(tmp_path):
    calls = ["[1, 1, 0, 0, 1]", "[1,0,0,0,1]", "[]", "[2, 2, 1, 0, 0]", "[2, 2, null, 0, 0]",
             "[0, 0, 0, 0, 0]", "[2, 1]", "[None, 1]", "[1, 1, 1, 1, 1]", ""]  # fmt: skip
    reading = read_rbench_results(write_results(tmp_path / "r.csv", RBENCH_ROWS, calls))
    assert [one.result for one in reading] == [1, 0, None, 0.5, None, 0, 0.75, None, 1, None]


@pytest.mark.parametrize(
    ("calls", "fault", "mend"),
    [
        ("[1, 1, 0]", "there are 3 calls for MCQ", "give 5"),
        ("[2, 1, 1, 1, 1]", "a judge says [2, 1, 1, 1, 1] for MCQ", "give 0 to 1 each"),
        ("[1, 1, 0, 1, 3]", "'[1, 1, 0, 1, 3]' stands there", "list what the judge said"),
        ("[1, 1", "'[1, 1' stands there", "list what the judge said"),
        ("[print(1)]", "'[print(1)]' stands there", "list what the judge said"),
    ],
)
def test_calls_that_no_judge_can_have_made_are_named_and_left_out(tmp_path, calls, fault, mend):
    path = write_results(tmp_path / "r.csv", [*RBENCH_ROWS, *RBENCH_ROWS], [calls, *[0.5] * 19])
    reading = read_rbench_results(path)
    assert len(list(reading)) == 19
    assert f"r.csv:2: column result: {fault}; {mend}" in str(reading.unusable[0])


@pytest.mark.parametrize("parts", [STEPS, GROUPS], ids=["steps", "groups"])
def test_each_distortion_belongs_to_one_step_and_to_one_group(parts):
    assert len(parts) == 7
    assert sorted(id for ids in parts.values() for id in ids) == list(DISTORTIONS)


def test_a_number_that_stands_twice_in_a_table_of_results_counts_once(tmp_path):
    path = write_results(tmp_path / "r.csv", [*RBENCH_ROWS, *RBENCH_ROWS], [0.5] * 20)
    path.write_text(path.read_text("utf-8").replace("\n12,", "\n3,"), "utf-8")
    reading = read_rbench_results(path)
    assert len(list(reading)) == 19
    assert "'3' stands in line 5 too" in str(reading.unusable[0])


def test_the_questions_of_a_table_of_results_can_be_asked_again(release):
    (release / "Ref_Release.csv").unlink()
    write_results(release / "Result_dis.csv", RBENCH_ROWS[:9], [0.5] * 9)
    items = list(open_benchmark(release, pictures=release / "ref").read())
    assert [item.id for item in items] == [str(number) for number in range(9)]
    assert ("result", "0.5") in items[0].extra


def test_missing_columns_are_named(tmp_path):
    path = write_rbench(tmp_path / "r.csv")
    with pytest.raises(DataError, match="r.csv:1: no column result; a table of results has name"):
        read_rbench_results(path)
    rows = [row[1:7] for row in RBENCH_ROWS]
    path.write_text(table_text(RBENCH[1:7], rows, ","), "utf-8")
    with pytest.raises(DataError, match="r.csv:1: no column name, strength; R-Bench's columns are"):
        open_benchmark(path)


def test_tables_of_results_are_read_back_as_they_were_written(tmp_path):
    told = ("mid", None), ("high", 0.25), ("low", 1.0)
    options = ("Only one", "All; from all sides", "it's B:this")
    truths = (options[1],), ("北京",), ("A cat.", "A child's cat; asleep\nthere.")
    answers = [
        JudgedAnswer(
            str(7 * n), f"{n}.png", 'What "is", it?', kind, options if kind == "mcq" else (),
            truths[n], 9 + n, *told[n],
        )
        for n, kind in enumerate(("mcq", "vqa", "cap"))
    ]  # fmt: skip
    path = tmp_path / "new" / "Result_dis.csv"
    write_rbench_results(path, answers)
    found = list(read_rbench_results(path))
    assert [(one.id, one.name, one.distortion, one.result) for one in found] == [
        (one.id, one.name, one.distortion, one.result) for one in answers
    ]
    assert [one.type.lower() for one in found] == [one.task for one in answers]
    (path.parent / "dis").mkdir()
    for one in answers:
        (path.parent / "dis" / one.name).touch()
    items = list(open_benchmark(path, pictures=path.parent / "dis").read())
    assert [(item.id, item.choices, item.truths, item.damage.level) for item in items] == [
        (one.id, one.choices, one.truths, one.strength) for one in answers
    ]
    with pytest.raises(InputError, match="Result_dis.csv is there already"):
        write_rbench_results(path, answers)
