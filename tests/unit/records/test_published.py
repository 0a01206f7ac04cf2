"""A benchmark's format is seen in its file; broken rows are counted, named and left out."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from robust_r1.chain import Chain, Finding, render
from robust_r1.degradations import DegradationPlan
from robust_r1.errors import DataError
from robust_r1.images import encode_png
from robust_r1.records import AokvqaItem, Damage, UnusableRows, open_benchmark, write_records
from robust_r1.records.reading import JUDGED_FROM
from tests.support.benchmark_files import (
    RBENCH,
    RBENCH_ROWS,
    base64_of,
    table_text,
    write_rbench,
    write_tsv,
)
from tests.support.paths import ROOT

PLAN = DegradationPlan.parse("lens_blur=0.31", seed=3)
CHAIN = render(Chain((Finding("lens blur", 0.31),), "soft", "a kite flies", "a kite", "1"))
COLUMNS = ("file_name", "question", "A", "B", "answer", "category", "source")


@pytest.fixture
def folder(tmp_path, picture):
    """Return a folder with a picture, a.png."""
    (tmp_path / "a.png").write_bytes(encode_png(picture))
    return tmp_path


def write_lines(path, values):
    """Write JSON Lines; a text is a line as it is."""
    lines = [one if isinstance(one, str) else json.dumps(one) for one in values]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_questions(path, rows, columns=COLUMNS):
    """Write a table of questions about picture files."""
    path.write_text(table_text(columns, rows, ","), "utf-8")
    return path


def test_records_of_the_project_keep_their_plan_and_keys_that_they_alone_have(folder, picture):
    values = [
        {"image": "a.png", "question": "Who?", "choices": ["2", "3", "4"], "answer": "2"},
        {"image": "a.png", "question": "Who?", "choices": ["kite", "bird"], "answer": "1",
         "plan": json.loads(PLAN.to_json()), "topic": "noun", "kind": "mcq", "split": "test"},
        {"image": "a.png", "question": "Who?", "answer": "me", "id": "q7", "author": "A",
         "tags": ["x", 1]},
    ]  # fmt: skip
    path = write_lines(folder / "mine.jsonl", values)
    assert open_benchmark(path).format == "jsonl"
    one, two, three = open_benchmark(path).read()
    assert (one.truths, two.truths, three.truths) == (("2",), ("bird",), ("me",))
    assert (one.id, three.id) == ("1", "q7") and one.damage is None
    assert two.damage == Damage(plan=PLAN) and (two.category, two.split) == ("noun", "test")
    assert three.extra == (("author", "A"), ("tags", '["x", 1]')) and three.task == "vqa"
    assert np.array_equal(one.load_pictures()[0], picture)


def test_conversations_of_the_authors_become_questions(folder):
    asked = "<image>What flies?\n0. bird\n1. kite"
    turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": CHAIN}]
    plain = [{"from": "human", "value": "<image><image>Same?"}, {"from": "gpt", "value": "yes"}]
    values = [
        {"id": 4, "image": "a.png", "conversations": turns, "note": "x"},
        {"image": ["a.png", "a.png"], "conversations": plain},
    ]
    one, two = open_benchmark(write_lines(folder / "theirs.jsonl", values)).read()
    assert (one.id, one.question, one.choices) == ("4", "What flies?", ("bird", "kite"))
    assert one.truth == "kite" and one.damage == Damage(kind="lens blur(0.31)")
    assert one.extra == (("reply", CHAIN), ("note", "x"))
    assert two.truth == "yes" and len(two.load_pictures()) == 2 and two.damage is None


@pytest.mark.parametrize("answer", ["1", "1. 0"])
def test_where_a_format_writes_numbers_a_number_is_a_place(folder, answer):
    chain = CHAIN.replace("<ANSWER>1<", f"<ANSWER>{answer}<")
    turns = [{"from": "human", "value": "Which?\n0. 1\n1. 0"}, {"from": "gpt", "value": chain}]
    asked = {"image": "a.png", "question": "Which?", "choices": ["1", "0"], "answer": answer}
    values = [{"image": "a.png", "conversations": turns}, {**asked, "chain": chain}]
    path = write_lines(folder / "a.jsonl", values)
    assert [item.truth for item in open_benchmark(path).read()] == ["0", "0"]
    item = AokvqaItem("train", 1, "q", "Which?", ("1", "0"), 1)
    record = replace(item.record(), image="a.png")
    write_records(path, [record])
    assert [item.truth for item in open_benchmark(path).read()] == ["0"]


def test_the_example_of_the_readme_runs(folder, monkeypatch, capsys, picture):
    write_tsv(
        folder / "MMStar.tsv", [("1", base64_of(picture), "Who?", "me", "", "", "", "A", "", "")]
    )
    text = (ROOT / "robust_r1/records/README.md").read_text("utf-8")
    monkeypatch.chdir(folder)
    exec(re.search(r"^```python\n(.*?)^```$", text, re.M | re.S)[1], {})
    assert capsys.readouterr().out == f"1 Who? ('me',) me {picture.shape}\n"


def test_pictures_of_json_lines_lie_beside_the_file_or_in_the_folder_given(folder):
    (folder / "data").mkdir()
    path = write_lines(folder / "data" / "a.jsonl", [{"image": "a.png", "question": "Who?"}])
    with pytest.raises(UnusableRows, match="line 1, column image: no picture a.png in"):
        list(open_benchmark(path).read())
    assert len(list(open_benchmark(path, pictures=folder).read())) == 1


def test_broken_lines_of_json_are_named_and_the_lines_after_them_read(folder):
    good = {"image": "a.png", "question": "Who?"}
    bad = ['{"image": ', '{"image": "a.png"}', {**good, "choices": ["a", "b"], "answer": "9"}]
    values = [*([good] * 30), *bad, *([good] * 30)]
    reading = open_benchmark(write_lines(folder / "a.jsonl", values)).read()
    assert len(list(reading)) == 60
    assert [error.place.line for error in reading.unusable] == [31, 32, 33]
    faults = ("the JSON is broken", "no question", "none of the choices")
    for fault, error in zip(faults, reading.unusable, strict=True):
        assert fault in error.wrong


def test_a_folder_of_pictures_with_a_table_of_questions_is_a_benchmark(folder, picture):
    rows = [
        ("a.png", "What flies?", "a kite", "a bird", "B", "sky", "mine"),
        ("a.png", "How many?", "", "", "two", "", "mine"),
        ("['a.png', 'a.png']", "Same?", "yes", "no", "yes", "", ""),
    ]
    write_questions(folder / "sky.csv", rows)
    benchmark = open_benchmark(folder)
    assert (benchmark.format, benchmark.name) == ("questions", "sky")
    one, two, three = benchmark.read()
    assert (one.truths, two.truths, three.truths) == (("a bird",), ("two",), ("yes",))
    assert (one.id, three.id) == ("2", "4") and len(three.load_pictures()) == 2
    assert ("source", "mine") in one.extra and one.category == "sky"


def test_pictures_may_lie_in_a_folder_below_their_table(folder, picture):
    (folder / "pictures").mkdir()
    (folder / "a.png").rename(folder / "pictures" / "b.png")
    write_questions(folder / "sky.csv", [("b.png", "Who?", "", "", "me", "", "")])
    (item,) = open_benchmark(folder).read()
    assert np.array_equal(item.load_pictures()[0], picture)


def test_choices_may_stand_in_one_column(folder):
    rows = [
        ("a.png", "Who?", "['a', 'b']", "b"),
        ("a.png", "Who?", "a | b", "B"),
        ("a.png", "How many?", "2|3|4", "2"),
    ]
    path = write_questions(folder / "a.csv", rows, ("image", "question", "choices", "answer"))
    assert [item.truths for item in open_benchmark(path).read()] == [("b",), ("b",), ("2",)]


def test_the_share_of_unusable_rows_is_judged_from_the_200th_row_on(folder):
    good, bad = ("a.png", "Who?", "", "", "me", "", ""), ("", "Who?", "", "", "me", "", "")
    rows = [*([bad] * 11), *([good] * 500)]
    reading = open_benchmark(write_questions(folder / "a.csv", rows)).read()
    found = []
    with pytest.raises(UnusableRows) as caught:
        found.extend(reading)
    assert len(found) == JUDGED_FROM - 12 and reading.rows == JUDGED_FROM
    assert len(caught.value.unusable) == 11 == str(caught.value).count("a row without a picture")
    # As many at the end of a table that is long enough are few.
    rows = [*([good] * 500), *([bad] * 11)]
    reading = open_benchmark(write_questions(folder / "b.csv", rows)).read()
    assert len(list(reading)) == 500 and len(reading.unusable) == 11


def test_the_sentence_lists_twenty_and_the_error_all(folder):
    rows = [("", "Who?", "", "", "me", "", "")] * 30
    with pytest.raises(UnusableRows) as caught:
        list(open_benchmark(write_questions(folder / "a.csv", rows)).read())
    assert str(caught.value).count("line ") == 20 and "; and 10 more)" in str(caught.value)
    assert [error.place.line for error in caught.value.unusable] == list(range(2, 32))


def test_what_is_no_benchmark_is_refused_in_one_sentence(folder):
    cases = {
        "empty.tsv": (b"", "the file is empty"),
        "blank.csv": (b"\n \n", "the file is empty"),
        "sheet.csv": (b"PK\x03\x04rest", "an archive or a spreadsheet"),
        "wide.tsv": ("index\timage\n".encode("utf-16"), "this is UTF-16"),
        "list.json": (b'[{"image": "a.png"}]', "this is a JSON list"),
        "german.csv": (b"image;question\na.png;Who?\n", "semicolons separate the columns"),
        "other.csv": (b"one,two\n1,2\n", "no column question, image"),
        "caf.csv": (b"image,question\na.png,un caf\xe9?\n", "b.csv:2: column question: .*cp1252"),
        "cut.parquet": (b"PAR1 and no more", "could not be read"),
    }
    for name, (data, fault) in cases.items():
        (folder / name).write_bytes(data)
        with pytest.raises(DataError, match=fault.replace("b.csv", "caf.csv")) as caught:
            open_benchmark(folder / name)
        assert str(folder / name) in str(caught.value) and "\n" not in str(caught.value)
        assert "; " in str(caught.value)
    with pytest.raises(DataError, match="could not be read: No such file"):
        open_benchmark(folder / "nowhere.tsv")


def test_a_table_with_a_header_alone_holds_no_rows(folder):
    with pytest.raises(DataError, match="a.csv holds no rows"):
        list(open_benchmark(write_questions(folder / "a.csv", [])).read())


def test_a_folder_must_hold_one_data_file(folder):
    with pytest.raises(DataError, match="has no data file"):
        open_benchmark(folder)
    for name in ("a.csv", "b.csv"):
        write_questions(folder / name, [])
    with pytest.raises(DataError, match=r"several data files \(a.csv, b.csv\); name one"):
        open_benchmark(folder)


def test_opening_a_benchmark_reads_its_beginning_alone(folder):
    path = write_questions(folder / "a.csv", [("a.png", "Who?", "", "", "me", "", "")] * 3)
    benchmark = open_benchmark(path)
    assert len(list(benchmark.read())) == len(list(benchmark.read())) == 3


def write_parquet(path, rows, picture, **more):
    """Write R-Bench's rows with the bytes of their pictures, as the Hub stores them."""
    from pyarrow import Table
    from pyarrow.parquet import write_table

    columns = {name: [row[place] for row in rows] for place, name in enumerate(RBENCH)}
    if picture is not None:
        columns["image"] = [{"bytes": encode_png(picture), "path": row[0]} for row in rows]
    write_table(Table.from_pydict(columns | more), path)
    return path


