"""Claims about the file that keeps what is done: whole lines, found again, whatever happened."""

import json
import resource

import pytest

from robust_r1.errors import DataError
from train.common.journal import Journal


def write(path, *names):
    with Journal(path, "name") as journal:
        for name in names:
            journal.add({"name": name, "text": name * 3})


def test_what_was_added_is_found_again_after_it_was_closed(tmp_path):
    write(tmp_path / "a", "one", "zwei \u00fc")
    write(tmp_path / "a", "three")
    with Journal(tmp_path / "a", "name") as journal:
        assert list(journal) == ["one", "zwei \u00fc", "three"] and len(journal) == 3
        assert journal.get("zwei \u00fc")["text"] == "zwei \u00fc" * 3
        assert json.loads(journal.line("three"))["name"] == "three"
        assert "four" not in journal and journal.get("four") is None


@pytest.mark.parametrize("kept", range(1, 12))
def test_a_line_that_a_crash_cut_is_gone_and_the_next_one_stands_in_its_place(tmp_path, kept):
    write(tmp_path / "a", "one", "two")
    data = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(data[: data.index(b"\n") + 1 + kept])
    write(tmp_path / "a", "two")
    assert (tmp_path / "a").read_bytes() == data


def test_a_full_disk_leaves_nothing_of_a_line(tmp_path):
    write(tmp_path / "a", "one")
    before = (tmp_path / "a").read_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(tmp_path / "a", "name") as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
        try:
            with pytest.raises(DataError, match="a could not be written: No space left"):
                journal.add({"name": "two"})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert (tmp_path / "a").read_bytes() == before and "two" not in journal
        journal.add({"name": "two"})
    assert (tmp_path / "a").read_bytes() == before + b'{"name": "two"}\n'


def test_a_file_of_something_else_is_named_by_its_line(tmp_path):
    (tmp_path / "a").write_text('{"name": "one"}\n[1, 2]\n')
    with pytest.raises(DataError, match="a:2: this is no line of its own"):
        Journal(tmp_path / "a", "name")
