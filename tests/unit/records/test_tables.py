"""Tables are read row by row, can be read again at any row, and name what cannot be read."""

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robust_r1.errors import DataError
from robust_r1.records import RecordError
from robust_r1.records.tables import LONGEST_ROW, Row, open_table
from tests.support.benchmark_files import table_text

texts = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\0"))


def read(path, delimiter="\t", encoding=None):
    """Return the rows that can be read, and what is said about the others."""
    rows = list(open_table(path, delimiter, encoding).rows())
    return [row for row in rows if isinstance(row, Row)], [
        row for row in rows if isinstance(row, RecordError)
    ]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(texts, texts.filter(bool)), min_size=1, max_size=5), st.booleans())
def test_every_row_is_read_as_it_was_written_and_read_again_by_its_place(tmp_path, rows, bom):
    path = tmp_path / "a.tsv"
    data = table_text(("one", "two"), rows, "\t").encode()
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + data)
    table = open_table(path, "\t")
    found = list(table.rows())
    assert [tuple(row.cells.values()) for row in found] == rows
    for row in found:
        assert table.row_at(row.offset, row.place.line) == row
        lines = path.read_bytes()[: row.offset].count(b"\n")
        assert row.place.line == lines + 1


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("x\ty\tz", "3 fields under 2 columns"),
        ("x", "1 fields under 2 columns"),
        ('"x\ty', "the table is broken: text follows a closing quote"),
        ('"x"x\ty', "the table is broken: text follows a closing quote"),
        ("x\ry\tz", "the table is broken: a carriage return stands in a field without quotes"),
    ],
    ids=["wide", "narrow", "open quote", "text after a quote", "return"],
)
def test_a_broken_row_is_named_by_its_line_and_the_rows_after_it_are_read(tmp_path, bad, fault):
    path = tmp_path / "a.tsv"
    path.write_text(f'one\ttwo\n1\t"a\nb"\n{bad}\n2\t"c\nd"\n3\te\n')
    rows, faults = read(path)
    assert [tuple(row.cells.values()) for row in rows] == [("1", "a\nb"), ("2", "c\nd"), ("3", "e")]
    assert [row.place.line for row in rows] == [2, 5, 7]
    (only,) = faults
    assert str(only).startswith(f"{path}:4: ") and fault in str(only)


def test_a_quote_that_is_never_closed_costs_one_row_and_no_more_than_its_bound(tmp_path):
    path = tmp_path / "a.tsv"
    with path.open("w") as file:
        file.write('one\ttwo\n1\t"open\n')
        for number in range(2, 12):
            file.write(f"{number}\t{'P' * (LONGEST_ROW // 8)}\n")
    rows, faults = read(path)
    assert [row.cells["one"] for row in rows] == [str(number) for number in range(2, 12)]
    assert [str(fault.place) for fault in faults] == ["line 2"] and "32 MB" in faults[0].wrong


def test_a_byte_that_is_no_utf_8_is_named_by_its_line_and_column(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(b"one\ttwo\n1\tgood\n2\tcaf\xe9 au lait\n3\tna\xc3\xafve\n")
    rows, (fault,) = read(path)
    assert [row.cells["two"] for row in rows] == ["good", "naïve"]
    assert str(fault) == f"{path}:3: column two: this is not UTF-8; save the table as UTF-8"


@pytest.mark.parametrize(
    "text", ["北京很冷", "D.orange；E.yellow", "it’s ‘so’", "a kite, 风筝", "÷ 3", "他说：“好”。"]
)
def test_gbk_is_recognized_by_its_chinese_text_and_signs(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(table_text(("one", "two"), [("1", "plain"), ("2", text)], ",").encode("gbk"))
    rows, faults = read(path, ",")
    assert rows[1].cells["two"] == text and not faults


@pytest.mark.parametrize(
    "text",
    [
        "café",
        "Müller geht",
        "l’été",
        "naïve “quoted”",
        "garçon",
        "créée",
        "Größe",
        "señor",
        "20 € net",
    ],
)
def test_a_western_spreadsheet_is_never_taken_for_gbk(tmp_path, text):
    """In GBK many of these are characters too: "garçon" would be "gar鏾n"."""
    path = tmp_path / "a.csv"
    path.write_bytes(
        table_text(("one", "two"), [("1", "plain"), ("2", text)], ",").encode("cp1252")
    )
    with pytest.raises(DataError, match="a.csv:3: column two: .*cp1252") as caught:
        open_table(path, ",")
    assert "save the table as UTF-8" in str(caught.value)
    rows, _ = read(path, ",", "cp1252")  # who says so may have it
    assert rows[1].cells["two"] == text


def test_one_bad_byte_among_utf_8_is_one_bad_row_of_a_table_with_commas(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("one,two\n1,naïve\n2,北京\n".encode() + b"3,caf\xe9 noir\n4,plain\n")
    rows, (fault,) = read(path, ",")
    assert [row.cells["one"] for row in rows] == ["1", "2", "4"]
    assert str(fault.place) == "line 4, column two"


def test_one_bad_byte_in_gbk_is_one_bad_row(tmp_path):
    path = tmp_path / "a.csv"
    good = "".join(f"{number},北京很冷\n" for number in range(1, 10)).encode("gbk")
    path.write_bytes(b"one,two\n" + good + b"10,\xff no\n")
    rows, (fault,) = read(path, ",")
    assert [row.cells["two"] for row in rows] == ["北京很冷"] * 9
    assert str(fault) == f"{path}:11: column two: this is not GBK; save the table as UTF-8"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", ":1: the file is empty"),
        (b"\n\n", ":1: the file is empty"),
        (b"one\tone\n1\t2\n", ":1: column one is there twice"),
        ("one\ttwo\n1\t2\n".encode("utf-16"), ":1: this is UTF-16"),
        (b'"one\ttwo\n1\t2\n', ":1: the header is broken"),
    ],
    ids=["empty", "blank", "twice", "utf-16", "quote"],
)
def test_a_table_without_a_usable_header_is_refused(tmp_path, data, fault):
    (tmp_path / "a.tsv").write_bytes(data)
    with pytest.raises(DataError) as caught:
        open_table(tmp_path / "a.tsv", "\t")
    assert fault in str(caught.value) and "; " in str(caught.value)


def test_memory_is_that_of_a_row_whatever_the_size_of_the_table(tmp_path):
    path = tmp_path / "a.tsv"
    with path.open("w") as file:
        file.write("one\ttwo\n")
        for number in range(160):
            file.write(f"{number}\t{'P' * 100_000}\n")
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_table(path, "\t").rows()) == 160
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000 < path.stat().st_size / 5