def test_rbench_in_parquet_gives_the_items_of_its_table(folder, picture):
    for name in {row[0] for row in RBENCH_ROWS}:
        (folder / name).write_bytes(encode_png(picture))
    rows = [*RBENCH_ROWS[:9], *RBENCH_ROWS, *RBENCH_ROWS[:9]]
    table = open_benchmark(write_rbench(folder / "a.csv", rows)).read()
    parquet = open_benchmark(write_parquet(folder / "a.parquet", rows, picture)).read()
    for one, other in zip(table, parquet, strict=True):
        assert (one.id, one.question, one.choices) == (other.id, other.question, other.choices)
        assert (one.truths, one.damage, one.task) == (other.truths, other.damage, other.task)
        assert dict(other.extra) == dict(one.extra)
        assert np.array_equal(one.load_pictures()[0], other.load_pictures()[0])
    assert [error.wrong for error in table.unusable] == [error.wrong for error in parquet.unusable]
    assert len(parquet.unusable) == 1


def test_mmstar_in_parquet_has_its_options_in_the_question(tmp_path, picture):
    from pyarrow import Table
    from pyarrow.parquet import write_table

    pair = [{"bytes": encode_png(picture), "path": None}, {"bytes": encode_png(255 - picture)}]
    columns = {
        "index": [0, 1, 2],
        "question": ["Where?\nOptions: A: on the book., B: below", "Who?", "Same?"],
        "image": [pair[:1], pair[1:], pair],
        "answer": ["B", "me", None],
        "category": ["spatial", "who", None],
        "options": [None, None, ["yes", "no"]],
        "meta_info": [{"source": "x"}, {"source": "y"}, None],
    }
    write_table(Table.from_pydict(columns), tmp_path / "mmstar.parquet")
    benchmark = open_benchmark(tmp_path / "mmstar.parquet")
    one, two, three = benchmark.read()
    assert (benchmark.format, one.truth, two.truth) == ("vlmevalkit", "below", "me")
    assert (three.id, three.truths, three.choices) == ("2", (), ("yes", "no"))
    assert dict(one.extra) == {"meta_info": '{"source": "x"}'} and one.category == "spatial"
    assert [len(item.pictures) for item in (one, two, three)] == [1, 1, 2]
    assert np.array_equal(three.load_pictures()[1], 255 - picture)


