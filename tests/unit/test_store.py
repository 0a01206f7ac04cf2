"""The notebook: it survives restarts and several writers, and says what is wrong with its file."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from robust_r1 import store
from robust_r1.errors import DataError, InputError
from robust_r1.store import Marks, Notebook
from tests.support.paths import ROOT

CASE = ("minibench/tiny-sft", "mcq-001-high")


@pytest.fixture
def notebook(tmp_path):
    """Return a notebook whose file is not there yet."""
    return Notebook(tmp_path / "folder" / "notebook.sqlite")


def test_looking_makes_no_file_and_the_first_writer_makes_it(notebook):
    assert notebook.marks(*CASE) == Marks() and notebook.all_marks() == {}
    assert notebook.tags() == () and notebook.filters() == {}
    assert not notebook.path.parent.exists()
    notebook.set_tags(*CASE, ["odd"])
    assert notebook.path.exists()


def test_marks_and_filters_survive_a_restart(notebook):
    notebook.set_tags(*CASE, ["odd", "very  dark"])
    notebook.write_note(*CASE, " The ring is hidden. ", 0)
    notebook.save_filter("wrong ones", "{}")
    program = (
        "import sys; from pathlib import Path; from robust_r1.store import Notebook\n"
        "book = Notebook(Path(sys.argv[1])); print(book.marks(*sys.argv[2:]), book.filters())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(notebook.path), *CASE], cwd=ROOT, text=True,
        capture_output=True, check=True,
    )
    assert "('odd', 'very dark')" in done.stdout and "The ring is hidden." in done.stdout
    assert "{'wrong ones': '{}'}" in done.stdout
    notebook.set_tags(*CASE, remove=["odd"])
    notebook.delete_filter("wrong ones")
    assert notebook.tagged("very dark") == {CASE} and notebook.tagged("odd") == frozenset()
    assert notebook.filters() == {} and notebook.all_marks()[CASE].tags == ("very dark",)


def test_writers_at_the_same_time_lose_nothing(notebook):
    def write(number: int) -> None:
        Notebook(notebook.path).set_tags(*CASE, [f"tag {number}"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    assert len(notebook.marks(*CASE).tags) == 24


def test_a_note_is_written_over_only_by_somebody_who_has_read_it(notebook):
    assert notebook.write_note(*CASE, "mine", 0).revision == 1
    with pytest.raises(InputError, match='now reads "mine"'):
        notebook.write_note(*CASE, "yours", 0)
    assert notebook.marks(*CASE).note == "mine"
    assert notebook.write_note(*CASE, "both", 1).note == "both"


def test_an_older_notebook_is_brought_up_and_keeps_what_it_holds(notebook):
    notebook.path.parent.mkdir()
    with sqlite3.connect(notebook.path) as file:
        file.executescript(store._MIGRATIONS[0] + "PRAGMA user_version = 1;")
        file.execute("INSERT INTO tags VALUES (?, ?, 'old')", CASE)
    file.close()
    assert notebook.filters() == {} and notebook.tags() == ("old",)


def test_a_file_that_is_no_notebook_is_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary\n" * 100)
    with pytest.raises(DataError, match="is no notebook"):
        Notebook(path).set_tags(*CASE, ["odd"])
    assert path.read_text().startswith("dear diary")


def test_a_notebook_of_a_newer_version_is_refused(notebook):
    notebook.set_tags(*CASE, ["odd"])
    with sqlite3.connect(notebook.path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(DataError, match="newer version"):
        notebook.tags()


def test_a_locked_notebook_says_so(notebook, monkeypatch):
    notebook.set_tags(*CASE, ["odd"])
    monkeypatch.setattr(store, "_WAIT", 0.05)
    holder = sqlite3.connect(notebook.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(DataError, match="locked by another program"):
            notebook.set_tags(*CASE, ["more"])
    finally:
        holder.close()
    assert notebook.marks(*CASE).tags == ("odd",)


@pytest.mark.parametrize("name", ["", "  ", "x" * 41])
def test_a_tag_or_filter_without_a_usable_name_is_refused(notebook, name):
    with pytest.raises(InputError, match="1 to 40 characters"):
        notebook.set_tags(*CASE, [name])
    with pytest.raises(InputError, match="1 to 40 characters"):
        notebook.save_filter(name, "{}")


def test_many_cases_get_a_tag_at_once_and_lose_it_alone(notebook):
    keys = [("minibench/tiny-sft", f"case-{number}") for number in range(300)]
    notebook.set_tags(*keys[0], ["dark"])
    assert notebook.tag_all(keys, "  very   odd ") == "very odd"
    assert notebook.tag_all(keys[:100], "very odd") == "very odd"
    assert notebook.tagged("very odd") == frozenset(keys)
    notebook.tag_all(keys[:299], "very odd", remove=True)
    assert notebook.tagged("very odd") == frozenset(keys[299:])
    assert notebook.marks(*keys[0]).tags == ("dark",)
    with pytest.raises(InputError, match="give a tag"):
        notebook.tag_all(keys, " ")