def test_a_parquet_file_that_is_damaged_within_is_named_as_it_is_read(tmp_path, picture):
    path = write_parquet(tmp_path / "a.parquet", RBENCH_ROWS[:9], picture)
    data = bytearray(path.read_bytes())
    data[40:400] = bytes(360)
    path.write_bytes(data)
    with pytest.raises(DataError, match="a.parquet could not be read: .*; download it again"):
        list(open_benchmark(path).read())


def test_parts_of_a_parquet_file_are_read_as_one(tmp_path, picture):
    for part in range(3):
        name = f"test-0000{part}-of-00003.parquet"
        write_parquet(tmp_path / name, RBENCH_ROWS[part * 3 : part * 3 + 3], picture)
    items = list(open_benchmark(tmp_path).read())
    assert [item.id for item in items] == [str(number) for number in range(9)]
    assert [item.question for item in items] == [row[1] for row in RBENCH_ROWS[:9]]


def test_of_several_columns_of_pictures_one_must_be_named(tmp_path, picture):
    dark = [encode_png(picture // 2)] * 9
    path = write_parquet(tmp_path / "a.parquet", RBENCH_ROWS[:9], picture, distorted=dark)
    with pytest.raises(DataError, match="choose one of distorted, image"):
        open_benchmark(path)
    item = next(open_benchmark(path, pictures="distorted").read())
    assert np.array_equal(item.load_pictures()[0], picture // 2)


def test_of_r_bench_in_parquet_both_columns_are_read_by_their_names(tmp_path, picture):
    pytest.importorskip("pyarrow")
    pair = {"dis_image": [encode_png(picture // 2)] * 9, "ref_image": [encode_png(picture)] * 9}
    path = write_parquet(tmp_path / "a.parquet", RBENCH_ROWS[:9], None, **pair)
    file = open_benchmark(path)
    for item in file.read():
        assert np.array_equal(item.load_pictures()[0], picture // 2)
        assert np.array_equal(item.references[0].load(), picture)
    assert file.references and not open_benchmark(path, pictures="dis_image").references


def test_without_pyarrow_a_parquet_file_says_how_to_read_it(tmp_path, picture):
    path = write_parquet(tmp_path / "a.parquet", RBENCH_ROWS[:1], picture)
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from robust_r1.records import open_benchmark\n"
        f"open_benchmark({str(path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the package pyarrow that reads these is not installed; run: pip install" in done.stderr
